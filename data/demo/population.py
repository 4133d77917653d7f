"""Who there is: the company's owners, its accounts, and the people at them; and the traits of each that nobody sees."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, History, trend
from data.demo.catalogue import AFFINITIES
from data.demo.column_makers import category_column, draw, id_column, timestamp_column

ACCOUNTS, CONTACTS_PER_ACCOUNT, OWNERS = 1200, 2.5, 14
"""At size 1."""
INDUSTRIES = ("Logistics", "Retail", "Manufacturing", "Professional services", "Healthcare", "Hospitality", "Public")
INDUSTRY_SHARES = (0.20, 0.24, 0.18, 0.14, 0.11, 0.08, 0.05)
NEED_SHARES = (
    (0.80, 0.08, 0.08, 0.03, 0.01),
    (0.14, 0.74, 0.04, 0.06, 0.02),
    (0.16, 0.04, 0.72, 0.06, 0.02),
    (0.02, 0.06, 0.06, 0.82, 0.04),
    (0.04, 0.04, 0.02, 0.10, 0.80),
    (0.06, 0.70, 0.02, 0.16, 0.06),
    (0.06, 0.02, 0.06, 0.70, 0.16),
)
SEGMENTS, SEGMENT_SHARES = ("SMB", "Mid-market", "Enterprise"), (0.60, 0.30, 0.10)
LOCATIONS = (  # region, country, zone, share
    ("Türkiye", "TR", "Europe/Istanbul", 0.45),
    ("DACH", "DE", "Europe/Berlin", 0.15),
    ("DACH", "AT", "Europe/Vienna", 0.03),
    ("DACH", "CH", "Europe/Zurich", 0.03),
    ("UK & Ireland", "GB", "Europe/London", 0.12),
    ("UK & Ireland", "IE", "Europe/Dublin", 0.03),
    ("North America", "US", "America/New_York", 0.08),
    ("North America", "US", "America/Chicago", 0.04),
    ("North America", "US", "America/Los_Angeles", 0.03),
    ("Gulf", "AE", "Asia/Dubai", 0.04),
)
ZONES = tuple(place[2] for place in LOCATIONS)
NAME_PREFIXES = (
    "Nord", "Alta", "Blue", "Vero", "Luma", "Kara", "Demir", "Ak", "Silver", "Terra", "Porta", "Mira",
    "Delta", "Orion", "Yeni", "Grand", "Pera", "Stein", "Wood", "Ocean",
)  # fmt: skip
NAME_SUFFIXES = (
    "line", "works", "mart", "cargo", "med", "foods", "tek", "trade", "systems", "house", "way", "yapi",
    "textile", "motors", "supply", "clinic", "hotels", "paper", "steel", "port",
)  # fmt: skip
LEGAL_FORMS = ("Ltd", "GmbH", "A.Ş.", "Inc.", "AG", "LLC")
FIRST_NAMES = ("Ayşe", "Mehmet", "Elif", "Can", "Deniz", "Emre", "Zeynep", "Anna", "Jonas", "Lena", "Felix", "Marie",
               "Paul", "Laura", "James", "Olivia", "Noah", "Emma", "Omar", "Layla", "Grace", "Sam")  # fmt: skip
LAST_NAMES = ("Yılmaz", "Kaya", "Demir", "Çelik", "Şahin", "Aydın", "Müller", "Schmidt", "Weber", "Fischer", "Wagner",
              "Smith", "Jones", "Taylor", "Brown", "Walker", "Johnson", "Davis", "Miller", "Murphy", "Haddad",
              "Nasser")  # fmt: skip
TITLES = ("Buyer", "Head of operations", "IT manager", "Managing director", "Warehouse manager", "Finance manager")
ARCHETYPES, ARCHETYPE_SHARES = ("office", "early", "evening", "weekend", "flat"), (0.48, 0.20, 0.16, 0.06, 0.10)
ASCII = str.maketrans("ığüşöçİĞÜŞÖÇ", "igusocIGUSOC")


@dataclass(frozen=True)
class Population:
    """The accounts, people and owners as arrays; an index is an identity. Traits are never written to the CRM."""

    accounts: pd.DataFrame
    contacts: pd.DataFrame
    owners: pd.DataFrame
    created: Ints
    industry: Ints
    segment: Ints
    location: Ints
    employees: Ints
    owner: Ints
    subscribes: Bools
    """Whether the account, once a customer, has subscriptions; the others only order."""
    existing: Bools
    """Customers from before the history."""
    need: Ints
    affinity: Floats
    """Account × product: log of how much a product is wanted."""
    frailty: Floats
    appetite: Floats
    mail_effect: Floats
    mail_harm: Floats
    call_effect: Floats
    skill: Floats
    """Of each owner."""
    contact_account: Ints
    contact_created: Ints
    contact_location: Ints
    archetype: Ints
    hour_shift: Ints
    mail_affinity: Floats
    machine_opens: Bools

    @property
    def count(self) -> int:
        """How many accounts there are."""
        return len(self.created)


def make_population(history: History, size: float, seed: int) -> Population:
    """The world at a size (1 = 1,200 accounts), drawn from the seed."""
    rng = np.random.default_rng([seed, 1])
    count = max(10, round(ACCOUNTS * size))
    owners, skill, zone_rank = _owners(max(4, round(OWNERS * size)), rng)
    industry, segment = draw(rng, INDUSTRY_SHARES, count), draw(rng, SEGMENT_SHARES, count)
    place = draw(rng, tuple(p[3] for p in LOCATIONS), count)
    existing = rng.random(count) < 0.42
    created = np.where(
        existing, history.start - rng.integers(30 * DAY, 900 * DAY, count), _arrivals(history, count, rng)
    )
    need = (rng.random(count)[:, None] > np.cumsum(NEED_SHARES, axis=1)[industry]).sum(axis=1).clip(0, 4)
    owner = rng.integers(zone_rank, len(owners), count)
    employees = np.exp(np.array([3.1, 5.0, 7.0])[segment] + rng.normal(0, 0.6, count)).astype(np.int64) + 2
    temper = draw(rng, (0.35, 0.50, 0.15), count)  # helped by mail, indifferent, put off by it
    call_response = draw(rng, (0.30, 0.50, 0.20), count)  # kept by a call, indifferent, reminded to leave by it
    names, domains = _companies(count, rng)
    accounts = pd.DataFrame(
        {
            "account_id": id_column("A", np.arange(count), 6),
            "name": names,
            "domain": domains,
            "industry": category_column(INDUSTRIES, industry),
            "segment": category_column(SEGMENTS, segment),
            "region": category_column(tuple(p[0] for p in LOCATIONS), place),
            "country": category_column(tuple(p[1] for p in LOCATIONS), place),
            "employees": employees,
            "parent_account_id": id_column("A", rng.integers(0, count, count), 6, missing=rng.random(count) > 0.03),
            "owner_id": id_column("O", owner, 4),
            "created_at": timestamp_column(created),
        }
    )
    accounts.loc[accounts.parent_account_id == accounts.account_id, "parent_account_id"] = None
    contacts, people = _people(history, created, place, domains, segment, rng)
    return Population(
        accounts=accounts,
        contacts=contacts,
        owners=owners,
        created=created,
        industry=industry,
        segment=segment,
        location=place,
        employees=employees,
        owner=owner,
        subscribes=rng.random(count) < 0.70,
        existing=existing,
        need=need,
        affinity=AFFINITIES[need] + rng.normal(0, 0.45, (count, AFFINITIES.shape[1])),
        frailty=rng.normal(0, 0.35, count),
        appetite=rng.normal(0, 0.7, count),
        mail_effect=np.array([0.75, 0.0, -0.1])[temper],
        mail_harm=np.array([0.0, 0.0, 0.55])[temper],
        call_effect=np.array([-0.9, 0.0, 0.6])[call_response],
        skill=skill,
        **people,
    )


def _arrivals(history: History, count: int, rng: np.random.Generator) -> Ints:
    level = trend(len(history.months), history.break_month)
    return np.minimum(history.random_instants(draw(rng, tuple(level), count), rng), history.until - DAY)


def _owners(count: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats, int]:
    managers = max(1, count // 7)
    first, last = rng.integers(0, len(FIRST_NAMES), count), rng.integers(0, len(LAST_NAMES), count)
    number = np.arange(count)
    names = [f"{FIRST_NAMES[f]} {LAST_NAMES[s]}" for f, s in zip(first, last, strict=True)]
    frame = pd.DataFrame(
        {
            "owner_id": id_column("O", number, 4),
            "name": names,
            "email": [f"{name.lower().replace(' ', '.').translate(ASCII)}{n}@example.com"
                      for n, name in zip(number, names, strict=True)],
            "team": np.where(number < managers, "management", np.where(number % 2 == 0, "sales", "success")),
            "manager_id": id_column("O", number % managers, 4, missing=number < managers),
            "timezone": "Europe/Istanbul",
            "weekly_hours": np.where(number < managers, 8.0, rng.integers(16, 36, count).astype(float)),
        }
    )  # fmt: skip
    return frame, rng.normal(0, 0.5, count), managers


def _companies(count: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    one, two = rng.integers(0, len(NAME_PREFIXES), count), rng.integers(0, len(NAME_SUFFIXES), count)
    form = rng.integers(0, len(LEGAL_FORMS), count)
    stems = [NAME_PREFIXES[a] + NAME_SUFFIXES[b] for a, b in zip(one, two, strict=True)]
    seen: dict[str, int] = {}
    numbered = []
    for stem in stems:
        seen[stem] = seen.get(stem, 0) + 1
        numbered.append((stem, seen[stem]))
    names = [f"{stem}{'' if n == 1 else f' {n}'} {LEGAL_FORMS[f]}" for (stem, n), f in zip(numbered, form, strict=True)]
    return names, [f"{stem.lower()}{'' if n == 1 else n}.example.com" for stem, n in numbered]


def _people(
    history: History, created: Ints, place: Ints, domains: list[str], segment: Ints, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    per_account = 1 + rng.poisson(np.array([0.9, 2.0, 4.0])[segment] * (CONTACTS_PER_ACCOUNT - 1) / 1.54)
    account = np.repeat(np.arange(len(created)), per_account)
    count = len(account)
    first, last = rng.integers(0, len(FIRST_NAMES), count), rng.integers(0, len(LAST_NAMES), count)
    born = created[account] + (rng.exponential(120 * DAY, count) * (rng.random(count) > 0.55)).astype(np.int64)
    born = np.minimum(born, history.until - DAY // 2)
    moved = np.where(rng.random(count) < 0.06, draw(rng, tuple(p[3] for p in LOCATIONS), count), place[account])
    given, family = np.array(FIRST_NAMES, dtype=object)[first], np.array(LAST_NAMES, dtype=object)[last]
    number = np.arange(count)
    email = [
        f"{f.lower()}.{s.lower()}{n % 97}@{domains[a]}".translate(ASCII)
        for f, s, n, a in zip(given, family, number, account, strict=True)
    ]
    missing_zone = rng.random(count)
    contacts = pd.DataFrame(
        {
            "contact_id": id_column("C", number, 6),
            "account_id": id_column("A", account, 6),
            "first_name": given,
            "last_name": family,
            "email": email,
            "phone": id_column(
                "+90", rng.integers(2_120_000_000, 5_559_999_999, count), 10, missing=rng.random(count) < 0.3
            ),
            "title": category_column(TITLES, rng.integers(0, len(TITLES), count)),
            "country": category_column(tuple(p[1] for p in LOCATIONS), moved).mask(pd.Series(missing_zone < 0.05)),
            "timezone": category_column(ZONES, moved).mask(pd.Series(missing_zone < 0.15)),
            "created_at": timestamp_column(born),
        }
    )
    contacts["email"] = contacts["email"].mask(pd.Series(rng.random(count) < 0.04))
    people = {
        "contact_account": account,
        "contact_created": born,
        "contact_location": moved,
        "archetype": draw(rng, ARCHETYPE_SHARES, count),
        "hour_shift": rng.integers(-2, 3, count),
        "mail_affinity": rng.normal(0, 0.6, count),
        "machine_opens": rng.random(count) < 0.25,
    }
    return contacts, people
