"""Campaigns, consents, and what people and machines do with the mail they get.

Who is mailed is drawn by lot among those who may be, with a known propensity, and so is the hour: what mail does, and
when, can be learnt without bias.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History, local_to_utc
from data.demo.catalogue import PLATFORM, PRODUCT_IDS
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deal_stages import sigmoid
from data.demo.population import ARCHETYPES, ZONES, Population

PER_MONTH = 3
REACH = (0.42, 0.36, 0.30)
"""Chance that an account of each segment is in a campaign."""
GRANTED, WITHDRAWN = 0.80, 0.05
SOURCES = ("webform", "contract", "event", "import")
OPENS, CLICKS, REPLIES, LEAVES, BOUNCES = -1.15, -1.35, 0.08, 0.004, 0.012
MACHINE_OPENS, MARKED = 0.92, 0.93
"""Share of mail that a privacy proxy opens by itself within seconds, and share of those that the mailer marks."""
KINDS = ("sent", "delivered", "bounced", "opened", "clicked", "replied", "unsubscribed", "attended", "form_submitted")
SENT, DELIVERED, BOUNCED, OPENED, CLICKED, REPLIED, UNSUBSCRIBED, _ATTENDED, SUBMITTED = range(9)


@dataclass(frozen=True)
class Campaigns:
    """One entry per campaign; ``targets`` is campaign × account."""

    month: Ints
    started: Ints
    product: Ints
    propensity: Floats
    """Campaign × segment."""
    targets: Bools


def plan_campaigns(population: Population, history: History, seed: int) -> Campaigns:
    """The marketing campaigns of every month, and the accounts that the lot put into each."""
    rng = np.random.default_rng([seed, 13])
    month = np.repeat(np.arange(len(history.months)), PER_MONTH)
    started = history.month_starts[month] + rng.integers(1, 20, len(month)) * DAY
    month, started = month[started < history.until], started[started < history.until]
    product = rng.integers(PLATFORM, len(PRODUCT_IDS) - 1, len(month))
    propensity = np.array(REACH) * rng.uniform(0.6, 1.4, (len(month), 1))
    targets = rng.random((len(month), population.count)) < propensity[:, population.segment]
    targets &= population.created[None, :] < started[:, None]
    return Campaigns(month, started, product, propensity, targets)


def simulate_mailings(population: Population, campaigns: Campaigns, may: Bools, months: int) -> Bools:
    """Account × month: whether a campaign reached a person there."""
    reachable = np.zeros(population.count, dtype=bool)
    reachable[population.contact_account[may]] = True
    reached = np.zeros((population.count, months), dtype=bool)
    for nth, month in enumerate(campaigns.month):
        reached[:, month] |= campaigns.targets[nth] & reachable
    return reached


def hourly_log_odds(archetype: str) -> Floats:
    """What each local hour of the week (Monday 00:00 first) adds to a person's log odds of answering mail sent then."""
    hour, weekday = np.arange(168) % 24, np.arange(168) // 24
    middle, width = {
        "office": (10, 2.5),
        "early": (7, 1.8),
        "evening": (20, 2.2),
        "weekend": (11, 3.0),
        "flat": (14, 20),
    }[archetype]
    peak = np.exp(-0.5 * ((hour - middle) / width) ** 2)
    lunch = 0.45 * np.exp(-0.5 * ((hour - 13.5) / 0.9) ** 2) if archetype == "office" else 0.0
    works = (weekday < 5) if archetype != "weekend" else (weekday >= 5)
    best = np.array([0.75, 1.0, 1.0, 0.9, 0.7, 0.95, 0.85])[weekday]
    if archetype == "flat":
        return np.zeros(168)
    return np.asarray(-0.9 + 2.1 * (peak + lunch) * best * np.where(works, 1.0, 0.25))


