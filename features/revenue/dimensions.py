"""The dimensions of revenue: region and segment of the account, family of the product, team and owner."""

import ibis
import ibis.expr.types as ir

from features.company import Company

UNKNOWN = "unknown"
"""The value of a dimension that an account or product does not name, so that parts always add up to the total."""

DIMENSIONS: tuple[str, ...] = ("region", "segment", "family", "team", "owner")
HIERARCHIES: dict[str, tuple[str, ...]] = {
    "market": ("region", "segment"),
    "product": ("family",),
    "people": ("team", "owner"),
}
"""The crossed hierarchies below one total: the levels of each, from the top."""


def with_dimensions(rows: ir.Table, company: Company, columns: tuple[str, ...] = DIMENSIONS) -> ir.Table:
    """The rows (``account_id``, and ``product_id`` where the family is asked for) with columns of their dimensions.

    Notes:
        Dimensions are those of today: an account that moves to another region or owner takes its past along.
    """
    accounts, owners = company.tables["accounts"], company.tables["owners"]
    of_account = accounts.left_join(owners.select("owner_id", "team"), "owner_id").select(
        "account_id", "region", "segment", "team", owner=accounts.owner_id
    )
    joined = rows.left_join(of_account, "account_id").drop("account_id_right")
    if "family" in columns:
        products = company.tables["products"].select("product_id", "family")
        joined = joined.left_join(products, "product_id").drop("product_id_right")
    unwanted = [name for name in ("region", "segment", "team", "owner") if name not in columns]
    values = {name: joined[name].cast("string").fill_null(ibis.literal(UNKNOWN)) for name in columns}
    return joined.mutate(**values).drop(*unwanted)


def node_name(level: str, parent: str | None, name: str) -> str:
    """The name of a node of a hierarchy: ``region:north``, and ``segment:north/small`` below it."""
    return f"{level}:{name}" if parent is None else f"{level}:{parent}/{name}"
