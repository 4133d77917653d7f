"""Facts as known at the dates of a spine: the only way in which features read the company's tables."""

from datetime import datetime

import ibis
import ibis.expr.types as ir
import pandas as pd

from data.contract import TABLES
from data.point_in_time import cut_as_of
from features.company import Company

DAY = 86400.0


def spine_keys(spine: ir.Table, by: str) -> ir.Table:
    """One row per distinct ``by`` and date of a spine: ``by, as_of, as_of_at``."""
    return spine.select(by, "as_of", "as_of_at").distinct()


def facts_as_of(company: Company, spine: ir.Table, table: str, by: str = "account_id") -> ir.Table:
    """The rows of a contract table that were known before each date of the spine, with their ``age`` in days.

    One row per spine key and known fact; columns that were filled in later are NULL. The age is measured
    from the fact's instant to ``as_of_at``, and NULL for tables whose rows have no date.
    """
    contract = TABLES[table]
    joined = spine_keys(spine, by).join(company.tables[table], by)
    known = cut_as_of(joined, contract, joined.as_of_at)
    return known.mutate(age=age_days(known, contract.happened_at) if contract.happened_at else ibis.null("float64"))


def with_product(company: Company, rows: ir.Table, *columns: str) -> ir.Table:
    """Spine-joined rows with columns of their product, NULL where the product was not known yet."""
    products = company.tables["products"].select("product_id", *columns, product_known_at="known_at")
    joined = rows.left_join(products, "product_id").drop("product_id_right")
    known = joined.product_known_at.isnull() | (joined.product_known_at < joined.as_of_at)
    cut = {name: ibis.ifelse(known, joined[name], ibis.null(joined[name].type())) for name in columns}
    return joined.mutate(**cut).drop("product_known_at")


def age_days(rows: ir.Table, column: str) -> ir.FloatingValue:
    """Days from an instant (or a day's first instant, UTC) of a spine-joined row to its ``as_of_at``."""
    return days_between(rows[column], rows.as_of_at)


def days_between(earlier: ir.Value, later: ir.Value) -> ir.FloatingValue:
    """Days from one instant to another, with fractions; negative where the second is earlier."""
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / DAY


def ratio(part: ir.Value, total: ir.Value) -> ir.FloatingValue:
    """A quotient that is NULL where the divisor is not positive."""
    return ibis.ifelse(total > 0, part / total, ibis.null("float64")).cast("float64")


def first_known_at(company: Company, table: str) -> datetime | None:
    """The instant at which the company first knew a row of a table; ``None`` when it never did.

    Before it, the absence of rows means that nothing was recorded, not that nothing happened. One value serves all
    dates of a spine: a date lies after it exactly when a row was known before that date.
    """
    return earliest(company.tables[table].known_at)


def earliest(column: ir.Column) -> datetime | None:
    """The earliest of a column of instants (naive UTC); ``None`` if all are NULL."""
    first = column.min().execute()
    return None if pd.isna(first) else first.to_pydatetime()
