"""How simulated numbers become columns of the contract: identifiers, instants, days, choices."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.arrays import Bools, Ints
from data.demo.calendar import DAY, NEVER


def id_column(prefix: str, numbers: Ints, width: int = 7, missing: Bools | None = None) -> pd.Series:
    """Identifiers such as ``A0000012``, one per number; NULL where ``missing``."""
    text = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    text = pc.binary_join_element_wise(prefix, text, "")
    if missing is not None:
        text = pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)
    return pd.Series(pd.array(text, dtype="str"))


def id_numbers(named: pd.Series) -> Ints:
    """The numbers of identifiers that have one letter before them: what ``ids`` was given."""
    return np.asarray(named.str[1:].astype("int64").to_numpy(), dtype=np.int64)


def category_column(values: tuple[str | None, ...], index: Ints) -> pd.Series:
    """Text picked from a few values by index."""
    return pd.Series(pd.array(pa.array(values, pa.string()).take(pa.array(index)), dtype="str"))


def timestamp_column(seconds: Ints) -> pd.Series:
    """Timestamps of UTC seconds; NaT for ``NEVER``."""
    stamps = pd.Series(seconds.astype("datetime64[s]").astype("datetime64[us]"))
    return stamps.mask(pd.Series(seconds >= NEVER))


def utc_seconds(column: pd.Series) -> Ints:
    """Instants as UTC seconds; what is missing lies far back."""
    filled = column.astype("datetime64[s]").fillna(pd.Timestamp(0))
    return np.asarray(filled.astype("int64").to_numpy(), dtype=np.int64)


def days(seconds: Ints) -> pd.Series:
    """Days of wall-clock seconds, counted as if the clock on the wall showed UTC."""
    return pd.Series((seconds // DAY).astype("datetime64[D]").astype("datetime64[s]"))


def draw(rng: np.random.Generator, shares: tuple[float, ...], count: int) -> Ints:
    """Indices drawn with the given shares."""
    return rng.choice(len(shares), size=count, p=np.array(shares) / sum(shares)).astype(np.int64)
