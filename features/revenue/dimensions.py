"""Where revenue belongs: the region and segment of its account, the family of its product, the people who own it."""

import ibis
import ibis.expr.types as ir

from features.company import Company

UNKNOWN = "unknown"
"""The place of accounts and products that name none, so that the parts always add up to the total."""

DIMENSIONS: tuple[str, ...] = ("region", "segment", "family", "team", "owner")
HIERARCHIES: dict[str, tuple[str, ...]] = {
    "market": ("region", "segment"),
    "product": ("family",),
    "people": ("team", "owner"),
}
"""The hierarchies that cross each other below one total: the wholes of each, the larger ones first."""


def with_dimensions(rows: ir.Table, company: Company, columns: tuple[str, ...] = DIMENSIONS) -> ir.Table:
    """The rows (``account_id``, and ``product_id`` where a family is asked for) with the columns of their place.

    A place is that of today: who moves an account to another region or owner moves its past too.
    """
    accounts, owners = company.tables["accounts"], company.tables["owners"]
    people = accounts.left_join(owners.select("owner_id", "team"), "owner_id").select(
        "account_id", "region", "segment", "team", owner=accounts.owner_id
    )
    joined = rows.left_join(people, "account_id").drop("account_id_right")
    if "family" in columns:
        products = company.tables["products"].select("product_id", "family")
        joined = joined.left_join(products, "product_id").drop("product_id_right")
    spare = [name for name in ("region", "segment", "team", "owner") if name not in columns]
    known = {name: joined[name].cast("string").fill_null(ibis.literal(UNKNOWN)) for name in columns}
    return joined.mutate(**known).drop(*spare)


def node_name(level: str, outer: str | None, name: str) -> str:
    """What a node is called: ``region:north``, and ``segment:north/small`` below it."""
    return f"{level}:{name}" if outer is None else f"{level}:{outer}/{name}"
