"""The truth behind the demo company, as tables that the pipeline never reads."""

from dataclasses import fields

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.demo.account_health import AT_TERM, RETURNS, AccountHealth
from data.demo.adoption import Adoptions
from data.demo.calendar import NEVER, SEASON, History, holidays, trend
from data.demo.campaigns import hours
from data.demo.catalogue import NAMES, NEEDS, PLATFORM
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deal_stages import CARE_HELPS, PASSES, STAGES, USUAL_DAYS, sigmoid
from data.demo.deals import KINDS, Deals
from data.demo.population import ARCHETYPES, Population

HELD, UNMOVED, DOG = "persuadable", "indifferent", "sleeping dog"


def truth_tables(
    world: Population, health: AccountHealth, deals: Deals, adoptions: Adoptions, span: History
) -> dict[str, pd.DataFrame]:
    """Every table of the truth but ``trouble``."""
    return {
        "accounts": _accounts(world, health),
        "months": _months(world, health, span),
        "uplift": _uplift(world, health, deals, span),
        "affinities": _affinities(world, adoptions),
        "people": _people(world),
        "hours": pd.concat(
            [pd.DataFrame({"archetype": a, "hour": np.arange(168), "log_odds": hours(a)}) for a in ARCHETYPES],
            ignore_index=True,
        ),
        "days": _days(span),
        "trend": _trend(span),
        "stages": _stages(deals, span),
        "deals": _deals(deals),
        "owners": pd.DataFrame({"owner_id": id_column("O", np.arange(len(world.skill)), 4), "skill": world.skill}),
    }


def _accounts(world: Population, health: AccountHealth) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": id_column("A", np.arange(world.count), 6),
            "need": category_column(NEEDS, world.need),
            "subscribes": world.subscribes,
            "yearly": health.annual,
            "frailty": world.frailty,
            "appetite": world.appetite,
            "fullness": health.seat_utilization,
            "order_rate": health.order_rate,
            "mail_effect": world.mail_effect,
            "mail_harm": world.mail_harm,
            "call_effect": world.call_effect,
        }
    )


def _months(world: Population, health: AccountHealth, span: History) -> pd.DataFrame:
    """One row per account and month. Hazards are those of leaving, and of buying something new, within the month."""
    months = len(span.months)
    account = np.repeat(np.arange(world.count), months)
    columns = {
        "active": health.active,
        "health": health.health,
        "use": health.usage_ratio,
        "growth": health.growth,
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
            "month": np.tile(np.array(span.months, dtype="datetime64[s]"), world.count),
            **{name: np.asarray(values).ravel() for name, values in columns.items()},
        }
    )


def _uplift(world: Population, health: AccountHealth, deals: Deals, span: History) -> pd.DataFrame:
    """One row per account and action that makes sense as of the end: chances within 90 days without it and with it.

    ``outcome`` says of what: of staying (churn), of buying something new (purchase), of coming back (return), of
    winning the open deal (win). ``uplift`` is for the better where positive, whatever the outcome.
    """
    customer = health.active[:, -1]
    odds = _log_odds(health.free_churn_hazard[:, -1])
    month = np.arange(len(span.months), len(span.months) + 3) % 12
    first = np.full(world.count, -1)
    first[health.account] = health.first_due % 12
    due = health.annual & np.isin(first, month)

    def leaves(shift: Floats) -> Floats:
        monthly = sigmoid(odds + shift)
        free, at_term = 1 - (1 - monthly) ** 3, 1 - (1 - monthly) ** AT_TERM
        return np.where(health.annual, np.where(due, at_term, 1 - (1 - 0.04 * monthly) ** 3), free)

    buys = _log_odds(health.purchase_hazard[:, -1])
    parts = [
        (
            "renewal_call",
            "churn",
            customer & due,
            leaves(np.zeros(world.count)),
            leaves(world.call_effect),
            -world.call_effect,
        ),
        (
            "cross_sell_email",
            "churn",
            customer,
            leaves(np.zeros(world.count)),
            leaves(world.mail_harm),
            -world.mail_harm,
        ),
    ]
    for action in ("cross_sell_email", "upsell_offer"):
        without, moved = 1 - (1 - sigmoid(buys)) ** 3, sigmoid(buys + world.mail_effect)
        within = 1 - (1 - sigmoid(buys)) ** 2 * (1 - moved)
        parts.append((action, "purchase", customer, without, within, world.mail_effect))
    gone = ~customer & np.isin(np.arange(world.count), health.account)
    returns = np.full(world.count, 1 - (1 - RETURNS) ** 3)
    moved = 1 - (1 - RETURNS) ** 2 * (1 - RETURNS * np.exp(world.mail_effect))
    parts.append(("win_back_email", "return", gone, returns, moved, world.mail_effect))
    frames = []
    for action, outcome, sensible, without, within, effect in parts:
        better = within - without if outcome != "churn" else without - within
        frames.append(
            pd.DataFrame(
                {
                    "account_id": id_column("A", np.flatnonzero(sensible), 6),
                    "action": action,
                    "outcome": outcome,
                    "without": without[sensible],
                    "with": within[sensible],
                    "uplift": better[sensible],
                    "kind": np.where(effect > 0, HELD, np.where(effect < 0, DOG, UNMOVED))[sensible],
                }
            )
        )
    frames.append(_open_deals(deals, span))
    return pd.concat(frames, ignore_index=True)


