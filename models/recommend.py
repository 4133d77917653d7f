"""Which products to offer to an account or a person: those it will most probably buy within 90 days, of those it may be
offered. What it bought before and what it never had are ranked apart, then merged by their chances."""

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.score_tables import RECOMMENDATIONS
from features.company import Company
from features.feature import features_hash
from features.labels.windows import products_bought
from features.products.ownership import repeat_purchase_shares
from features.spine import account_spine, contact_spine, past_dates
from models.estimators.calibration import UNCALIBRATED, Calibration
from models.evaluation.bootstrap import mean_interval
from models.evaluation.metrics import calibration_error, log_losses
from models.evaluation.reliability import reliability_figure
from models.evaluation.time_splits import TimeSplit, split_dates
from models.model import Abstention, Challenger, Champion, Evaluation, Fold
from models.plots.figures import LazyFigures
from models.ranking import ranker
from models.ranking.candidates import CANDIDATE_FEATURES, CUSTOMER_KINDS, NAMES, Candidates, CustomerKind, candidates
from models.ranking.explanations import why_nots, whys
from models.ranking.offer_amount import sales
from models.ranking.ranking_metrics import BASELINE, Lists, compared
from models.training.rows import dated

HORIZON_DAYS = 90
EVERY_DAYS, MOST_DATES = 45, 6
KINDS = ("repeat", "explore")
TOP = {"account": 5, "contact": 3}
"""Products of each kind that an account, and a person, are recommended."""
TO_EXPLORE = 10
"""Products never had that an account is recommended: what is dear is seldom bought, and may still be worth most."""
MOST_CUSTOMERS: dict[CustomerKind, int] = {"account": 800, "contact": 500}
"""Customers of each past date that are learnt from, and judged: more say the same again."""
FEWEST_PURCHASES = 50
PARAMS: dict[str, Any] = {"num_leaves": 15, "learning_rate": 0.12}
TREES = 60
"""Smaller trees than a catalogue of thousands would carry: the cost of reasons follows leaves times trees."""


@dataclass(frozen=True)
class _Past:
    """Labelled pairs of one date that may be offered, and all that the customers bought but for what may not."""

    made: Candidates
    pairs: pd.DataFrame
    bought: pd.DataFrame


