"""The deals as the CRM holds them: their latest state, and every change of stage, amount and expected close."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deal_stages import STAGES
from data.demo.deals import KINDS, SOURCES, Deals
from data.demo.population import Population

LOST_REASONS = ("price", "competitor", "no decision", "missing feature", "timing")
ALL_STAGES = (*STAGES, "closed_won", "closed_lost")
RENEWAL = KINDS.index("renewal")
N_POSTPONEMENTS = 3


@dataclass(frozen=True)
class _Change:
    """One change of a field, possible for every deal: one entry per deal."""

    field: str
    at: Ints
    """``NEVER`` where the change does not happen."""
    old: pd.Series
    new: pd.Series


@dataclass(frozen=True)
class _Course:
    """The values of one field at the end of the history, one per deal, and the changes that led to them."""

    values: np.ndarray
    changes: list[_Change]


def deal_tables(
    population: Population, deals: Deals, product_ids: tuple[str, ...], history: History, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``opportunities``, one row per deal in its latest state, and ``opportunity_changes``, one row per change."""
    rng = np.random.default_rng([seed, 6])
    j, count = deals.stage_times, len(deals.account)
    closed = j.closed < history.until
    typical_days = np.where(deals.kind == RENEWAL, 80.0, 75.0)
    expected = j.created + (np.clip(typical_days + rng.normal(0, 18, count), 20, None) * DAY).astype(np.int64)
    stages = _stages(deals, closed, history)
    amounts = _amounts(deals, closed, history, rng)
    closes = _expected_closes(deals, expected, closed, history, rng)
    lost = closed & ~j.won
    reason = np.where(lost, rng.integers(0, len(LOST_REASONS), count), len(LOST_REASONS))
    product = np.where(deals.product < 0, len(product_ids), deals.product)
    source = np.where(deals.kind == RENEWAL, len(SOURCES), deals.source)
    opportunities = pd.DataFrame(
        {
            "opportunity_id": id_column("D", np.arange(count)),
            "account_id": id_column("A", deals.account, 6),
            "owner_id": id_column("O", population.owner[deals.account], 4),
            "product_id": category_column((*product_ids, None), product),
            "kind": category_column(KINDS, deals.kind),
            "source": category_column((*SOURCES, "contract"), source),
            "stage": category_column(ALL_STAGES, stages.values),
            "amount": amounts.values,
            "created_at": timestamp_column(j.created),
            "expected_close_at": timestamp_column(closes.values),
            "closed_at": timestamp_column(np.where(closed, j.closed, NEVER)),
            "outcome": category_column(("won", "lost", None), np.where(closed, 1 - j.won, 2)),
            "lost_reason": category_column((*LOST_REASONS, None), reason),
        }
    )
    return opportunities, _changes_table([*stages.changes, *amounts.changes, *closes.changes])


def _stages(deals: Deals, closed: Bools, history: History) -> _Course:
    """The latest stage of each deal (index in ``ALL_STAGES``), and its changes."""
    j, count = deals.stage_times, len(deals.account)
    changes = []
    first = np.argmin(j.entered, axis=1)
    latest: Ints = first.astype(np.int64)
    for stage in range(len(STAGES)):
        at = j.entered[:, stage]
        entered = (at < j.closed) & (at < history.until)
        old = _missing(count) if stage == 0 else category_column(ALL_STAGES, latest).mask(pd.Series(first >= stage))
        new = category_column(ALL_STAGES, np.full(count, stage))
        changes.append(_Change("stage", np.where(entered, at, NEVER), old, new))
        latest = np.where(entered, stage, latest)
    final = len(STAGES) + (~j.won)
    changes.append(
        _Change(
            "stage",
            np.where(closed, j.closed, NEVER),
            category_column(ALL_STAGES, latest),
            category_column(ALL_STAGES, final),
        )
    )
    entered_before = j.entered < np.minimum(j.closed, history.until)[:, None]
    reached = np.where(entered_before, np.arange(len(STAGES)), -1).max(axis=1)
    return _Course(np.where(closed, final, reached), changes)


