"""The products that each account and contact will most probably buy within 90 days, of those that may be offered.

Repeat purchases and new products are calibrated separately, then merged by their probabilities.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.score_tables import RECOMMENDATIONS
from features.company import Company
from features.feature import features_hash
from features.products.ownership import repeat_purchase_shares
from features.spine import account_spine
from models.estimators.calibration import Calibration
from models.evaluation.reliability import reliability_figure
from models.evaluation.time_splits import TimeSplit
from models.model import Abstention, Challenger, Champion, Evaluation, Fold
from models.plots.figures import LazyFigures
from models.ranking import ranker
from models.ranking.candidates import CANDIDATE_FEATURES, FEATURE_NAMES, Candidates, company_candidates
from models.ranking.explanations import exclusions_by_customer, recommendation_reasons
from models.ranking.list_evaluation import (
    LIST_LENGTH,
    RawScores,
    calibration_folds,
    evaluate_lists,
    metric_with_interval,
)
from models.ranking.offer_amount import expected_sale_amounts
from models.ranking.ranker import ProductRanker
from models.ranking.training_set import OFFER_HORIZON_DAYS, TrainingSet, training_set, training_split

ACCOUNT_EXPLORE_LENGTH = 10
"""New products on an account's list: an expensive product is rarely bought, and may still be worth most."""


