"""The choice: one next best action for each customer, within what people allow and have time for."""

import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from actions.account_margins import worth
from actions.action import CANDIDATE_COLUMNS, Scores
from actions.call_capacity import assign, owner_minutes
from actions.call_schedule import call_times, caller_zones
from actions.campaign_targets import campaign_targets
from actions.consent import call_contacts, mail_contacts
from actions.holdout import withheld
from actions.offers import offers
from actions.open_deals import open_deals, undiscussed
from actions.registry import ACTIONS
from actions.suppression import called_lately, kept_away, left_already, mailed_too_often
from data.calendar import first_instant
from data.lake import Draft, Step
from data.outputs.catalogue import NEXT_BEST_ACTIONS
from data.outputs.conform import conform
from features.company import Company

EXPIRES_AFTER_DAYS = 7
"""Hours are planned by the week, so what was chosen for them lasts a week."""
WAIT = "wait"
SCORED = ("account_scores", "contact_scores", "opportunity_scores", "recommendations")


def decide(company: Company, engineered: Step, scored: Step, draft: Draft) -> None:
    """Writes ``next_best_actions``, one row per account, and ``campaign_targets``, one row per contact and campaign.

    ``expected_value`` is incremental margin after cost, so that waiting is worth 0 and everything else at least the
    company's ``costs.hurdle``. ``runner_up`` is what would have been done instead: the best other action, or, where the
    account waits, the one that came nearest. An account that is held out waits: ``holdout`` marks it,
    ``withheld_action`` names what would have been done, and is its runner-up too.
    """
    scores = _scores(company, engineered, scored)
    candidates = _allowed(company, _candidates(company, scores))
    worthwhile = candidates[candidates["net"] >= company.costs.hurdle]
    picked, refused = assign(worthwhile, owner_minutes(company))
    chosen = _with_waiting(_one_call_at_a_time(company, picked, scores), candidates)
    planned = _with_runner_up(chosen, candidates, refused).assign(expected_value=lambda rows: rows["net"])
    chosen = _without_the_withheld(planned)
    chosen = chosen.assign(
        action_id=f"{company.as_of}:" + chosen["account_id"].astype(str) + ":" + chosen["action"].astype(str),
        expires_at=company.as_of + timedelta(days=EXPIRES_AFTER_DAYS),
    )
    actions = conform(chosen.sort_values("account_id", ignore_index=True), NEXT_BEST_ACTIONS)
    draft.write("next_best_actions", actions)
    draft.write("campaign_targets", campaign_targets(company, planned, scores.frames["mail_to"]))


def _scores(company: Company, engineered: Step, scored: Step) -> Scores:
    """What models wrote, and beside it ``worth``, ``habits``, ``left``, ``deals``, ``mail_to``, ``call_to`` and
    ``offers``: what each account is worth, how it orders, whether it has left, which deals it has open, who of it may
    be written to or called, and what it may be offered that nobody is talking to it about.
    """
    frames = {name: scored.frame(name) for name in SCORED if name in scored.tables}
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    contacts = engineered.frame("contacts")
    mail_to = mail_contacts(company, contacts, frames.get("contact_scores"), too_often=mailed_too_often(company))
    called = called_lately(company)
    call_to = call_contacts(company, contacts)
    deals = open_deals(company)
    known = {
        "worth": worth(company),
        "habits": engineered.frame("accounts")[["account_id", "order_overdue"]],
        "left": pd.DataFrame({"account_id": sorted(left_already(company))}),
        "deals": deals,
        "mail_to": mail_to,
        "call_to": call_to[~call_to["account_id"].isin(called)],
        "offers": undiscussed(company, offers(company, frames.get("recommendations")), deals),
    }
    return Scores({**frames, **known})


def _candidates(company: Company, scores: Scores) -> pd.DataFrame:
    """Every candidate of every action, with ``action, channel, minutes``, ``net`` (after cost) and ``holdout``."""
    found = [
        action.candidates(company, scores).assign(action=action.name, channel=action.channel, minutes=action.minutes)
        for action in ACTIONS
    ]
    columns = [*CANDIDATE_COLUMNS, "action", "channel", "minutes"]
    rows = pd.concat([frame.astype(object) for frame in found], ignore_index=True).reindex(columns=columns)
    rows = rows.astype({"expected_value": float, "cost": float, "minutes": float})
    rows["act_at"] = pd.to_datetime(rows["act_at"])
    rows["net"] = (rows["expected_value"] - rows["cost"]).round(2)
    rows["holdout"] = withheld(rows, company.seed)
    finite: pd.DataFrame = rows[np.isfinite(rows["net"])]
    return finite


