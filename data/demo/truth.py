"""The truth behind the demo company, as tables that the pipeline never reads."""

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.demo.account_health import AccountHealth
from data.demo.adoption import Adoptions
from data.demo.calendar import NEVER, SEASON, History, holidays, trend
from data.demo.campaigns import hourly_log_odds
from data.demo.catalogue import NEEDS, PLATFORM, PRODUCT_IDS
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deal_stages import CARE_EFFECT, PASS_PROBABILITIES, STAGES, TYPICAL_DAYS, sigmoid
from data.demo.deals import KINDS, Deals
from data.demo.health_formulas import RETURN_PROBABILITY, TERM_MONTHS
from data.demo.population import ARCHETYPES, Population

PERSUADABLE, INDIFFERENT, SLEEPING_DOG = "persuadable", "indifferent", "sleeping dog"


def truth_tables(
    population: Population, health: AccountHealth, deals: Deals, adoptions: Adoptions, history: History
) -> dict[str, pd.DataFrame]:
    """Every table of the truth but ``trouble``."""
    return {
        "accounts": _accounts(population, health),
        "months": _months(population, health, history),
        "uplift": _uplift(population, health, deals, history),
        "affinities": _affinities(population, adoptions),
        "people": _people(population),
        "hours": pd.concat(
            [
                pd.DataFrame({"archetype": a, "hour": np.arange(168), "log_odds": hourly_log_odds(a)})
                for a in ARCHETYPES
            ],
            ignore_index=True,
        ),
        "days": _days(history),
        "trend": _trend(history),
        "stages": _stages(deals, history),
        "deals": _deals(deals),
        "owners": pd.DataFrame(
            {"owner_id": id_column("O", np.arange(len(population.skill)), 4), "skill": population.skill}
        ),
    }


def _accounts(population: Population, health: AccountHealth) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": id_column("A", np.arange(population.count), 6),
            "need": category_column(NEEDS, population.need),
            "subscribes": population.subscribes,
            "yearly": health.annual,
            "frailty": population.frailty,
            "appetite": population.appetite,
            "fullness": health.seat_utilization,
            "order_rate": health.order_rate,
            "mail_effect": population.mail_effect,
            "mail_harm": population.mail_harm,
            "call_effect": population.call_effect,
        }
    )


def _months(population: Population, health: AccountHealth, history: History) -> pd.DataFrame:
    """One row per account and month. Hazards are those of leaving, and of buying something new, within the month."""
    months = len(history.months)
    account = np.repeat(np.arange(population.count), months)
    columns = {
        "active": health.active,
        "health": health.health,
        "use": health.usage_ratio,
        "growth": health.usage_trend,
        "satisfaction": health.satisfaction,
        "churn_hazard": health.churn_hazard,
        "churn_pressure": health.free_churn_hazard,
        "purchase_hazard": health.purchase_hazard,
        "mailed": health.mailed,
        "called": health.called,
    }
    return pd.DataFrame(
        {
            "account_id": id_column("A", account, 6),
            "month": np.tile(np.array(history.months, dtype="datetime64[s]"), population.count),
            **{name: np.asarray(values).ravel() for name, values in columns.items()},
        }
    )


def _uplift(population: Population, health: AccountHealth, deals: Deals, history: History) -> pd.DataFrame:
    """One row per account and action that makes sense as of the end: probabilities within 90 days, without and with it.

    ``outcome`` names the event: churn, a new purchase, the return of a lapsed customer, or the win of an open deal.
    ``uplift`` is positive where the action helps, whatever the outcome.
    """
    customer = health.active[:, -1]
    odds = _log_odds(health.free_churn_hazard[:, -1])
    month = np.arange(len(history.months), len(history.months) + 3) % 12
    first = np.full(population.count, -1)
    first[health.intervals.account] = health.intervals.first_due % 12
    due = health.annual & np.isin(first, month)

    def leaves(shift: Floats) -> Floats:
        monthly = sigmoid(odds + shift)
        free, at_term = 1 - (1 - monthly) ** 3, 1 - (1 - monthly) ** TERM_MONTHS
        return np.where(health.annual, np.where(due, at_term, 1 - (1 - 0.04 * monthly) ** 3), free)

    buys = _log_odds(health.purchase_hazard[:, -1])
    parts = [
        (
            "renewal_call",
            "churn",
            customer & due,
            leaves(np.zeros(population.count)),
            leaves(population.call_effect),
            -population.call_effect,
        ),
        (
            "cross_sell_email",
            "churn",
            customer,
            leaves(np.zeros(population.count)),
            leaves(population.mail_harm),
            -population.mail_harm,
        ),
    ]
    for action in ("cross_sell_email", "upsell_offer"):
        without, moved = 1 - (1 - sigmoid(buys)) ** 3, sigmoid(buys + population.mail_effect)
        within = 1 - (1 - sigmoid(buys)) ** 2 * (1 - moved)
        parts.append((action, "purchase", customer, without, within, population.mail_effect))
    gone = ~customer & np.isin(np.arange(population.count), health.intervals.account)
    returns = np.full(population.count, 1 - (1 - RETURN_PROBABILITY) ** 3)
    moved = 1 - (1 - RETURN_PROBABILITY) ** 2 * (1 - RETURN_PROBABILITY * np.exp(population.mail_effect))
    parts.append(("win_back_email", "return", gone, returns, moved, population.mail_effect))
    frames = [_effect_rows(*part) for part in parts]
    return pd.concat([*frames, _open_deals(deals, history)], ignore_index=True)