def _amounts(deals: Deals, closed: Bools, history: History, rng: np.random.Generator) -> _Course:
    """The latest amount of each deal: set at creation, revised by half after the proposal, rewritten at closing."""
    j, count = deals.stage_times, len(deals.account)
    initial: Floats = np.round(deals.amount, 2)
    revised: Floats = np.asarray(np.round(initial * np.exp(rng.normal(0, 0.2, count)), 2), dtype=np.float64)
    proposal = j.entered[:, STAGES.index("proposal")]
    at = np.where((rng.random(count) < 0.5) & (proposal > j.created), proposal + DAY, NEVER)
    at = np.where((at < j.closed) & (at < history.until), at, NEVER)
    current = np.where(at < NEVER, revised, initial)
    lost_amount = np.where(rng.random(count) < 0.3, 0.0, current)
    won_amount = current * rng.uniform(0.85, 1.0, count)
    final: Floats = np.asarray(np.round(np.where(j.won, won_amount, lost_amount), 2), dtype=np.float64)
    changes = [
        _Change("amount", j.created, _missing(count), _amount_text(initial)),
        _Change("amount", at, _amount_text(initial), _amount_text(revised)),
        _Change("amount", np.where(closed, j.closed, NEVER), _amount_text(current), _amount_text(final)),
    ]
    return _Course(np.where(closed, final, current), changes)


def _expected_closes(
    deals: Deals, expected: Ints, closed: Bools, history: History, rng: np.random.Generator
) -> _Course:
    """The latest expected close of each deal: postponed when it is near, and set to the actual instant at closing."""
    j, count = deals.stage_times, len(deals.account)
    changes = [_Change("expected_close_at", j.created, _missing(count), _instant_text(expected))]
    for _ in range(N_POSTPONEMENTS):
        at = expected - rng.integers(1, 10, count) * DAY
        postponed = (at < np.minimum(j.closed, history.until)) & (at > j.created) & (rng.random(count) < 0.9)
        later = expected + (rng.uniform(20, 50, count) * DAY).astype(np.int64)
        changes.append(
            _Change(
                "expected_close_at",
                np.where(postponed, at, NEVER),
                _instant_text(expected),
                _instant_text(later),
            )
        )
        expected = np.where(postponed, later, expected)
    changes.append(
        _Change(
            "expected_close_at",
            np.where(closed, j.closed + 1, NEVER),
            _instant_text(expected),
            _instant_text(j.closed),
        )
    )
    return _Course(np.where(closed, j.closed, expected), changes)


def _missing(count: int) -> pd.Series:
    return pd.Series(pd.array([None] * count, dtype="str"))


def _amount_text(amount: Floats) -> pd.Series:
    return pd.Series(amount).map("{:.2f}".format).astype("str")


def _instant_text(at: Ints) -> pd.Series:
    return pd.Series(at.astype("datetime64[s]")).dt.strftime("%Y-%m-%d %H:%M:%S").astype("str")


def _changes_table(changes: list[_Change]) -> pd.DataFrame:
    """One row per change that happened and made a difference, in order of deal, time and field."""
    frames = []
    for change in changes:
        differs = ~(change.old == change.new).fillna(False).to_numpy(dtype=bool)
        happened = np.flatnonzero((change.at < NEVER) & differs)
        frames.append(
            pd.DataFrame(
                {
                    "opportunity_id": id_column("D", happened),
                    "changed_at": timestamp_column(change.at[happened]),
                    "field": change.field,
                    "old_value": change.old.iloc[happened].to_numpy(),
                    "new_value": change.new.iloc[happened].to_numpy(),
                }
            )
        )
    rows = pd.concat(frames, ignore_index=True)
    return rows.sort_values(["opportunity_id", "changed_at", "field"], ignore_index=True)