class Recommend:
    """The products that each account and contact will most probably buy, with the margin expected from each."""

    name = "recommend"
    question = "Which product should each account and person be offered?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("recommendations",)
    rows = "offers"
    features_hash = features_hash(CANDIDATE_FEATURES)

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger fitted on candidates of past dates, evaluated by NDCG on the latest; one ranker for accounts and
        contacts."""
        split = _split(company)
        if isinstance(split, Abstention):
            return split
        labeled = training_set(company, (*split.train, *split.test))
        train, test = labeled.pairs(split.train), labeled.pairs(split.test)
        if (purchases := int(train["bought"].sum())) < ranker.MIN_PURCHASES:
            reason = f"{purchases} purchases in the training windows; {ranker.MIN_PURCHASES} are needed"
            return Abstention(self.name, reason)
        fit, calibration = labeled.pairs(split.fit), labeled.pairs(split.calibration)
        out_of_time = ranker.out_of_time_scores(fit, calibration, company.seed)
        raw = ranker.raw_scores(ranker.fit_ranker_trees(train, company.seed), test)
        predicted = ranker.calibrate(ranker.fit_calibrations(out_of_time), raw, test)
        evaluation = evaluate_lists(labeled, split.test[0], test.assign(predicted=predicted))
        if isinstance(evaluation, Abstention):
            return evaluation
        rows = labeled.all_pairs()
        calibrations = ranker.fit_calibrations([*out_of_time, test[["is_repeat", "bought"]].assign(raw=raw)])
        repeat_share = _repeat_share(company)
        raw_scores = RawScores(
            split.calibration if out_of_time else (),
            out_of_time[0]["raw"].to_numpy(dtype=np.float64) if out_of_time else np.zeros(0),
            len(fit),
        )
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=ranker.fit_ranker_trees(rows, company.seed),
            state={
                "horizon_days": OFFER_HORIZON_DAYS,
                "calibration": {kind: calibration.state() for kind, calibration in calibrations.items()},
                "repeat_share": repeat_share,
            },
            evaluation=evaluation,
            features_hash=self.features_hash,
            example=rows[FEATURE_NAMES].head(5),
            params={
                **ranker.RANKER_PARAMS,
                "trees": ranker.N_RANKER_TREES,
                "dates": len(split.train) + len(split.test),
                "test date": str(split.test[0]),
                "ownership": _ownership_rule(repeat_share),
            },
            figures=_figures(split, predicted, test),
            trained_as_of=company.as_of,
            rows=len(rows),
            folds=_folds(labeled, split, raw_scores, evaluation, len(train), company.seed),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test date; NaN where it was trained on facts known after it."""
        split = _split(company)
        if isinstance(split, Abstention):
            return split
        labeled = training_set(company, split.test)
        pairs = labeled.pairs(split.test)
        evaluation = evaluate_lists(labeled, split.test[0], pairs.assign(predicted=predict(champion, pairs)))
        if isinstance(evaluation, Abstention):
            return evaluation
        if champion.ships == "baseline":
            return replace(evaluation, losses=evaluation.baseline_losses, value=evaluation.baseline_value)
        if champion.trained_as_of > split.test[0]:
            unknown = (float("nan"),) * len(evaluation.losses)
            return replace(evaluation, losses=unknown, value=float("nan"))
        return evaluation

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``recommendations``: the best products of each kind for each customer with reasons, and why others were
        excluded. A customer without any product that may be offered gets one row that says so.
        """
        frames = [_recommend(company, champion, part) for part in company_candidates(company, (company.as_of,))]
        return {"recommendations": pd.concat(frames, ignore_index=True)}


def predict(champion: Champion, pairs: pd.DataFrame) -> Floats:
    """The purchase probability of each candidate pair, by what the version ships."""
    if champion.ships == "baseline" or pairs.empty:
        return pairs["segment_popularity"].to_numpy(dtype=np.float64)
    calibrations = {kind: Calibration.from_state(champion.state["calibration"][kind]) for kind in ranker.PURCHASE_KINDS}
    return ProductRanker(champion.estimator, calibrations).predict(pairs)


def _recommend(company: Company, champion: Champion, candidates: Candidates) -> pd.DataFrame:
    """The rows of ``recommendations`` for one kind of customer."""
    kind = candidates.customer_kind
    pairs = candidates.pairs.assign(probability=predict(champion, candidates.pairs))
    pairs["kind"] = pairs["is_repeat"].map({True: "repeat", False: "explore"})
    # one order for both ranks: a product's position among all follows from that among its kind
    pairs = pairs.sort_values(
        ["customer_id", "probability", "popularity_90d", "product_id"], ascending=[True, False, False, True]
    )
    excluded = pairs[pairs["exclusion_reason"].notna()]
    top = _top(pairs[pairs["exclusion_reason"].isna()], kind)
    products = company.tables["products"].order_by("product_id").execute()
    margin_rates = top["product_id"].map(products.set_index("product_id")["margin_rate"]).astype("float64")
    amounts = expected_sale_amounts(company, top, products, OFFER_HORIZON_DAYS)
    top["expected_margin"] = (top["probability"] * amounts * margin_rates).round(2)
    booster = champion.estimator if champion.ships == "model" else None
    top["reasons"] = recommendation_reasons(top, products, candidates.lifts, booster)
    without = excluded[~excluded["customer_id"].isin(top["customer_id"])].drop_duplicates("customer_id")
    empty = without[["customer_id", "account_id"]].assign(
        kind="explore", rank=1, position=1, abstained="nothing may be offered; see exclusion_reasons"
    )
    rows = pd.concat([top, empty], ignore_index=True).assign(customer_kind=kind)
    exclusions = rows["customer_id"].map(exclusions_by_customer(excluded)).fillna(json.dumps([]))
    rows["exclusion_reasons"] = exclusions.where(rows["position"] == 1)
    rows = rows.sort_values(["customer_id", "position"], ignore_index=True)
    return rows.reindex(columns=[name for name in RECOMMENDATIONS.by_name if name != "model"])


def _top(pairs: pd.DataFrame, customer_kind: str) -> pd.DataFrame:
    """The first pairs of each customer, with ``rank`` within their kind and ``position`` among all; ``pairs`` are
    sorted."""
    ranked = pairs.assign(rank=pairs.groupby(["customer_id", "kind"]).cumcount() + 1)
    length = LIST_LENGTH[customer_kind]
    explore_length = ACCOUNT_EXPLORE_LENGTH if customer_kind == "account" else length
    limits = np.where(ranked["is_repeat"].to_numpy(dtype=bool), length, explore_length)
    top = ranked[ranked["rank"].to_numpy() <= limits].reset_index(drop=True)
    return top.assign(position=top.groupby("customer_id").cumcount() + 1)


def _split(company: Company) -> TimeSplit | Abstention:
    """The dates that train, calibrate and test; an abstention if the history is too short."""
    split = training_split(company)
    if split is None:
        reason = (
            f"the history is too short: two windows of {OFFER_HORIZON_DAYS} days after a first quarter are needed to"
            " evaluate"
        )
        return Abstention("recommend", reason)
    return split


def _folds(
    labeled: TrainingSet, split: TimeSplit, raw: RawScores, evaluation: Evaluation, n_train: int, seed: int
) -> tuple[Fold, ...]:
    """The folds of a training: its calibration dates by raw scores, and the test date."""
    metrics = {**evaluation.metrics, **metric_with_interval(evaluation.metric, evaluation.losses, seed)}
    test = Fold(str(split.test[0]), split.test, n_train, metrics, evaluation.losses)
    return (*calibration_folds(labeled, raw, evaluation.metric, seed), test)


def _figures(split: TimeSplit, predicted: Floats, test: pd.DataFrame) -> LazyFigures:
    title = f"Bought within {OFFER_HORIZON_DAYS} days of {split.test[0]}"
    outcomes = test["bought"].to_numpy(dtype=np.float64)
    return LazyFigures({"reliability": lambda: reliability_figure(title, predicted, outcomes)})


def _repeat_share(company: Company) -> float:
    """The share of buyers that bought the same product again, over all products, weighted by buyers."""
    rows = repeat_purchase_shares(company, account_spine(company, (company.as_of,))).execute()
    weights = rows["buyers"].astype("float64")
    return float((rows["repeat_share"] * weights).sum() / weights.sum()) if weights.sum() else 0.0


def _ownership_rule(repeat_share: float) -> str:
    return (
        f"{repeat_share:.0%} of buyers buy the same product again within a year; products that few buy again count as "
        "owned for a year, the others do not"
    )
