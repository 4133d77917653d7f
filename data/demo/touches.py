"""Touches: the mail of campaigns, and what people and privacy proxies do with it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import NEVER, History, local_to_utc
from data.demo.campaigns import Campaigns, hourly_log_odds
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.consents import Consents
from data.demo.deal_stages import sigmoid
from data.demo.population import ARCHETYPES, ZONES, Population

OPEN_LOG_ODDS, CLICK_LOG_ODDS = -1.15, -1.35
REPLY_SHARE, FORM_SHARE, UNSUBSCRIBE_SHARE, BOUNCE_SHARE = 0.08, 0.06, 0.004, 0.012
PROXY_OPEN_SHARE, MARKED_SHARE = 0.92, 0.93
"""Share of mail that a privacy proxy opens within seconds, and share of those opens that the mailer marks."""
WITHDRAWAL_SHARE = 0.8
"""Share of unsubscriptions that reach the consents."""
KINDS = ("sent", "delivered", "bounced", "opened", "clicked", "replied", "unsubscribed", "attended", "form_submitted")
SENT, DELIVERED, BOUNCED, OPENED, CLICKED, REPLIED, UNSUBSCRIBED, _ATTENDED, SUBMITTED = range(9)


@dataclass(frozen=True)
class Touches:
    """The touches, and what they lead to."""

    rows: pd.DataFrame
    """One row per touch."""
    withdrawals: pd.DataFrame
    """One row per consent withdrawn by an unsubscription."""
    unmarked: Ints
    """Positions in ``rows`` of opens by machines that are not marked as such."""


@dataclass(frozen=True)
class _Mail:
    """One entry per mail sent."""

    campaign: Ints
    contact: Ints
    local: Ints
    """Wall-clock seconds of the contact."""
    sent: Ints
    unsubscribes: Bools


@dataclass(frozen=True)
class _Events:
    """One entry per touch, in order of time."""

    mail: Ints
    """Index of the mail."""
    kind: Ints
    at: Ints
    by_machine: Bools


def simulate_touches(
    population: Population,
    health: AccountHealth,
    campaigns: Campaigns,
    consents: Consents,
    history: History,
    seed: int,
) -> Touches:
    """All touches of marketing mail until the end of the history."""
    rng = np.random.default_rng([seed, 16])
    mail = _send(population, campaigns, consents, history, rng)
    events = _reactions(population, health, mail, history, rng)
    account = population.contact_account[mail.contact]
    marked = events.by_machine & (rng.random(len(events.mail)) < MARKED_SHARE)
    propensity = campaigns.propensity[mail.campaign[events.mail], population.segment[account[events.mail]]]
    rows = pd.DataFrame(
        {
            "touch_id": id_column("M", np.arange(len(events.mail))),
            "contact_id": id_column("C", mail.contact[events.mail], 6),
            "campaign_id": id_column("K", mail.campaign[events.mail], 4),
            "channel": "email",
            "kind": category_column(KINDS, events.kind),
            "machine": marked,
            "happened_at": timestamp_column(events.at),
            "propensity": np.where(events.kind == SENT, np.round(propensity, 4), np.nan),
        }
    )
    return Touches(rows, _withdrawals(mail, events, history, rng), np.flatnonzero(events.by_machine & ~marked))


def _send(
    population: Population, campaigns: Campaigns, consents: Consents, history: History, rng: np.random.Generator
) -> _Mail:
    """The mail of all campaigns to contacts with consent, up to the mail on which they unsubscribe."""
    campaign, contact = _recipients(population, campaigns, consents.reachable(population))
    local = campaigns.started[campaign] + _send_hours(len(campaign), rng)
    sent = np.zeros(len(campaign), dtype=np.int64)
    for zone, name in enumerate(ZONES):
        in_zone = population.contact_location[contact] == zone
        sent[in_zone] = local_to_utc(local[in_zone], name)
    allowed = (consents.granted[contact] < sent) & (sent < consents.withdrawn[contact]) & (sent < history.until)
    put_off = population.mail_harm[population.contact_account[contact]] > 0
    unsubscribes = rng.random(len(sent)) < UNSUBSCRIBE_SHARE * np.where(put_off, 2.5, 1)
    unsubscribed_at = np.full(len(consents.granted), NEVER, dtype=np.int64)
    np.minimum.at(unsubscribed_at, contact[allowed & unsubscribes], sent[allowed & unsubscribes])
    allowed &= sent <= unsubscribed_at[contact]
    return _Mail(campaign[allowed], contact[allowed], local[allowed], sent[allowed], unsubscribes[allowed])


def _reactions(
    population: Population, health: AccountHealth, mail: _Mail, history: History, rng: np.random.Generator
) -> _Events:
    """What happens to each mail, by people and by machines, before the end of the history."""
    sent, count = mail.sent, len(mail.sent)
    mail_affinity = population.mail_affinity[mail.contact]
    month = np.clip(history.month_of(sent), 0, len(history.months) - 1)
    log_odds = (
        OPEN_LOG_ODDS + mail_affinity + 0.3 * health.health[population.contact_account[mail.contact], month]
    ) + _hour_log_odds(population, mail)
    bounced = rng.random(count) < BOUNCE_SHARE
    opened = ~bounced & (rng.random(count) < sigmoid(log_odds))
    clicked = opened & (rng.random(count) < sigmoid(CLICK_LOG_ODDS + 0.4 * mail_affinity))
    replied = clicked & (rng.random(count) < REPLY_SHARE)
    submitted = clicked & (rng.random(count) < FORM_SHARE)
    proxied = ~bounced & population.machine_opens[mail.contact] & (rng.random(count) < PROXY_OPEN_SHARE)
    opened_at = sent + (rng.exponential(35, count) * 60).astype(np.int64) + 20
    proxied_at = sent + rng.integers(1, 6, count)
    events = (
        (SENT, sent, np.ones(count, dtype=bool), False),
        (DELIVERED, sent + 2, ~bounced, False),
        (BOUNCED, sent + 3, bounced, False),
        (OPENED, proxied_at, proxied, True),
        (OPENED, opened_at, opened, False),
        (CLICKED, opened_at + 40, clicked, False),
        (REPLIED, opened_at + 900, replied, False),
        (SUBMITTED, opened_at + 300, submitted, False),
        (UNSUBSCRIBED, opened_at + 60, mail.unsubscribes & ~bounced, False),
    )
    index = np.concatenate([np.flatnonzero(occurs) for _, _, occurs, _ in events])
    kind = np.concatenate([np.full(int(occurs.sum()), kind) for kind, _, occurs, _ in events])
    at = np.concatenate([time[occurs] for _, time, occurs, _ in events])
    by_machine = np.concatenate([np.full(int(occurs.sum()), machine) for _, _, occurs, machine in events])
    order = np.lexsort((index, kind, at))
    order = order[at[order] < history.until]
    return _Events(index[order], kind[order], at[order], by_machine[order])


def _withdrawals(mail: _Mail, events: _Events, history: History, rng: np.random.Generator) -> pd.DataFrame:
    """One row per consent that an unsubscription withdraws, some hours later; some are never recorded."""
    unsubscribed = np.flatnonzero(events.kind == UNSUBSCRIBED)
    recorded = events.at[unsubscribed] + rng.integers(1, 4, len(unsubscribed)) * 3600
    reaches_consents = (rng.random(len(unsubscribed)) < WITHDRAWAL_SHARE) & (recorded < history.until)
    recorded = np.where(reaches_consents, recorded, NEVER)
    rows = pd.DataFrame(
        {
            "contact_id": id_column("C", mail.contact[events.mail][unsubscribed], 6),
            "channel": "email",
            "purpose": "marketing",
            "recorded_at": timestamp_column(recorded),
            "status": "withdrawn",
            "source": "unsubscribe link",
        }
    )
    return rows[recorded < NEVER]


def _recipients(population: Population, campaigns: Campaigns, reachable: Bools) -> tuple[Ints, Ints]:
    """Campaign and contact of every mail: all reachable contacts of the target accounts."""
    contacts = np.flatnonzero(reachable)
    recipients = [np.flatnonzero(targets[population.contact_account[contacts]]) for targets in campaigns.targets]
    campaign = np.repeat(np.arange(len(recipients)), [len(group) for group in recipients])
    return campaign, contacts[np.concatenate(recipients)] if recipients else campaign


def _send_hours(count: int, rng: np.random.Generator) -> Ints:
    """Seconds from a campaign's first local day to each sending: mostly working hours, 40 % any hour of the week."""
    working = rng.integers(0, 5, count) * 24 + np.clip(rng.normal(11.5, 3.0, count), 6, 20).astype(np.int64)
    random = rng.integers(0, 168, count)
    hour = np.where(rng.random(count) < 0.6, working, random)
    return hour * 3600 + rng.integers(0, 3600, count)


def _hour_log_odds(population: Population, mail: _Mail) -> Floats:
    """Log odds of an open that the local hour of sending adds, one per mail."""
    hour = ((mail.local // 3600) + 3 * 24) % 168  # 1 January 1970 was a Thursday
    curves = np.array([hourly_log_odds(name) for name in ARCHETYPES])
    return np.asarray(curves[population.archetype[mail.contact], (hour - population.hour_shift[mail.contact]) % 168])
