"""Tables of (entity, ``as_of``) rows as pandas frames."""

import ibis.expr.types as ir
import pandas as pd


def to_frame(rows: ir.Table) -> pd.DataFrame:
    """The table as a frame, with ``as_of`` as Python dates: they compare with dates, not with instants."""
    frame: pd.DataFrame = rows.execute()
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    return frame


def to_sorted_frame(rows: ir.Table, key: str) -> pd.DataFrame:
    """``to_frame``, ordered by date and ``key``: the order of feature tables, so that labels line up with features."""
    return to_frame(rows.order_by("as_of", key))
