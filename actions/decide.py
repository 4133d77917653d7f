"""The decide step: one next best action for each account, within consent, suppression and the owners' time."""

import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from actions.account_margins import account_margins
from actions.action import CANDIDATE_COLUMNS, ActionInputs
from actions.call_capacity import assign_within_capacity, owner_minutes
from actions.call_schedule import call_times, owner_timezones
from actions.campaign_targets import campaign_targets
from actions.consent import call_contacts, mail_contacts
from actions.holdout import is_withheld
from actions.offers import eligible_offers
from actions.open_deals import offers_without_deal, open_deals
from actions.registry import ACTIONS
from actions.suppression import (
    contacts_over_email_cap,
    lapsed_accounts,
    recently_called_accounts,
    suppressed_actions,
)
from data.calendar import first_instant
from data.lake import Draft, Step
from data.outputs.catalogue import NEXT_BEST_ACTIONS
from data.outputs.conform import conform
from features.company import Company

EXPIRES_AFTER_DAYS = 7
"""Owners' time is planned by the week, so actions are valid for a week."""
WAIT = "wait"
SCORE_TABLES = ("account_scores", "contact_scores", "opportunity_scores", "recommendations")


def decide(company: Company, engineered: Step, scored: Step, draft: Draft) -> None:
    """Write ``next_best_actions``, one row per account, and ``campaign_targets``, one row per contact and campaign.

    ``expected_value`` is incremental margin after cost: 0 for waiting, at least the company's ``costs.hurdle`` for
    every other action. ``runner_up`` is the best other action or, where the account waits, the one of highest value.
    An account of the holdout waits: ``holdout`` marks it, ``withheld_action`` (also its runner-up) is the action that
    it would have got.
    """
    inputs = _inputs(company, engineered, scored)
    candidates = _unsuppressed(company, _candidates(company, inputs))
    worthwhile = candidates[candidates["net"] >= company.costs.hurdle]
    assigned, refused = assign_within_capacity(worthwhile, owner_minutes(company))
    assigned = _with_waiting(_with_call_times(company, assigned, inputs), candidates)
    planned = _with_runner_up(assigned, candidates)
    planned = _with_refusals(planned, refused).assign(expected_value=lambda rows: rows["net"])
    chosen = _withhold(planned)
    chosen = chosen.assign(
        action_id=f"{company.as_of}:" + chosen["account_id"].astype(str) + ":" + chosen["action"].astype(str),
        expires_at=company.as_of + timedelta(days=EXPIRES_AFTER_DAYS),
    )
    actions = conform(chosen.sort_values("account_id", ignore_index=True), NEXT_BEST_ACTIONS)
    draft.write("next_best_actions", actions)
    draft.write("campaign_targets", campaign_targets(company, planned, inputs["mail_to"]))


def _inputs(company: Company, engineered: Step, scored: Step) -> ActionInputs:
    """The published scores, and what all actions share:

    ``account_margins``, ``order_intervals``, ``lapsed_accounts`` and ``open_deals`` of the accounts; ``mail_to`` and
    ``call_to``, the contacts that may be reached; ``offers``, the products that may be offered.
    """
    scores = {name: scored.frame(name) for name in SCORE_TABLES if name in scored.tables}
    scores = {name: frame for name, frame in scores.items() if len(frame)}
    contacts = engineered.frame("contacts")
    over_cap = contacts_over_email_cap(company)
    mail_to = mail_contacts(company, contacts, scores.get("contact_scores"), over_cap=over_cap)
    recently_called = recently_called_accounts(company)
    call_to = call_contacts(company, contacts)
    deals = open_deals(company)
    offers = eligible_offers(company, scores.get("recommendations"))
    shared = {
        "account_margins": account_margins(company),
        "order_intervals": engineered.frame("accounts")[["account_id", "order_overdue"]],
        "lapsed_accounts": pd.DataFrame({"account_id": sorted(lapsed_accounts(company))}),
        "open_deals": deals,
        "mail_to": mail_to,
        "call_to": call_to[~call_to["account_id"].isin(recently_called)],
        "offers": offers_without_deal(company, offers, deals),
    }
    return ActionInputs({**scores, **shared})


def _candidates(company: Company, inputs: ActionInputs) -> pd.DataFrame:
    """Every candidate of every action, with ``action, channel, minutes``, ``net`` (after cost) and ``holdout``."""
    frames = [
        action.candidates(company, inputs).assign(action=action.name, channel=action.channel, minutes=action.minutes)
        for action in ACTIONS
    ]
    columns = [*CANDIDATE_COLUMNS, "action", "channel", "minutes"]
    rows = pd.concat([frame.astype(object) for frame in frames], ignore_index=True).reindex(columns=columns)
    rows = rows.astype({"expected_value": float, "cost": float, "minutes": float})
    rows["act_at"] = pd.to_datetime(rows["act_at"])
    rows["net"] = (rows["expected_value"] - rows["cost"]).round(2)
    rows["holdout"] = is_withheld(rows, company.seed)
    finite: pd.DataFrame = rows[np.isfinite(rows["net"])]
    return finite


