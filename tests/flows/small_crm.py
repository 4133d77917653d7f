"""A CRM of ten customers, their orders and nothing else: every model has a reason to abstain."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pandas as pd

from data.contract import TABLES

AS_OF = date(2025, 6, 2)
CUSTOMERS = 10
ORDERS_EACH = 12
DATED_IN_THE_FUTURE = 2
MAPPING_TOML = '[company]\ntimezone = "Europe/Istanbul"\ncurrency = "EUR"\n'


def small_crm(folder: Path, as_of: date = AS_OF) -> Path:
    """The folder, with CSV files of accounts, products and orders: each customer ordered once a month until the day
    before ``as_of``, and two more lines are dated in the year 2999."""
    folder.mkdir(parents=True)
    begun = datetime.combine(as_of - timedelta(days=400), time(9))
    customers = range(1, CUSTOMERS + 1)
    written = {
        "accounts": [{"account_id": f"A{n}", "name": f"Customer {n}", "created_at": begun} for n in customers],
        "products": [
            {"product_id": f"P{n}", "name": f"Product {n}", "family": f"F{n % 2}", "list_price": 10.0 * n}
            for n in (1, 2, 3, 4)
        ],
        "orders": [order(n, month, as_of) for n in customers for month in range(ORDERS_EACH)]
        + [
            {**order(n, 0, as_of), "order_id": f"late-{n}", "ordered_at": datetime(2999, 1, 1)}
            for n in range(1, DATED_IN_THE_FUTURE + 1)
        ],
    }
    for name, rows in written.items():
        pd.DataFrame(rows, columns=list(TABLES[name].names)).to_csv(folder / f"{name}.csv", index=False)
    return folder


def order(customer: int, month: int, as_of: date) -> dict[str, object]:
    """One line: what a customer bought some months before a date."""
    day = as_of - timedelta(days=1 + 30 * month + customer % 5 * (month > 0))
    return {
        "order_id": f"O{customer}-{month}",
        "line_id": "1",
        "account_id": f"A{customer}",
        "product_id": f"P{(customer + month) % 3 + 1}",
        "quantity": 2,
        "amount": 20.0 + customer,
        "ordered_at": datetime.combine(day, time(10)),
        "status": "placed",
    }


def mapping(folder: Path) -> Path:
    """The folder of the mapping of such a CRM: it has accounts, products and orders, and no other table."""
    shipped = Path(__file__).parents[2] / "data" / "mappings" / "demo"
    folder.mkdir(parents=True)
    for table in ("accounts", "products", "orders"):
        (folder / f"{table}.sql").write_text((shipped / f"{table}.sql").read_text())
    (folder / "mapping.toml").write_text(MAPPING_TOML)
    return folder
