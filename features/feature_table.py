"""A feature table: families of features joined to a spine, each absence made zero or left unknown."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import first_known_at


def feature_table(
    company: Company,
    spine: ir.Table,
    key: str,
    families: Iterable[ir.Table],
    features: Iterable[Feature],
    categories: Iterable[Feature],
) -> ir.Table:
    """One row per row of the spine: ``key, as_of``, the features as float64 and the categories as text.

    ``families`` hold ``key, as_of`` and some of the columns each. An absent number is 0 once rows of the feature's
    ``zero_from`` table are known before the date; else, and without such a table, it is NULL. Ordered by date and key.
    """
    rows = spine.select(key, "as_of", "as_of_at")
    for index, family in enumerate(families):  # one flat chain of joins: Ibis compiles it several times faster
        rows = rows.left_join(family, [key, "as_of"], rname=f"{{name}}_{index}")
    features = tuple(features)
    recorded_since = {table: first_known_at(company, table) for table in {f.zero_from for f in features if f.zero_from}}

    def number(feature: Feature) -> ir.FloatingValue:
        value = rows[feature.name].cast("float64")
        if feature.zero_from is None:
            return value
        first = recorded_since[feature.zero_from]
        if first is None:
            return ibis.null("float64")
        return ibis.ifelse(rows.as_of_at > ibis.literal(first), value.fill_null(0.0), value)

    return rows.select(
        key,
        "as_of",
        **{feature.name: number(feature) for feature in features},
        **{category.name: rows[category.name].cast("string") for category in categories},
    ).order_by("as_of", key)
