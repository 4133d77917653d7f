"""What an account is expected to bring in a window: trees that move its trailing revenue, and what puts them right.

Trees learn by how much the coming window differs from what the account brings now (a Tweedie loss through a log link,
which estimates a mean and allows for many zeros). Accounts that are gone are put right apart: few of them come back,
and what trees make of the many that begin at a floor, because a logarithm has no zero, is put to what such accounts
brought in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from models.customer_value.lifetime_value import WINDOW_DAYS
from models.estimators.gradient_boosting import Encoding, fit
from models.evaluation.cross_validation import Params

POWER = 1.5
"""Of the Tweedie loss: between Poisson (1) and gamma (2), as sums of purchases are."""

PARAMETERS: dict[str, Any] = {"objective": "tweedie", "tweedie_variance_power": POWER, "learning_rate": 0.03}
FLOOR_SHARE = 0.01
"""Of the mean account: where an account that brings nothing now begins, since a logarithm has no zero."""

ALIKE = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of what is expected of an account that is gone may be what all that are bring on the mean."""

PRIOR_RETURNS = 10
"""How many accounts that came back as was expected weigh in what is measured of those that did."""

LEAST = 0.01
"""Nothing less is expected, a cent: what was expected divides, and has a logarithm."""

MOST_TIMES = 3.0
"""No account is expected to bring more than this many times what it brings, unless that is less than the mean one."""

Outs = Sequence[tuple[Floats, pd.DataFrame]]
"""What was expected of rows, and these rows, later than those learnt from."""


def trailing(rows: pd.DataFrame) -> Floats:
    """What each account brings per 90 days, going by its past: orders of its last year (or its time since the first),
    and what its subscriptions earn today.
    """
    days = rows["days_since_first_order"].clip(WINDOW_DAYS, 365).fillna(365)
    orders = rows["revenue_365"].fillna(0.0) / days * WINDOW_DAYS
    recurring = rows["mrr"].fillna(0.0) * 12 / 365 * WINDOW_DAYS
    return np.asarray(np.maximum((orders + recurring).to_numpy(dtype=np.float64), 0.0))


def tweedie_losses(expected: Floats, came: Floats) -> Floats:
    """One loss per row: Tweedie deviance between what was expected and what came, both in the currency."""
    one, two = 1 - POWER, 2 - POWER
    deviance = 2 * (came**two / (one * two) - came * expected**one / one + expected**two / two)
    return np.asarray(deviance)


def what_came(rows: pd.DataFrame) -> Floats:
    """What each of past rows brought within the window, at least 0."""
    return rows["came"].to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class Gone:
    """What puts right what is expected of accounts that are gone: drawn to ``mean`` by the share ``alike``, since trees
    may be too sure of who does not come back, and then multiplied by ``share``, for the total."""

    mean: float = 0.0
    alike: float = 0.0
    share: float = 1.0

    @classmethod
    def of(cls, outs: Outs) -> "Gone":
        """What loses least where outcomes are known; nothing is changed where no account was gone.

        The share is that of a few more accounts that had come back just as expected: few do, and one of them brings
        much.
        """
        expected = np.concatenate([np.zeros(0), *(expected[rows["gone"]] for expected, rows in outs)])
        came = np.concatenate([np.zeros(0), *(what_came(rows[rows["gone"]]) for _, rows in outs)])
        if not (came > 0).any():
            return cls(share=PRIOR_RETURNS / (PRIOR_RETURNS + len(came)))
        mean, more = float(came.mean()), PRIOR_RETURNS * float(came[came > 0].mean())
        tried = []
        for alike in ALIKE:
            drawn = float(((1 - alike) * expected + alike * mean).sum())
            tried.append(cls(mean, alike, (float(came.sum()) + more) / (drawn + more)))
        return min(tried, key=lambda gone: float(tweedie_losses(gone.of_all(expected), came).mean()))

    def of_all(self, expected: Floats) -> Floats:
        """What is expected of accounts all of which are gone."""
        return np.maximum(self.share * ((1 - self.alike) * expected + self.alike * self.mean), LEAST)

    def right(self, expected: Floats, rows: pd.DataFrame) -> Floats:
        """What is expected of rows, those that are ``gone`` among them."""
        return np.asarray(np.where(rows["gone"], self.of_all(expected), np.maximum(expected, LEAST)))


@dataclass(frozen=True)
class Expectation:
    """Trees that move an account's trailing revenue, or nothing that moves it (the baseline).

    What trees expect of accounts that are gone is put right by ``gone``.
    """

    booster: lgb.Booster | None
    encoding: Encoding
    floor: float
    gone: Gone = Gone()

    @classmethod
    def of(cls, rows: pd.DataFrame, seed: int, params: Params) -> "Expectation":
        """Fitted to past rows, with parameters beside the usual ones."""
        plain = trailing_mean(rows)
        encoding = Encoding.of(ACCOUNT_FEATURES, ACCOUNT_CATEGORIES, rows)
        terms = {**PARAMETERS, **params}
        trees = fit(encoding, rows, what_came(rows), seed=seed, start=np.log(plain.begin(rows)), **terms)
        return cls(trees, encoding, plain.floor)

    def begin(self, rows: pd.DataFrame) -> Floats:
        """Where each account begins: its trailing revenue, never zero."""
        return np.maximum(trailing(rows), self.floor)

    def expect(self, rows: pd.DataFrame) -> Floats:
        """What each account brings within the horizon."""
        begin = self.begin(rows)
        if self.booster is None or rows.empty:
            return begin
        moved = np.asarray(self.booster.predict(self.encoding.encode(rows), raw_score=True))
        said = np.minimum(begin * np.exp(moved), np.maximum(MOST_TIMES * begin, self.floor / FLOOR_SHARE))
        return self.gone.right(said, rows)

    def put_right(self, outs: Outs) -> "Expectation":
        """With what puts accounts that are gone right, out of time; ``outs`` were expected before it."""
        return replace(self, gone=Gone.of(outs))


def trailing_mean(rows: pd.DataFrame) -> Expectation:
    """The baseline as past rows make it: what is expected is what was brought lately."""
    return Expectation(None, Encoding((), {}), FLOOR_SHARE * max(1.0, float(trailing(rows).mean())))