def _open_deals(deals: Deals, span: History) -> pd.DataFrame:
    """What looking after an open deal as well as two of three are looked after would do for it."""
    j = deals.journeys
    open_ = (j.created < span.until) & (j.closed >= span.until) & (deals.kind != KINDS.index("renewal"))
    stage = np.where(j.entered < span.until, np.arange(len(STAGES)), -1).max(axis=1)
    chances = np.ones((2, len(j.created)))
    for n, passes in enumerate(PASSES):
        for with_care in (0, 1):
            base = _log_odds(np.array([passes])) + j.quality + CARE_HELPS * (j.care + with_care)
            chances[with_care] *= np.where(n >= stage, sigmoid(base), 1.0)
    return pd.DataFrame(
        {
            "account_id": id_column("A", deals.account[open_], 6),
            "action": "advance_deal",
            "outcome": "win",
            "without": chances[0][open_],
            "with": chances[1][open_],
            "uplift": (chances[1] - chances[0])[open_],
            "kind": HELD,
        }
    ).drop_duplicates("account_id")


def _affinities(world: Population, adoptions: Adoptions) -> pd.DataFrame:
    """One row per account and product: how much it is wanted (log), and when it was adopted."""
    products = np.arange(PLATFORM, len(NAMES) - 1)
    account = np.repeat(np.arange(world.count), len(products))
    return pd.DataFrame(
        {
            "account_id": id_column("A", account, 6),
            "product_id": category_column(NAMES, np.tile(products, world.count)),
            "affinity": world.affinity[:, products].ravel(),
            "adopted_at": timestamp_column(adoptions.adopted[:, products].ravel()),
        }
    )


def _people(world: Population) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contact_id": id_column("C", np.arange(len(world.archetype)), 6),
            "archetype": category_column(ARCHETYPES, world.archetype),
            "shift": world.shift,
            "liking": world.liking,
            "machine": world.machine,
        }
    )


def _days(span: History) -> pd.DataFrame:
    closed = holidays(span.days[0], span.days[-1])
    return pd.DataFrame(
        {
            "day": np.array(span.days, dtype="datetime64[s]"),
            "weight": span.day_weight,
            "holiday": pd.array([closed.get(day) for day in span.days], dtype="str"),
        }
    )


def _trend(span: History) -> pd.DataFrame:
    months = np.arange(len(span.months))
    return pd.DataFrame(
        {
            "month": np.array(span.months, dtype="datetime64[s]"),
            "season": [SEASON[m.month - 1] for m in span.months],
            "trend": trend(len(months), span.break_month),
            "level": span.level,
            "breaks": months == span.break_month,
        }
    )


def _stages(deals: Deals, span: History) -> pd.DataFrame:
    """One row per stage: the planted chance to pass it, and what came of the deals that are decided."""
    j = deals.journeys
    decided = (j.closed < span.until) & (deals.kind != KINDS.index("renewal"))
    entered = (j.entered < NEVER) & decided[:, None]
    won = j.won & decided
    passed = np.concatenate([entered[:, 1:], won[:, None]], axis=1).sum(axis=0)
    return pd.DataFrame(
        {
            "stage": STAGES,
            "pass_probability": PASSES,
            "usual_days": USUAL_DAYS,
            "entered": entered.sum(axis=0),
            "passed": passed,
            "won": (entered & won[:, None]).sum(axis=0),
        }
    )


def _deals(deals: Deals) -> pd.DataFrame:
    """One row per deal: hidden quality and care, and the chance to win when it was created (NaN for renewals)."""
    j = deals.journeys
    hidden = {
        field.name: getattr(j, field.name) for field in fields(j) if field.name in ("quality", "care", "expected")
    }
    return pd.DataFrame({"opportunity_id": id_column("D", np.arange(len(deals.account))), **hidden}).rename(
        columns={"expected": "win_probability"}
    )


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))