def _allowed(company: Company, candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates that nobody said no to. Waiting is always allowed."""
    away = kept_away(company)
    refused = pd.MultiIndex.from_frame(candidates[["account_id", "action"]]).isin(pd.MultiIndex.from_frame(away))
    return candidates[~refused | (candidates["action"] == WAIT)]


def _one_call_at_a_time(company: Company, picked: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """What was picked, each call at a time at which its owner works and makes no other. Withheld calls take no time."""
    call_to = scores.frames["call_to"]
    calls = picked[(picked["minutes"] > 0) & ~picked["holdout"].astype(bool)]
    called = dict(zip(call_to["account_id"], call_to["timezone"], strict=True))
    times = call_times(calls, called, caller_zones(company), company.timezone, until=_expires_at(company))
    times = times.reindex(picked.index)
    return picked.assign(
        act_at=times["begins"].fillna(picked["act_at"]),
        reasons=[
            json.dumps([*json.loads(reasons), told], ensure_ascii=False) if isinstance(told, str) and told else reasons
            for reasons, told in zip(picked["reasons"], times["told"], strict=True)
        ],
    )


def _expires_at(company: Company) -> datetime:
    """The instant at which what is chosen expires."""
    return first_instant(company.as_of + timedelta(days=EXPIRES_AFTER_DAYS), company.timezone)


def _with_waiting(picked: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """One row per account: what was picked for it, or waiting."""
    waits = candidates[(candidates["action"] == WAIT) & ~candidates["account_id"].isin(picked["account_id"])]
    return pd.concat([picked, waits], ignore_index=True)


def _with_runner_up(chosen: pd.DataFrame, candidates: pd.DataFrame, refused: pd.DataFrame) -> pd.DataFrame:
    """The chosen rows with ``runner_up`` and ``runner_up_value``; where something better found no time, it is told."""
    others = candidates.merge(chosen[["account_id", "action"]], on="account_id", suffixes=("", "_chosen"))
    others = others[others["action"] != others["action_chosen"]]
    best = others.sort_values(["account_id", "net", "action"], ascending=[True, False, True], kind="stable")
    best = best.drop_duplicates("account_id")[["account_id", "action", "net"]]
    rows = chosen.merge(
        best.set_axis(["account_id", "runner_up", "runner_up_value"], axis=1), on="account_id", how="left"
    )
    crowded_out = refused.sort_values("net", ascending=False, kind="stable").drop_duplicates("account_id")
    better = rows["account_id"].map(dict(zip(crowded_out["account_id"], crowded_out["action"], strict=True)))
    rows["reasons"] = [
        reasons if pd.isna(name) else _told(reasons, name, waits=action == WAIT)
        for reasons, name, action in zip(rows["reasons"], better, rows["action"], strict=True)
    ]
    return rows


def _told(reasons: str, better: str, *, waits: bool) -> str:
    """The reasons, and that the owner's week was too full for something better."""
    kept = [] if waits else json.loads(reasons)
    return json.dumps([*kept, f"its owner has no hours left for {better}"], ensure_ascii=False)


def _without_the_withheld(planned: pd.DataFrame) -> pd.DataFrame:
    """The plan as it is to be followed: held-out accounts wait, with ``withheld_action``; nothing else of it is left
    that a reader could take for something to do."""
    rows = planned.astype(object)
    aside = rows["holdout"].astype(bool)
    held, others = rows[aside], rows[~aside].assign(withheld_action=None)
    told = [
        [
            "held out, so that the effect of acting can be measured: leave it alone",
            f"otherwise: {action}" + ("" if pd.isna(product) else f" with {product}"),
        ]
        for action, product in zip(held["action"], held["product_id"], strict=True)
    ]
    held = held.assign(
        withheld_action=held["action"],
        runner_up=held["action"],
        runner_up_value=held["expected_value"],
        action=WAIT,
        expected_value=0.0,
        cost=0.0,
        reasons=[json.dumps(sentences, ensure_ascii=False) for sentences in told],
        **dict.fromkeys(("product_id", "contact_id", "opportunity_id", "channel", "act_at")),
    )
    return pd.concat([others.astype(object), held.astype(object)], ignore_index=True)
