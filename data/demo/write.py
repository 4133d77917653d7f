"""The demo company, written: one Parquet file per contract table, and the truth beside them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.contract import CONTRACT, TABLES
from data.demo.adoption import simulate_adoption
from data.demo.calendar import NEVER, History
from data.demo.campaigns import campaigns_table, consents_table, plan_campaigns, simulate_mailings, touches_table
from data.demo.catalogue import PRODUCT_IDS, products_table
from data.demo.data_defects import plant_defects
from data.demo.deal_history import deal_tables
from data.demo.deals import expansion_deals, merge_deals, new_business_deals, renewal_deals
from data.demo.health_simulation import simulate_health
from data.demo.invoices import costs_table, invoices_table, responses_table
from data.demo.leak_truth import HiddenState, leaks_table, true_leaks
from data.demo.leaks import (
    plant_discounts,
    plant_forgotten_deals,
    plant_outgrown_seats,
    plant_promotions,
    plant_unnoticed_downgrades,
    plant_untouched_leads,
)
from data.demo.misleading import note_misleading_rows
from data.demo.orders import orders_table
from data.demo.population import make_population
from data.demo.regime import SIGNS, change_regime
from data.demo.subscriptions import simulate_contracts, subscriptions_table, usage_table
from data.demo.support import activities_table, tickets_table
from data.demo.truth import truth_tables
from data.schema import Kind, Table

ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class DemoSummary:
    """What was written: rows of each contract table, and of each table of the truth."""

    rows: dict[str, int]
    truth: dict[str, int]

    def __str__(self) -> str:
        named = ("accounts", "contacts", "orders", "subscriptions", "opportunities", "touches", "usage")
        return (
            ", ".join(f"{self.rows[name]:,} {name}" for name in named) + f" – {sum(self.rows.values()):,} rows in all"
        )


def write_demo(
    folder: Path,
    *,
    until: datetime,
    size: float = 1.0,
    seed: int = 7,
    timezone: str = "Europe/Istanbul",
    years: int = 3,
    regime_change: datetime | None = None,
    regime_signs: Sequence[str] = tuple(SIGNS),
) -> DemoSummary:
    """The rows written: every contract table as ``folder/crm/<table>.parquet``, the truth below ``folder/truth/``.

    ``until`` (naive UTC) is when the CRM was exported: its day is incomplete, and nothing that became known later is
    there. Size 1 is 1,200 accounts; the work is linear in it. The same arguments give the same bytes.
    From ``regime_change`` (naive UTC) on, customers behave otherwise in the ways of ``regime_signs``
    (``data.demo.regime``); what came before is the same with and without it.
    """
    if until.tzinfo is not None:
        raise ValueError(
            f"until must be a naive UTC instant, not {until!r}: drop its time zone after turning it to UTC"
        )
    if regime_change is not None and (regime_change.tzinfo is not None or regime_change >= until):
        raise ValueError(f"regime_change must be a naive UTC instant before until ({until}), not {regime_change!r}")
    if size <= 0 or years < 1:
        raise ValueError(f"size must be greater than 0 and years at least 1, not {size} and {years}")
    history = History.ending(until, years, timezone)
    population = make_population(history, size, seed)
    new, joined = new_business_deals(population, history, seed)
    campaigns = plan_campaigns(population, history, seed)
    consents, granted, withdrawn = consents_table(population, history, seed)
    reachable = (granted < NEVER) & population.contacts["email"].notna().to_numpy()
    health = simulate_health(
        population, joined, simulate_mailings(population, campaigns, reachable, len(history.months)), history, seed
    )
    adoptions, more = simulate_adoption(
        population, health, expansion_deals(population, health, history, seed), history, seed
    )
    contracts, terms = simulate_contracts(population, health, adoptions, history, seed)
    renewal = renewal_deals(terms.account, terms.ends, terms.renewed, terms.mrr, terms.product, seed)
    deals = merge_deals([new, more, renewal], history.until)
    forgotten = plant_forgotten_deals(population, deals, history, seed)
    opportunities, changes = deal_tables(population, forgotten, PRODUCT_IDS, history, seed)
    contracts, promotions, promoted = plant_promotions(contracts, history, seed)
    touches, unsubscribed, unmarked = touches_table(
        population, health, campaigns, granted, withdrawn, reachable, history, seed
    )
    orders, given = plant_discounts(
        population, orders_table(population, health, adoptions, history, seed), history, seed
    )
    invoices, payments = invoices_table(population, health, contracts, orders, history, seed)
    tables = {
        "accounts": population.accounts,
        "contacts": population.contacts,
        "consents": pd.concat([consents, unsubscribed], ignore_index=True).drop_duplicates(
            ["contact_id", "recorded_at"], ignore_index=True
        ),
        "products": products_table(history.days[0], history.days[-1]),
        "orders": orders,
        "subscriptions": subscriptions_table(health, contracts),
        "opportunities": opportunities,
        "opportunity_changes": changes,
        "campaigns": pd.concat([campaigns_table(campaigns, history, seed), promotions], ignore_index=True),
        "touches": touches,
        "activities": activities_table(population, health, deals, history, seed),
        "tickets": tickets_table(population, health, history, seed),
        "usage": plant_outgrown_seats(usage_table(health, contracts, history, seed), contracts, history, seed),
        "invoices": invoices,
        "costs": costs_table(population, history, seed),
        "owners": population.owners,
        "responses": responses_table(population, health, history, seed),
    }
    plant_unnoticed_downgrades(tables, contracts, history, seed)
    forms = plant_untouched_leads(population, tables, joined, history, seed)
    hidden = HiddenState(contracts, deals, forgotten, payments, given, promoted, joined)
    leaks = true_leaks({**tables, "touches": pd.concat([touches, forms], ignore_index=True)}, hidden, history)
    notes = plant_defects(tables, pd.Timestamp(until), seed)
    tables["touches"] = pd.concat([tables["touches"], forms.assign(known_at=forms["happened_at"])], ignore_index=True)
    note_misleading_rows(tables, touches.iloc[unmarked], history, notes)
    trouble = notes.table()
    truth = {**truth_tables(population, health, deals, adoptions, history), "trouble": trouble,
             "leaks": leaks_table(leaks, tables, trouble, history)}  # fmt: skip
    if regime_change is not None:
        truth["regime"] = change_regime(tables, pd.Timestamp(regime_change), pd.Timestamp(until), seed, regime_signs)
    for part in ("crm", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    for table in CONTRACT:
        _write(folder / "crm", table, tables[table.name])
    for name, rows in truth.items():
        rows.to_parquet(folder / "truth" / f"{name}.parquet", index=False)
    return DemoSummary({name: len(tables[name]) for name in TABLES}, {name: len(truth[name]) for name in truth})


def _write(folder: Path, table: Table, rows: pd.DataFrame) -> None:
    fields = [pa.field(c.name, ARROW[c.kind]) for c in table.columns] + [pa.field("known_at", pa.timestamp("us"))]
    arrow = pa.Table.from_pandas(rows[list(table.names)], schema=pa.schema(fields), preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata(None), folder / f"{table.name}.parquet", compression="zstd")