def _effect_rows(
    action: str, outcome: str, sensible: Bools, without: Floats, with_action: Floats, effect: Floats
) -> pd.DataFrame:
    """One row per account for which an action makes sense: its probabilities without and with it, and its kind."""
    better = with_action - without if outcome != "churn" else without - with_action
    kind = np.where(effect > 0, PERSUADABLE, np.where(effect < 0, SLEEPING_DOG, INDIFFERENT))
    return pd.DataFrame(
        {
            "account_id": id_column("A", np.flatnonzero(sensible), 6),
            "action": action,
            "outcome": outcome,
            "without": without[sensible],
            "with": with_action[sensible],
            "uplift": better[sensible],
            "kind": kind[sensible],
        }
    )


def _open_deals(deals: Deals, history: History) -> pd.DataFrame:
    """What looking after an open deal as well as two of three are looked after would do for it."""
    j = deals.stage_times
    open_ = (j.created < history.until) & (j.closed >= history.until) & (deals.kind != KINDS.index("renewal"))
    stage = np.where(j.entered < history.until, np.arange(len(STAGES)), -1).max(axis=1)
    chances = np.ones((2, len(j.created)))
    for n, passes in enumerate(PASS_PROBABILITIES):
        for with_care in (0, 1):
            base = _log_odds(np.array([passes])) + j.quality + CARE_EFFECT * (j.care + with_care)
            chances[with_care] *= np.where(n >= stage, sigmoid(base), 1.0)
    return pd.DataFrame(
        {
            "account_id": id_column("A", deals.account[open_], 6),
            "action": "advance_deal",
            "outcome": "win",
            "without": chances[0][open_],
            "with": chances[1][open_],
            "uplift": (chances[1] - chances[0])[open_],
            "kind": PERSUADABLE,
        }
    ).drop_duplicates("account_id")


def _affinities(population: Population, adoptions: Adoptions) -> pd.DataFrame:
    """One row per account and product: how much it is wanted (log), and when it was adopted."""
    products = np.arange(PLATFORM, len(PRODUCT_IDS) - 1)
    account = np.repeat(np.arange(population.count), len(products))
    return pd.DataFrame(
        {
            "account_id": id_column("A", account, 6),
            "product_id": category_column(PRODUCT_IDS, np.tile(products, population.count)),
            "affinity": population.affinity[:, products].ravel(),
            "adopted_at": timestamp_column(adoptions.adopted_at[:, products].ravel()),
        }
    )


def _people(population: Population) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contact_id": id_column("C", np.arange(len(population.archetype)), 6),
            "archetype": category_column(ARCHETYPES, population.archetype),
            "shift": population.hour_shift,
            "liking": population.mail_affinity,
            "machine": population.machine_opens,
        }
    )


def _days(history: History) -> pd.DataFrame:
    closed = holidays(history.days[0], history.days[-1])
    return pd.DataFrame(
        {
            "day": np.array(history.days, dtype="datetime64[s]"),
            "weight": history.day_weight,
            "holiday": pd.array([closed.get(day) for day in history.days], dtype="str"),
        }
    )


def _trend(history: History) -> pd.DataFrame:
    months = np.arange(len(history.months))
    return pd.DataFrame(
        {
            "month": np.array(history.months, dtype="datetime64[s]"),
            "season": [SEASON[m.month - 1] for m in history.months],
            "trend": trend(len(months), history.break_month),
            "level": history.demand,
            "breaks": months == history.break_month,
        }
    )


def _stages(deals: Deals, history: History) -> pd.DataFrame:
    """One row per stage: the planted chance to pass it, and what came of the deals that are decided."""
    j = deals.stage_times
    decided = (j.closed < history.until) & (deals.kind != KINDS.index("renewal"))
    entered = (j.entered < NEVER) & decided[:, None]
    won = j.won & decided
    passed = np.concatenate([entered[:, 1:], won[:, None]], axis=1).sum(axis=0)
    return pd.DataFrame(
        {
            "stage": STAGES,
            "pass_probability": PASS_PROBABILITIES,
            "usual_days": TYPICAL_DAYS,
            "entered": entered.sum(axis=0),
            "passed": passed,
            "won": (entered & won[:, None]).sum(axis=0),
        }
    )


def _deals(deals: Deals) -> pd.DataFrame:
    """One row per deal: hidden quality and care, and the chance to win when it was created (NaN for renewals)."""
    j = deals.stage_times
    return pd.DataFrame(
        {
            "opportunity_id": id_column("D", np.arange(len(deals.account))),
            "quality": j.quality,
            "care": j.care,
            "win_probability": j.win_probability,
        }
    )


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))