def _unsuppressed(company: Company, candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates that no response suppresses. Waiting is always allowed."""
    suppressed = pd.MultiIndex.from_frame(suppressed_actions(company))
    is_suppressed = pd.MultiIndex.from_frame(candidates[["account_id", "action"]]).isin(suppressed)
    return candidates[~is_suppressed | (candidates["action"] == WAIT)]


def _with_call_times(company: Company, assigned: pd.DataFrame, inputs: ActionInputs) -> pd.DataFrame:
    """The assigned candidates, the calls at their scheduled times. Withheld calls take no time and keep theirs."""
    calls = assigned[(assigned["minutes"] > 0) & ~assigned["holdout"].astype(bool)]
    call_to = inputs["call_to"]
    account_zones = dict(zip(call_to["account_id"], call_to["timezone"], strict=True))
    expires_at = _expires_at(company)
    times = call_times(calls, account_zones, owner_timezones(company), company.timezone, until=expires_at)
    times = times.reindex(assigned.index)
    return assigned.assign(
        act_at=times["starts_at"].fillna(assigned["act_at"]),
        reasons=[
            _with_sentence(reasons, note) if isinstance(note, str) and note else reasons
            for reasons, note in zip(assigned["reasons"], times["note"], strict=True)
        ],
    )


def _expires_at(company: Company) -> datetime:
    """The instant at which actions expire."""
    return first_instant(company.as_of + timedelta(days=EXPIRES_AFTER_DAYS), company.timezone)


def _with_waiting(assigned: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """One row per account: the assigned candidate, or waiting."""
    waiting = candidates[(candidates["action"] == WAIT) & ~candidates["account_id"].isin(assigned["account_id"])]
    return pd.concat([assigned, waiting], ignore_index=True)


def _with_runner_up(assigned: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """The assigned rows with ``runner_up`` and ``runner_up_value``: the best candidate of another action."""
    others = candidates.merge(assigned[["account_id", "action"]], on="account_id", suffixes=("", "_assigned"))
    others = others[others["action"] != others["action_assigned"]]
    best = others.sort_values(["account_id", "net", "action"], ascending=[True, False, True], kind="stable")
    best = best.drop_duplicates("account_id")[["account_id", "action", "net"]]
    best = best.set_axis(["account_id", "runner_up", "runner_up_value"], axis=1)
    return assigned.merge(best, on="account_id", how="left")


def _with_refusals(planned: pd.DataFrame, refused: pd.DataFrame) -> pd.DataFrame:
    """The rows with a sentence in ``reasons`` where a better action found no time of the owner."""
    best = refused.sort_values("net", ascending=False, kind="stable").drop_duplicates("account_id")
    better = planned["account_id"].map(dict(zip(best["account_id"], best["action"], strict=True)))
    reasons = [
        reasons
        if pd.isna(name)
        else _with_sentence("[]" if action == WAIT else reasons, f"its owner has no hours left for {name}")
        for reasons, name, action in zip(planned["reasons"], better, planned["action"], strict=True)
    ]
    return planned.assign(reasons=reasons)


def _with_sentence(reasons: str, sentence: str) -> str:
    """The JSON list of reasons with one more."""
    return json.dumps([*json.loads(reasons), sentence], ensure_ascii=False)


def _withhold(planned: pd.DataFrame) -> pd.DataFrame:
    """The plan to be followed: accounts of the holdout wait, with ``withheld_action``, and nothing else that a reader
    could take for something to do."""
    rows = planned.astype(object)
    is_holdout = rows["holdout"].astype(bool)
    withheld, others = rows[is_holdout], rows[~is_holdout].assign(withheld_action=None)
    reasons = [
        [
            "held out, so that the effect of acting can be measured: leave it alone",
            f"otherwise: {action}" + ("" if pd.isna(product) else f" with {product}"),
        ]
        for action, product in zip(withheld["action"], withheld["product_id"], strict=True)
    ]
    withheld = withheld.assign(
        withheld_action=withheld["action"],
        runner_up=withheld["action"],
        runner_up_value=withheld["expected_value"],
        action=WAIT,
        expected_value=0.0,
        cost=0.0,
        reasons=[json.dumps(sentences, ensure_ascii=False) for sentences in reasons],
        **dict.fromkeys(("product_id", "contact_id", "opportunity_id", "channel", "act_at")),
    )
    return pd.concat([others.astype(object), withheld.astype(object)], ignore_index=True)