def consents_table(population: Population, history: History, seed: int) -> tuple[pd.DataFrame, Ints, Ints]:
    """Decisions on marketing e-mail; when each contact granted it, and when they withdrew it (``NEVER``: not)."""
    rng = np.random.default_rng([seed, 14])
    count = len(population.contact_account)
    granted = (
        population.contact_created + (rng.exponential(9 * DAY, count) * (rng.random(count) < 0.6)).astype(np.int64) + 60
    )
    granted = np.where((rng.random(count) < GRANTED) & (granted < history.until), granted, NEVER)
    withdrawn = np.maximum(np.minimum(granted, history.until), history.start) + (rng.random(count) * 900 * DAY).astype(
        np.int64
    )
    withdrawn = np.where(
        (rng.random(count) < WITHDRAWN) & (granted < NEVER) & (withdrawn < history.until), withdrawn, NEVER
    )
    source = rng.integers(0, len(SOURCES), count)
    parts = [(granted, "granted", source), (withdrawn, "withdrawn", np.zeros(count, dtype=np.int64))]
    frames = []
    for at, status, where in parts:
        keep = at < NEVER
        frames.append(
            pd.DataFrame(
                {
                    "contact_id": id_column("C", np.flatnonzero(keep), 6),
                    "channel": "email",
                    "purpose": "marketing",
                    "recorded_at": timestamp_column(at[keep]),
                    "status": status,
                    "source": category_column(SOURCES, where[keep]),
                }
            )
        )
    return (
        pd.concat(frames, ignore_index=True).sort_values(["contact_id", "recorded_at"], ignore_index=True),
        granted,
        withdrawn,
    )


def campaigns_table(campaigns: Campaigns, history: History, seed: int) -> pd.DataFrame:
    """One row per campaign, as the contract has it."""
    rng = np.random.default_rng([seed, 15])
    count = len(campaigns.month)
    return pd.DataFrame(
        {
            "campaign_id": id_column("K", np.arange(count), 4),
            "name": [
                f"{PRODUCT_IDS[p].title()} {history.months[m]:%b %Y}"
                for p, m in zip(campaigns.product, campaigns.month, strict=True)
            ],
            "channel": "email",
            "purpose": "marketing",
            "product_id": category_column(PRODUCT_IDS, campaigns.product),
            "cost": np.round(rng.uniform(200, 900, count), 2),
            "started_at": timestamp_column(campaigns.started),
            "ended_at": timestamp_column(campaigns.started + 14 * DAY),
        }
    )


