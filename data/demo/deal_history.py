"""What the CRM holds of deals: their last known state, and every change of stage, amount and expected day."""

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deal_stages import STAGES
from data.demo.deals import KINDS, SOURCES, Deals
from data.demo.population import Population

LOST_REASONS = ("price", "competitor", "no decision", "missing feature", "timing")


def deal_tables(
    population: Population, deals: Deals, names: tuple[str, ...], history: History, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``opportunities`` in their last known state and ``opportunity_changes``, as they stand at ``span.until``."""
    rng = np.random.default_rng([seed, 6])
    j, count = deals.stage_times, len(deals.account)
    over = j.closed < history.until
    number = np.arange(count)
    reached = np.where(j.entered < np.minimum(j.closed, history.until)[:, None], np.arange(len(STAGES)), -1).max(axis=1)
    first_stage = np.argmin(j.entered, axis=1)
    usual = np.where(deals.kind == 2, 80.0, 75.0)
    expected = j.created + (np.clip(usual + rng.normal(0, 18, count), 20, None) * DAY).astype(np.int64)
    changes: list[tuple[Ints, Ints, str, pd.Series, pd.Series]] = []
    none = pd.Series(pd.array([None] * count, dtype="str"))
    stages = (*STAGES, "closed_won", "closed_lost")
    last = first_stage
    for stage in range(len(STAGES)):
        at = j.entered[:, stage]
        now = (at < j.closed) & (at < history.until)
        old = none if stage == 0 else category_column(stages, last).mask(pd.Series(first_stage >= stage))
        changes.append((np.where(now, at, NEVER), number, "stage", old, category_column(stages, np.full(count, stage))))
        last = np.where(now, stage, last)
    ends = len(STAGES) + (~j.won)
    changes.append(
        (np.where(over, j.closed, NEVER), number, "stage", category_column(stages, last), category_column(stages, ends))
    )
    # amounts: set at creation, revised with the proposal, and rewritten at closing
    amount: Floats = np.round(deals.amount, 2)
    changes.append((j.created, number, "amount", none, _money(amount)))
    revised: Floats = np.asarray(np.round(amount * np.exp(rng.normal(0, 0.2, count)), 2), dtype=np.float64)
    at = np.where((rng.random(count) < 0.5) & (j.entered[:, 2] > j.created), j.entered[:, 2] + DAY, NEVER)
    at = np.where((at < j.closed) & (at < history.until), at, NEVER)
    changes.append((at, number, "amount", _money(amount), _money(revised)))
    open_amount = np.where(at < NEVER, revised, amount)
    lost_amount = np.where(rng.random(count) < 0.3, 0.0, open_amount)
    final: Floats = np.asarray(
        np.round(np.where(j.won, open_amount * rng.uniform(0.85, 1.0, count), lost_amount), 2), dtype=np.float64
    )
    changes.append((np.where(over, j.closed, NEVER), number, "amount", _money(open_amount), _money(final)))
    amount = np.where(over, final, open_amount)
    # the expected day: pushed out when it is near and the deal is not, and set to the day it closed
    changes.append((j.created, number, "expected_close_at", none, _stamps(expected)))
    for _ in range(3):
        at = expected - rng.integers(1, 10, count) * DAY
        late = (at < np.minimum(j.closed, history.until)) & (at > j.created) & (rng.random(count) < 0.9)
        pushed = expected + (rng.uniform(20, 50, count) * DAY).astype(np.int64)
        changes.append((np.where(late, at, NEVER), number, "expected_close_at", _stamps(expected), _stamps(pushed)))
        expected = np.where(late, pushed, expected)
    changes.append(
        (np.where(over, j.closed + 1, NEVER), number, "expected_close_at", _stamps(expected), _stamps(j.closed))
    )
    expected = np.where(over, j.closed, expected)
    reason = category_column(
        (*LOST_REASONS, None), np.where(over & ~j.won, rng.integers(0, len(LOST_REASONS), count), len(LOST_REASONS))
    )
    opportunities = pd.DataFrame(
        {
            "opportunity_id": id_column("D", number),
            "account_id": id_column("A", deals.account, 6),
            "owner_id": id_column("O", population.owner[deals.account], 4),
            "product_id": category_column((*names, None), np.where(deals.product < 0, len(names), deals.product)),
            "kind": category_column(KINDS, deals.kind),
            "source": category_column((*SOURCES, "contract"), np.where(deals.kind == 2, len(SOURCES), deals.source)),
            "stage": category_column(stages, np.where(over, ends, reached)),
            "amount": amount,
            "created_at": timestamp_column(j.created),
            "expected_close_at": timestamp_column(expected),
            "closed_at": timestamp_column(np.where(over, j.closed, NEVER)),
            "outcome": category_column(("won", "lost", None), np.where(over, 1 - j.won, 2)),
            "lost_reason": reason,
        }
    )
    return opportunities, _changes(changes)


def _money(amount: Floats) -> pd.Series:
    return pd.Series(amount).map("{:.2f}".format).astype("str")


def _stamps(at: Ints) -> pd.Series:
    return pd.Series(at.astype("datetime64[s]")).dt.strftime("%Y-%m-%d %H:%M:%S").astype("str")


def _changes(parts: list[tuple[Ints, Ints, str, pd.Series, pd.Series]]) -> pd.DataFrame:
    frames = []
    for at, number, field, old, new in parts:
        keep = (at < NEVER) & ~(old == new).fillna(False).to_numpy(dtype=bool)
        frames.append(
            pd.DataFrame(
                {
                    "opportunity_id": id_column("D", number[keep]),
                    "changed_at": timestamp_column(at[keep]),
                    "field": field,
                    "old_value": old[keep].to_numpy(),
                    "new_value": new[keep].to_numpy(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(
        ["opportunity_id", "changed_at", "field"], ignore_index=True
    )
