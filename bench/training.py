"""Seconds and peak memory of one training at scale: churn, on a million accounts at twelve dates and more.

``python -m bench.training [--accounts 1000000]``. Contract tables are simulated in DuckDB and written as Parquet, as a
night would leave them: orders that become rare before an account churns, subscriptions of a third, tickets. That is not
counted. The training runs in a process of its own, from those files to an evaluated and calibrated challenger; its peak
is the resident memory of that process. ``training.rows`` are the episodes it is trained on: of very many accounts the
model draws a sample (``models.training.rows.MAX_ROWS``), all dates of each. CPU seconds are shown as well, since other
work on the machine lengthens wall-clock seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import duckdb

from bench.harness.result import print_result
from data.contract import CONTRACT
from data.lake import connect
from features.company import Company, CompanySettings
from models.churn import CHURN
from models.model import Abstention

AS_OF = date(2026, 6, 30)
ROWS = {
    "accounts": """
        SELECT 'A' || i AS account_id, 'Account ' || i AS name,
            ['small', 'middle', 'large'][1 + i % 3] AS segment, ['north', 'south', 'west'][1 + i % 3] AS region,
            10 + i % 500 AS employees, joined AS created_at, joined AS known_at
        FROM people""",
    "products": """
        SELECT 'P' || i AS product_id, 'Product ' || i AS name, 'F' || (i % 4) AS family, 10.0 * (i + 1) AS list_price,
            0.4 AS margin_rate, i < 3 AS recurring
        FROM range(12) AS t(i)""",
    "orders": """
        SELECT 'O' || i || '-' || n AS order_id, '1' AS line_id, 'A' || i AS account_id,
            'P' || (hash(i * 97 + n) % 12) AS product_id, 1.0 AS quantity,
            20.0 + (hash(i * 31 + n) % 20000) / 100 AS amount, 'EUR' AS currency, 'placed' AS status,
            moment AS ordered_at, moment AS known_at
        FROM (
            SELECT i, n, left_at,
                joined + to_seconds(CAST(86400 * gap * (n + (hash(i * 7 + n) % 100) / 100.0) AS BIGINT)) AS moment
            FROM people, range(40) AS t(n)
        ) WHERE moment < least(left_at, TIMESTAMP '2026-06-30')""",
    "subscriptions": """
        SELECT 'S' || i AS subscription_id, 'A' || i AS account_id, 'P' || (i % 3) AS product_id, 1 + i % 40 AS seats,
            (1 + i % 40) * 12.0 AS mrr, joined AS started_at,
            CASE WHEN left_at < TIMESTAMP '2026-06-30' THEN left_at END AS ended_at, true AS auto_renew,
            joined AS known_at
        FROM people WHERE i % 3 = 0""",
    "tickets": """
        SELECT 'T' || i || '-' || n AS ticket_id, 'A' || i AS account_id, moment AS opened_at, moment AS known_at
        FROM (
            SELECT i, n, left_at, left_at - to_days(CAST(15 * n + hash(i * 13 + n) % 60 AS INTEGER)) AS moment
            FROM people, range(3) AS t(n) WHERE risky
        ) WHERE moment BETWEEN TIMESTAMP '2024-01-01' AND TIMESTAMP '2026-06-29'""",
}
PEOPLE = """
    CREATE TABLE people AS
    SELECT i, joined, gap, risky,
        joined + to_days(CAST(-ln(1 - u) * CASE WHEN risky THEN 300 ELSE 3000 END AS INTEGER)) AS left_at
    FROM (
        SELECT i, TIMESTAMP '2024-01-01' + to_hours(CAST(hash(i) % 13000 AS INTEGER)) AS joined,
            15 + hash(i * 3) % 60 AS gap, hash(i * 5) % 10 < 3 AS risky, (hash(i * 11) % 100000) / 100000.0 AS u
        FROM range({accounts}) AS t(i)
    )"""


def main() -> None:
    """Simulate, train in a process of its own, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        sys.stdout.write(json.dumps(train(options.train)) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        counts = simulate(Path(folder), options.accounts)
        command = [sys.executable, "-m", "bench.training", "--train", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float | None] = json.loads(done.stdout.splitlines()[-1])
    rows = [[table, f"{count:,}", ""] for table, count in counts.items()]
    rows += [
        ["episodes, a sample of all", f"{figures['training.rows']:,.0f}", ""],
        ["seconds", f"{figures['training.seconds']:.0f}", "≤ 600"],
        ["CPU seconds", f"{figures['training.cpu_seconds']:.0f}", ""],
        ["peak GiB", f"{figures['training.peak_gib']:.2f}", "≤ 8"],
        ["AUC out of time", f"{figures['training.auc']:.3f}", ""],
    ]
    print_result(f"one training, {options.accounts:,} accounts", ["figure", "value", "target"], rows, figures)


def simulate(folder: Path, accounts: int) -> dict[str, int]:
    """Write every contract table as Parquet, empty where nothing is simulated; rows of each that has any."""
    con = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spill")})
    con.execute(PEOPLE.format(accounts=accounts))
    counts = {}
    for table in CONTRACT:
        query = ROWS.get(table.name, "SELECT 1 AS nothing WHERE false")
        simulated = {name for name, *_ in con.execute(f"DESCRIBE {query}").fetchall()}
        columns = [
            f'CAST({name if name in simulated else "NULL"} AS {kind}) AS "{name}"'
            for name, kind in table.types().items()
        ]
        path = folder / f"{table.name}.parquet"
        con.execute(f"COPY (SELECT {', '.join(columns)} FROM ({query})) TO '{path}' (FORMAT parquet)")
        (count,) = con.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0]
        if count:
            counts[table.name] = int(count)
    return counts


def train(folder: Path) -> dict[str, float]:
    """Seconds, memory, rows and AUC of one training from the files."""
    start, cpu_start = perf_counter(), process_time()
    backend = connect()
    tables = {table.name: backend.read_parquet(str(folder / f"{table.name}.parquet")) for table in CONTRACT}
    challenger = CHURN.train(Company(tables, AS_OF, CompanySettings("UTC", "EUR", 7), backend))
    if isinstance(challenger, Abstention):
        raise SystemExit(f"the churn model abstains: {challenger.reason}")
    return {
        "training.seconds": perf_counter() - start,
        "training.cpu_seconds": process_time() - cpu_start,
        "training.peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "training.rows": float(challenger.rows),
        "training.auc": challenger.evaluation.metrics["auc"],
    }


if __name__ == "__main__":
    main()