def touches_table(
    population: Population,
    health: AccountHealth,
    campaigns: Campaigns,
    granted: Ints,
    withdrawn: Ints,
    reachable: Bools,
    history: History,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """One row per touch; one row per consent that an unsubscription withdrew; touches of machines that go unmarked."""
    rng = np.random.default_rng([seed, 16])
    campaign, contact = _recipients(population, campaigns, reachable)
    local = campaigns.started[campaign] + _hours_of_sending(len(campaign), rng)
    sent = np.zeros(len(campaign), dtype=np.int64)
    for zone, name in enumerate(ZONES):
        there = population.contact_location[contact] == zone
        sent[there] = local_to_utc(local[there], name)
    may = (granted[contact] < sent) & (sent < withdrawn[contact]) & (sent < history.until)
    left = np.full(len(granted), NEVER, dtype=np.int64)
    leaves = rng.random(len(sent)) < LEAVES * np.where(
        population.mail_harm[population.contact_account[contact]] > 0, 2.5, 1
    )
    np.minimum.at(left, contact[may & leaves], sent[may & leaves])
    may &= sent <= left[contact]
    campaign, contact, local, sent, leaves = campaign[may], contact[may], local[may], sent[may], leaves[may]
    account = population.contact_account[contact]
    month = np.clip(history.month_of(sent), 0, len(history.months) - 1)
    bounced = rng.random(len(sent)) < BOUNCES
    liking = OPENS + population.mail_affinity[contact] + 0.3 * health.health[account, month]
    opened = ~bounced & (rng.random(len(sent)) < sigmoid(liking + _preference(population, contact, local)))
    clicked = opened & (rng.random(len(sent)) < sigmoid(CLICKS + 0.4 * population.mail_affinity[contact]))
    replied = clicked & (rng.random(len(sent)) < REPLIES)
    submitted = clicked & (rng.random(len(sent)) < 0.06)
    proxied = ~bounced & population.machine_opens[contact] & (rng.random(len(sent)) < MACHINE_OPENS)
    delay = (rng.exponential(35, len(sent)) * 60).astype(np.int64) + 20
    quick = rng.integers(1, 6, len(sent))
    parts = (
        (SENT, sent, np.ones(len(sent), dtype=bool), False),
        (DELIVERED, sent + 2, ~bounced, False),
        (BOUNCED, sent + 3, bounced, False),
        (OPENED, sent + quick, proxied, True),
        (OPENED, sent + delay, opened, False),
        (CLICKED, sent + delay + 40, clicked, False),
        (REPLIED, sent + delay + 900, replied, False),
        (SUBMITTED, sent + delay + 300, submitted, False),
        (UNSUBSCRIBED, sent + delay + 60, leaves & ~bounced, False),
    )
    nth = np.concatenate([np.flatnonzero(which) for _, _, which, _ in parts])
    kind = np.concatenate([np.full(int(which.sum()), k) for k, _, which, _ in parts])
    at = np.concatenate([when[which] for _, when, which, _ in parts])
    by_machine = np.concatenate([np.full(int(which.sum()), machine) for _, _, which, machine in parts])
    order = np.lexsort((nth, kind, at))
    order = order[at[order] < history.until]
    nth, kind, at, by_machine = nth[order], kind[order], at[order], by_machine[order]
    marked = by_machine & (rng.random(len(nth)) < MARKED)
    propensity = campaigns.propensity[campaign[nth], population.segment[account[nth]]]
    frame = pd.DataFrame(
        {
            "touch_id": id_column("M", np.arange(len(nth))),
            "contact_id": id_column("C", contact[nth], 6),
            "campaign_id": id_column("K", campaign[nth], 4),
            "channel": "email",
            "kind": category_column(KINDS, kind),
            "machine": marked,
            "happened_at": timestamp_column(at),
            "propensity": np.where(kind == SENT, np.round(propensity, 4), np.nan),
        }
    )
    gone = np.flatnonzero(kind == UNSUBSCRIBED)
    noted = at[gone] + rng.integers(1, 4, len(gone)) * 3600
    noted = np.where((rng.random(len(gone)) < 0.8) & (noted < history.until), noted, NEVER)
    consent = pd.DataFrame(
        {
            "contact_id": id_column("C", contact[nth][gone], 6),
            "channel": "email",
            "purpose": "marketing",
            "recorded_at": timestamp_column(noted),
            "status": "withdrawn",
            "source": "unsubscribe link",
        }
    )
    return frame, consent[noted < NEVER], np.flatnonzero(by_machine & ~marked)


def _recipients(population: Population, campaigns: Campaigns, reachable: Bools) -> tuple[Ints, Ints]:
    people = np.flatnonzero(reachable)
    pairs = [np.flatnonzero(row[population.contact_account[people]]) for row in campaigns.targets]
    campaign = np.repeat(np.arange(len(pairs)), [len(pair) for pair in pairs])
    return campaign, people[np.concatenate(pairs)] if pairs else campaign


def _hours_of_sending(count: int, rng: np.random.Generator) -> Ints:
    """Seconds from a campaign's first local day: mostly working hours, often any hour of the week, by lot."""
    planned = rng.integers(0, 5, count) * 24 + np.clip(rng.normal(11.5, 3.0, count), 6, 20).astype(np.int64)
    anyhow = rng.integers(0, 168, count)
    hour = np.where(rng.random(count) < 0.6, planned, anyhow)
    return hour * 3600 + rng.integers(0, 3600, count)


def _preference(population: Population, contact: Ints, local: Ints) -> Floats:
    """What the hour of sending adds to the log odds of an answer. The first of January 1970 was a Thursday."""
    hour = ((local // 3600) + 3 * 24) % 168
    curves = np.array([hourly_log_odds(name) for name in ARCHETYPES])
    return np.asarray(curves[population.archetype[contact], (hour - population.hour_shift[contact]) % 168])
