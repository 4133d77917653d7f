"""Which products to offer to an account: those it will most probably buy within 90 days, of those it may be offered."""

import json
from dataclasses import dataclass
from datetime import date

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.scoring import RECOMMENDATIONS
from features.company import Company
from features.feature import features_hash
from features.labels import bought_products
from features.owned import consumed
from features.spine import account_spine, past_dates
from models.boosting import PARAMS
from models.calibration import UNCALIBRATED, Calibration, Numbers, calibration_error, log_losses, reliability_picture
from models.candidates import CANDIDATE_FEATURES, NAMES, candidates
from models.folds import Folds, folds
from models.history import dated
from models.model import Abstention, Challenger, Champion, Judgement
from models.sale import sales
from models.whys import why_nots, whys

HORIZON_DAYS = 90
EVERY_DAYS, MOST_DATES = 45, 6
TOP = 5
TREES = 100
MOST_ACCOUNTS = 1_500
"""Accounts of each past date that are learnt from: more say the same again."""
FEWEST_PURCHASES = 50


@dataclass(frozen=True)
class _Past:
    """Labelled pairs of one date that may be offered, and all that the accounts bought but for what may not."""

    as_of: date
    pairs: pd.DataFrame
    bought: pd.DataFrame


class Recommend:
    """The five products that each account will most probably buy, and what that would bring."""

    name = "recommend"
    question = "Which product should each account be offered?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("recommendations",)
    features_hash = features_hash(CANDIDATE_FEATURES)

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on pairs of past dates, judged on the latest by how much of what was bought it named first."""
        parts = _parts(company)
        if isinstance(parts, Abstention):
            return parts
        past = _past(company, (*parts.learn, *parts.judge))
        judged = [past[day] for day in parts.judge]
        learnt = pd.concat([past[day].pairs for day in parts.learn], ignore_index=True)
        purchases = int(learnt["bought"].sum())
        if purchases < FEWEST_PURCHASES:
            why = f"{purchases} purchases in the past that is learnt from; {FEWEST_PURCHASES} are needed"
            return Abstention(self.name, why)
        outs = _outs([past[d] for d in parts.first], [past[d] for d in parts.calibrate], company.seed)
        raw = _raw(_fit(learnt, company.seed), judged[0].pairs)
        said = _calibration(outs).apply(raw)
        judgement = _judgement(judged[0], said)
        if isinstance(judgement, Abstention):
            return judgement
        every = pd.concat([one.pairs for one in past.values()], ignore_index=True)
        final = _fit(every, company.seed)
        outs.append((raw, judged[0].pairs["bought"].to_numpy(dtype=np.float64)))
        share = float(_repeats(company))
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=final,
            state={"horizon_days": HORIZON_DAYS, "calibration": _calibration(outs).state(), "repeat_share": share},
            judgement=judgement,
            features_hash=self.features_hash,
            example=every[NAMES].head(5),
            params={
                **PARAMS,
                "trees": TREES,
                "dates": len(past),
                "judged": str(parts.judge[0]),
                "ownership": _rule(share),
            },
            pictures={
                "reliability": reliability_picture(
                    f"Bought within {HORIZON_DAYS} days of {parts.judge[0]}",
                    said,
                    judged[0].pairs["bought"].to_numpy(dtype=np.float64),
                )
            },
            trained_as_of=company.as_of,
            rows=len(every),
        )

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the judged date; NaN where it had learnt from what was known after it."""
        parts = _parts(company)
        if isinstance(parts, Abstention):
            return parts
        past = _past(company, parts.judge)[parts.judge[0]]
        judgement = _judgement(past, _said(champion, past.pairs))
        if isinstance(judgement, Abstention) or champion.ships == "baseline":
            return _as_baseline(judgement)
        if champion.trained_as_of > past.as_of:
            unknown = (float("nan"),) * len(judgement.losses)
            return Judgement(**{**judgement.__dict__, "losses": unknown, "value": float("nan")})
        return judgement

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``recommendations``: up to five products for each customer, best first, with why, and why not others."""
        made = candidates(company, (company.as_of,))[0]
        pairs = made.pairs.assign(probability=_said(champion, made.pairs))
        open_ = pairs[pairs["excluded"].isna()]
        top = open_.sort_values(
            ["account_id", "probability", "popular", "product_id"], ascending=[True, False, False, True]
        )
        top = top.assign(rank=top.groupby("account_id").cumcount() + 1)
        top = top[top["rank"] <= TOP].reset_index(drop=True)
        products = company.tables["products"].order_by("product_id").execute()
        rates = top["product_id"].map(products.set_index("product_id")["margin_rate"]).astype("float64")
        top["expected_margin"] = (top["probability"] * sales(company, top, products, HORIZON_DAYS) * rates).round(2)
        booster = champion.estimator if champion.ships == "model" else None
        top["why"] = whys(top, products, made.together, booster)
        nots = why_nots(pairs[pairs["excluded"].notna()])
        top["why_not"] = top["account_id"].map(nots).where(top["rank"] == 1)
        top.loc[(top["rank"] == 1) & top["why_not"].isna(), "why_not"] = json.dumps([])
        columns = [name for name in RECOMMENDATIONS.by_name if name != "model"]
        return {"recommendations": top[columns]}


def _parts(company: Company) -> Folds | Abstention:
    dates = past_dates(company, HORIZON_DAYS, EVERY_DAYS, MOST_DATES)
    parts = folds(dates, HORIZON_DAYS)
    if parts is None:
        why = f"the history is too short: two windows of {HORIZON_DAYS} days after a first quarter are needed to judge"
        return Abstention("recommend", why)
    return parts


def _past(company: Company, dates: tuple[date, ...]) -> dict[date, _Past]:
    """The pairs of past dates with ``bought``, of a seeded part of the accounts where there are very many."""
    spine = account_spine(company, dates)
    every = dated(bought_products(company, spine, HORIZON_DAYS, company.as_of_at))
    past = {}
    for made in candidates(company, dates, MOST_ACCOUNTS):
        bought = every.loc[every["as_of"] == made.as_of, ["account_id", "product_id"]]
        bought = bought[bought["account_id"].isin(made.accounts)]
        closed = made.pairs.loc[made.pairs["excluded"].notna(), ["account_id", "product_id"]].assign(closed=True)
        wanted = bought.merge(closed, on=["account_id", "product_id"], how="left")
        wanted = wanted.loc[wanted["closed"].isna(), ["account_id", "product_id"]]
        pairs = made.eligible.merge(wanted.assign(bought=1.0), on=["account_id", "product_id"], how="left")
        past[made.as_of] = _Past(made.as_of, pairs.assign(bought=pairs["bought"].fillna(0.0)), wanted)
    return past


def _fit(rows: pd.DataFrame, seed: int) -> lgb.Booster:
    data = lgb.Dataset(rows[NAMES], rows["bought"], params={"max_bin": PARAMS["max_bin"], "verbosity": -1})
    return lgb.train({**PARAMS, "objective": "binary", "seed": seed}, data, num_boost_round=TREES)


def _raw(booster: lgb.Booster, pairs: pd.DataFrame) -> Numbers:
    return np.asarray(booster.predict(pairs[NAMES]), dtype=np.float64).reshape(len(pairs))


def _outs(first: list[_Past], later: list[_Past], seed: int) -> list[tuple[Numbers, Numbers]]:
    """Raw scores and what became of them, by trees that had not seen the dates of these; none in a short history."""
    if not first:
        return []
    early = pd.concat([one.pairs for one in first], ignore_index=True)
    late = pd.concat([one.pairs for one in later], ignore_index=True)
    if early["bought"].sum() < FEWEST_PURCHASES:
        return []
    return [(_raw(_fit(early, seed), late), late["bought"].to_numpy(dtype=np.float64))]


def _calibration(outs: list[tuple[Numbers, Numbers]]) -> Calibration:
    """What puts raw scores right, from scores out of time."""
    if sum(float(happened.sum()) for _, happened in outs) < FEWEST_PURCHASES:
        return UNCALIBRATED
    return Calibration.fit(np.concatenate([raw for raw, _ in outs]), np.concatenate([came for _, came in outs]))


def _said(champion: Champion, pairs: pd.DataFrame) -> Numbers:
    """The chance of each pair by what the version ships."""
    if champion.ships == "baseline":
        return pairs["popular_segment"].to_numpy(dtype=np.float64)
    return Calibration.of(champion.state["calibration"]).apply(_raw(champion.estimator, pairs))


def _judgement(past: _Past, said: Numbers) -> Judgement | Abstention:
    """How far up what an account bought was among the five named first; the baseline names the segment's favourites.

    Accounts that bought nothing that they could have been offered say nothing about a choice, and do not count. What
    was bought and was no candidate counts as missed.
    """
    pairs = past.pairs.assign(said=said)
    plain = pairs["popular_segment"].to_numpy(dtype=np.float64)
    mine, others = _recalls(past, pairs, said), _recalls(past, pairs, plain)
    if len(mine) < 2:
        return Abstention("recommend", f"{len(mine)} accounts bought anything within the judged window; 2 are needed")
    happened = pairs["bought"].to_numpy(dtype=np.float64)
    return Judgement(
        metric=f"NDCG@{TOP}",
        value=float(mine["ndcg"].mean()),
        baseline="favourites of the segment",
        baseline_value=float(others["ndcg"].mean()),
        losses=tuple((1.0 - mine["ndcg"]).tolist()),
        baseline_losses=tuple((1.0 - others["ndcg"]).tolist()),
        metrics={
            f"recall@{TOP}": float(mine["recall"].mean()),
            f"baseline recall@{TOP}": float(others["recall"].mean()),
            f"hit rate@{TOP}": float((mine["recall"] > 0).mean()),
            f"baseline hit rate@{TOP}": float((others["recall"] > 0).mean()),
            "log loss": float(log_losses(said, happened).mean()),
            "baseline log loss": float(log_losses(plain, happened).mean()),
            "calibration error": calibration_error(said, happened),
            "judged accounts": float(len(mine)),
            "purchases among candidates": float(happened.sum() / max(1.0, mine["wanted"].sum())),
        },
    )


def _recalls(past: _Past, pairs: pd.DataFrame, said: Numbers) -> pd.DataFrame:
    """One row per account that bought something it could have been offered: ``ndcg``, ``recall`` and ``wanted``.

    NDCG (Järvelin & Kekäläinen 2002): 1 where what was bought was named first, less the further down it was named.
    """
    ranked = pairs.assign(said=said).sort_values(
        ["account_id", "said", "popular", "product_id"], ascending=[True, False, False, True]
    )
    ranked["place"] = ranked.groupby("account_id").cumcount()
    top = ranked[ranked["place"] < TOP]
    gains = 1.0 / np.log2(np.arange(TOP) + 2.0)
    top = top.assign(gain=top["bought"] * gains[top["place"].to_numpy()])
    mine = top.groupby("account_id")[["bought", "gain"]].sum()
    wanted = past.bought.groupby("account_id").size()
    mine = mine.reindex(wanted.index).fillna(0.0)
    most = np.minimum(wanted.to_numpy(), TOP)
    ideal = np.cumsum(gains)[most - 1]
    return pd.DataFrame({"wanted": wanted, "recall": mine["bought"] / most, "ndcg": mine["gain"] / ideal})


def _as_baseline(judgement: Judgement | Abstention) -> Judgement | Abstention:
    """What a version that ships the baseline did: exactly what the baseline did."""
    if isinstance(judgement, Abstention):
        return judgement
    shipped = {"losses": judgement.baseline_losses, "value": judgement.baseline_value}
    return Judgement(**{**judgement.__dict__, **shipped})


def _repeats(company: Company) -> float:
    """The share of buyers who bought the same product again, over products that were sold, by their buyers."""
    rows = consumed(company, account_spine(company, (company.as_of,))).execute()
    weight = rows["buyers"].astype("float64")
    return float((rows["repeat_share"] * weight).sum() / weight.sum()) if weight.sum() else 0.0


def _rule(share: float) -> str:
    return (
        f"{share:.0%} of buyers buy the same product again within a year; what most buy once counts as owned for a "
        "year, what is bought again and again does not"
    )