class Recommend:
    """The products that each account and person will most probably buy, again and anew, and what that would bring."""

    name = "recommend"
    question = "Which product should each account and person be offered?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("recommendations",)
    rows = "offers"
    features_hash = features_hash(CANDIDATE_FEATURES)

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on pairs of past dates, judged on the latest by how much of what was bought it named first.

        Accounts and people teach the same trees. They learn chances, not an order: on inner splits of real purchases
        the order was as good, and chances can be calibrated, repeats and what was never had apart.
        """
        parts = _parts(company)
        if isinstance(parts, Abstention):
            return parts
        past = _past(company, (*parts.train, *parts.test))
        learnt, judged = _pairs(past, parts.train), _pairs(past, parts.test)
        purchases = int(learnt["bought"].sum())
        if purchases < FEWEST_PURCHASES:
            why = f"{purchases} purchases in the past that is learnt from; {FEWEST_PURCHASES} are needed"
            return Abstention(self.name, why)
        first, later = _pairs(past, parts.fit), _pairs(past, parts.calibration)
        outs = _outs(first, later, company.seed)
        raw = _raw(_fit(learnt, company.seed), judged)
        said = _apply(_calibrations(outs), raw, judged)
        judgement = _judgement(past, parts.test[0], judged.assign(said=said))
        if isinstance(judgement, Abstention):
            return judgement
        every = pd.concat([one.pairs for one in past.values()], ignore_index=True)
        calibrations = _calibrations([*outs, judged[["repeat", "bought"]].assign(raw=raw)])
        share = float(_repeats(company))
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=_fit(every, company.seed),
            state={
                "horizon_days": HORIZON_DAYS,
                "calibration": {kind: one.state() for kind, one in calibrations.items()},
                "repeat_share": share,
            },
            evaluation=judgement,
            features_hash=self.features_hash,
            example=every[NAMES].head(5),
            params={
                **ranker.PARAMS,
                **PARAMS,
                "trees": TREES,
                "dates": len(parts.train) + len(parts.test),
                "judged": str(parts.test[0]),
                "ownership": _rule(share),
            },
            figures=LazyFigures(
                {
                    "reliability": lambda: reliability_figure(
                        f"Bought within {HORIZON_DAYS} days of {parts.test[0]}",
                        said,
                        judged["bought"].to_numpy(dtype=np.float64),
                    )
                }
            ),
            trained_as_of=company.as_of,
            rows=len(every),
            folds=_folds(past, parts, [len(first), len(learnt)], outs, judgement, company.seed),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the judged date; NaN where it had learnt from what was known after it."""
        parts = _parts(company)
        if isinstance(parts, Abstention):
            return parts
        past = _past(company, parts.test)
        pairs = _pairs(past, parts.test)
        judgement = _judgement(past, parts.test[0], pairs.assign(said=_said(champion, pairs)))
        if isinstance(judgement, Abstention):
            return judgement
        if champion.ships == "baseline":
            return replace(judgement, losses=judgement.baseline_losses, value=judgement.baseline_value)
        if champion.trained_as_of > parts.test[0]:
            unknown = (float("nan"),) * len(judgement.losses)
            return replace(judgement, losses=unknown, value=float("nan"))
        return judgement

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``recommendations``: a few products of each kind for each customer, best first, with why, and why not others.

        A customer to whom nothing may be offered gets one row that says so.
        """
        parts = [_scored(company, champion, made) for made in candidates(company, (company.as_of,))]
        return {"recommendations": pd.concat(parts, ignore_index=True)}


def _scored(company: Company, champion: Champion, made: Candidates) -> pd.DataFrame:
    pairs = made.pairs.assign(probability=_said(champion, made.pairs), kind=_kind(made.pairs))
    # one order for both ranks: a product's place among all follows from that among its kind
    pairs = pairs.sort_values(
        ["customer_id", "probability", "popular", "product_id"], ascending=[True, False, False, True]
    )
    top = pairs[pairs["excluded"].isna()]
    top = top.assign(rank=top.groupby(["customer_id", "kind"]).cumcount() + 1)
    to_explore = TO_EXPLORE if made.kind == "account" else TOP[made.kind]
    most = np.where(top["repeat"].to_numpy(dtype=bool), TOP[made.kind], to_explore)
    top = top[top["rank"].to_numpy() <= most].reset_index(drop=True)
    top["position"] = top.groupby("customer_id").cumcount() + 1
    products = company.tables["products"].order_by("product_id").execute()
    rates = top["product_id"].map(products.set_index("product_id")["margin_rate"]).astype("float64")
    top["expected_margin"] = (top["probability"] * sales(company, top, products, HORIZON_DAYS) * rates).round(2)
    booster = champion.estimator if champion.ships == "model" else None
    top["reasons"] = whys(top, products, made.together, booster)
    closed = pairs[pairs["excluded"].notna()]
    nothing = closed[~closed["customer_id"].isin(top["customer_id"])].drop_duplicates("customer_id")
    empty = nothing[["customer_id", "account_id"]].assign(
        kind="explore", rank=1, position=1, abstained="nothing may be offered; see exclusion_reasons"
    )
    rows = pd.concat([top, empty], ignore_index=True).assign(customer_kind=made.kind)
    first = rows["position"] == 1
    rows["exclusion_reasons"] = rows["customer_id"].map(why_nots(closed)).fillna(json.dumps([])).where(first)
    rows = rows.sort_values(["customer_id", "position"], ignore_index=True)
    return rows.reindex(columns=[name for name in RECOMMENDATIONS.by_name if name != "model"])


def _parts(company: Company) -> TimeSplit | Abstention:
    dates = past_dates(company, HORIZON_DAYS, EVERY_DAYS, MOST_DATES)
    parts = split_dates(dates, HORIZON_DAYS)
    if parts is None:
        why = f"the history is too short: two windows of {HORIZON_DAYS} days after a first quarter are needed to judge"
        return Abstention("recommend", why)
    return parts


def _past(company: Company, dates: tuple[date, ...]) -> dict[tuple[CustomerKind, date], _Past]:
    """The pairs of past dates with ``bought``, by kind of customer: a seeded part of them where there are very many."""
    bought = {}
    for kind in CUSTOMER_KINDS:
        by = f"{kind}_id"
        spine = account_spine(company, dates) if kind == "account" else contact_spine(company, dates)
        every = dated(products_bought(company, spine, HORIZON_DAYS, company.as_of_at, by))
        bought[kind] = every.rename(columns={by: "customer_id"}).assign(bought=1.0)
    return {
        (made.kind, made.as_of): _labelled(made, bought[made.kind])
        for made in candidates(company, dates, MOST_CUSTOMERS)
    }


def _labelled(made: Candidates, bought: pd.DataFrame) -> _Past:
    of_day = (bought["as_of"] == made.as_of) & bought["customer_id"].isin(set(made.customers))
    wanted = bought.loc[of_day, ["customer_id", "product_id", "bought"]].astype(
        {"customer_id": object, "product_id": object}
    )
    pairs = made.pairs.merge(wanted, on=["customer_id", "product_id"], how="left")
    closed = pairs.loc[pairs["excluded"].notna() & pairs["bought"].notna(), ["customer_id", "product_id"]]
    left = wanted.merge(closed.assign(closed=True), on=["customer_id", "product_id"], how="left")
    open_ = pairs[pairs["excluded"].isna()].fillna({"bought": 0.0}).reset_index(drop=True)
    return _Past(made, open_, left.loc[left["closed"].isna(), ["customer_id", "product_id"]])


def _pairs(past: dict[tuple[CustomerKind, date], _Past], dates: tuple[date, ...]) -> pd.DataFrame:
    """The labelled pairs of some dates, of accounts and people; empty for no dates."""
    some = [past[kind, day].pairs for day in dates for kind in CUSTOMER_KINDS]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame({"bought": pd.Series([], dtype="float64")})


def _fit(rows: pd.DataFrame, seed: int) -> lgb.Booster:
    bought = rows["bought"].to_numpy(dtype=np.float64)
    return ranker.fit(rows[NAMES], bought, np.arange(len(rows)), seed=seed, trees=TREES, **PARAMS)


def _raw(booster: lgb.Booster, pairs: pd.DataFrame) -> Floats:
    return ranker.raw(booster, pairs[NAMES])


def _outs(first: pd.DataFrame, later: pd.DataFrame, seed: int) -> list[pd.DataFrame]:
    """Raw scores (``repeat, bought, raw``) by trees that had not seen the dates of these; none in a short history."""
    if first["bought"].sum() < FEWEST_PURCHASES:
        return []
    return [later[["repeat", "bought"]].assign(raw=_raw(_fit(first, seed), later))]


def _calibrations(outs: list[pd.DataFrame]) -> dict[str, Calibration]:
    """For each kind what puts raw scores right, from scores out of time; that of both where a kind knows too few."""
    every = pd.concat(outs) if outs else pd.DataFrame({"repeat": [], "bought": [], "raw": []})

    def of(rows: pd.DataFrame, otherwise: Calibration) -> Calibration:
        if rows["bought"].sum() < FEWEST_PURCHASES:
            return otherwise
        return Calibration.fit(rows["raw"].to_numpy(dtype=np.float64), rows["bought"].to_numpy(dtype=np.float64))

    both = of(every, UNCALIBRATED)
    repeat = every["repeat"].astype(bool)
    return {"repeat": of(every[repeat], both), "explore": of(every[~repeat], both)}


def _apply(calibrations: dict[str, Calibration], raw: Floats, pairs: pd.DataFrame) -> Floats:
    repeats = pairs["repeat"].to_numpy(dtype=bool)
    return np.where(repeats, calibrations["repeat"].apply(raw), calibrations["explore"].apply(raw))


def _said(champion: Champion, pairs: pd.DataFrame) -> Floats:
    """The chance of each pair by what the version ships."""
    if champion.ships == "baseline" or pairs.empty:
        return pairs["popular_segment"].to_numpy(dtype=np.float64)
    calibrations = {kind: Calibration.from_state(champion.state["calibration"][kind]) for kind in KINDS}
    return _apply(calibrations, _raw(champion.estimator, pairs), pairs)


def _kind(pairs: pd.DataFrame) -> "pd.Series[str]":
    return pairs["repeat"].map({True: "repeat", False: "explore"})


def _judgement(past: dict[tuple[CustomerKind, date], _Past], day: date, pairs: pd.DataFrame) -> Evaluation | Abstention:
    """How far up what accounts bought was among the five named first; the baseline names the segment's favourites.

    Customers that bought nothing that they could have been offered say nothing about a choice, and do not count. What
    was bought and was no candidate counts as missed. People are told of in the metrics.
    """
    person = pairs["person"] > 0
    accounts, people = past["account", day], past["contact", day]
    top = TOP["account"]
    mine = Lists.of(pairs[~person], "said", top)
    plain = Lists.of(pairs[~person], "popular_segment", top)
    ours, others = mine.found(accounts.bought), plain.found(accounts.bought)
    if len(ours) < 2:
        return Abstention("recommend", f"{len(ours)} accounts bought anything within the judged window; 2 are needed")
    happened = pairs["bought"].to_numpy(dtype=np.float64)
    said = pairs["said"].to_numpy(dtype=np.float64)
    metrics = {
        **compared(pairs[~person], accounts.bought, accounts.made.catalogue, top),
        **{
            f"people: {name}": value
            for name, value in compared(pairs[person], people.bought, people.made.catalogue, TOP["contact"]).items()
        },
        "log loss": float(log_losses(said, happened).mean()),
        "baseline log loss": float(log_losses(pairs["popular_segment"].to_numpy(dtype=np.float64), happened).mean()),
        "calibration error": calibration_error(said, happened),
        "judged accounts": float(len(ours)),
    }
    return Evaluation(
        metric=f"NDCG@{top}",
        value=float(ours["ndcg"].mean()),
        baseline=BASELINE,
        baseline_value=float(others["ndcg"].mean()),
        losses=tuple((1.0 - ours["ndcg"]).tolist()),
        baseline_losses=tuple((1.0 - others["ndcg"]).tolist()),
        metrics={name: value for name, value in metrics.items() if value == value},
    )


def _folds(
    past: dict[tuple[CustomerKind, date], _Past],
    parts: TimeSplit,
    rows: list[int],
    outs: list[pd.DataFrame],
    judgement: Evaluation,
    seed: int,
) -> tuple[Fold, ...]:
    """The folds that a training has anyway: the dates that calibrate, each by raw scores, and the judged one. ``rows``
    were learnt from before the first kind, and before the second."""
    top, made = TOP["account"], []
    raw = outs[0]["raw"].to_numpy(dtype=np.float64) if outs else np.zeros(0)
    for day in parts.calibration if outs else ():
        pairs = _pairs(past, (day,))
        said, raw = raw[: len(pairs)], raw[len(pairs) :]
        accounts = pairs.assign(said=said)[pairs["person"] == 0]
        found = Lists.of(accounts, "said", top).found(past["account", day].bought)
        if len(found):
            missed = tuple((1.0 - found["ndcg"]).tolist())
            metrics = {f"recall@{top}": float(found["recall"].mean())} | _bounded(judgement.metric, missed, seed)
            made.append(Fold(f"{day} (not calibrated)", (day,), rows[0], metrics, missed))
    metrics = {**judgement.metrics, **_bounded(judgement.metric, judgement.losses, seed)}
    return (*made, Fold(str(parts.test[0]), parts.test, rows[1], metrics, judgement.losses))


def _bounded(metric: str, missed: tuple[float, ...], seed: int) -> dict[str, float]:
    """The metric of which each account missed so much of 1, and its bounds."""
    low, high = mean_interval(missed, seed) or (float("nan"), float("nan"))
    return {metric: 1.0 - float(np.mean(missed)), f"{metric} low": 1.0 - high, f"{metric} high": 1.0 - low}


def _repeats(company: Company) -> float:
    """The share of buyers who bought the same product again, over products that were sold, by their buyers."""
    rows = repeat_purchase_shares(company, account_spine(company, (company.as_of,))).execute()
    weight = rows["buyers"].astype("float64")
    return float((rows["repeat_share"] * weight).sum() / weight.sum()) if weight.sum() else 0.0


def _rule(share: float) -> str:
    return (
        f"{share:.0%} of buyers buy the same product again within a year; what most buy once counts as owned for a "
        "year, what is bought again and again does not"
    )
