"""The time zone of each contact, and what it is known from."""

from functools import cache
from zoneinfo import available_timezones

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.channels import normalize_spelling
from features.company import Company
from features.point_in_time import facts_as_of

COUNTRY_ZONES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("AE", "Asia/Dubai", ("united arab emirates",)),
    ("AR", "America/Argentina/Buenos_Aires", ("argentina", "arg")),
    ("AT", "Europe/Vienna", ("austria", "österreich", "aut")),
    ("AU", "Australia/Sydney", ("australia", "aus")),
    ("AZ", "Asia/Baku", ("azerbaijan", "azerbaycan")),
    ("BE", "Europe/Brussels", ("belgium", "bel")),
    ("BG", "Europe/Sofia", ("bulgaria",)),
    ("BH", "Asia/Bahrain", ("bahrain",)),
    ("BR", "America/Sao_Paulo", ("brazil", "brasil", "bra")),
    ("CA", "America/Toronto", ("canada", "can")),
    ("CH", "Europe/Zurich", ("switzerland", "schweiz", "che")),
    ("CL", "America/Santiago", ("chile",)),
    ("CN", "Asia/Shanghai", ("china", "chn")),
    ("CO", "America/Bogota", ("colombia",)),
    ("CY", "Asia/Nicosia", ("cyprus",)),
    ("CZ", "Europe/Prague", ("czechia", "czech republic", "cze")),
    ("DE", "Europe/Berlin", ("germany", "deutschland", "deu")),
    ("DK", "Europe/Copenhagen", ("denmark", "dnk")),
    ("EE", "Europe/Tallinn", ("estonia",)),
    ("EG", "Africa/Cairo", ("egypt",)),
    ("ES", "Europe/Madrid", ("spain", "españa", "esp")),
    ("FI", "Europe/Helsinki", ("finland", "fin")),
    ("FR", "Europe/Paris", ("france", "fra")),
    ("GB", "Europe/London", ("united kingdom", "uk", "great britain", "england", "gbr")),
    ("GE", "Asia/Tbilisi", ("georgia",)),
    ("GR", "Europe/Athens", ("greece", "grc")),
    ("HK", "Asia/Hong_Kong", ("hong kong",)),
    ("HR", "Europe/Zagreb", ("croatia",)),
    ("HU", "Europe/Budapest", ("hungary",)),
    ("ID", "Asia/Jakarta", ("indonesia",)),
    ("IE", "Europe/Dublin", ("ireland", "eire", "irl", "rep. of ireland")),
    ("IL", "Asia/Jerusalem", ("israel",)),
    ("IN", "Asia/Kolkata", ("india", "ind")),
    ("IQ", "Asia/Baghdad", ("iraq",)),
    ("IS", "Atlantic/Reykjavik", ("iceland",)),
    ("IT", "Europe/Rome", ("italy", "italia", "ita")),
    ("JO", "Asia/Amman", ("jordan",)),
    ("JP", "Asia/Tokyo", ("japan", "jpn")),
    ("KE", "Africa/Nairobi", ("kenya",)),
    ("KR", "Asia/Seoul", ("south korea", "korea", "republic of korea", "kor")),
    ("KW", "Asia/Kuwait", ("kuwait",)),
    ("KZ", "Asia/Almaty", ("kazakhstan",)),
    ("LB", "Asia/Beirut", ("lebanon",)),
    ("LT", "Europe/Vilnius", ("lithuania",)),
    ("LU", "Europe/Luxembourg", ("luxembourg",)),
    ("LV", "Europe/Riga", ("latvia",)),
    ("MA", "Africa/Casablanca", ("morocco",)),
    ("MT", "Europe/Malta", ("malta",)),
    ("MX", "America/Mexico_City", ("mexico", "méxico", "mex")),
    ("MY", "Asia/Kuala_Lumpur", ("malaysia",)),
    ("NG", "Africa/Lagos", ("nigeria",)),
    ("NL", "Europe/Amsterdam", ("netherlands", "the netherlands", "nederland", "nld")),
    ("NO", "Europe/Oslo", ("norway", "nor")),
    ("NZ", "Pacific/Auckland", ("new zealand", "nzl")),
    ("PA", "America/Panama", ("panama",)),
    ("PE", "America/Lima", ("peru",)),
    ("PH", "Asia/Manila", ("philippines",)),
    ("PK", "Asia/Karachi", ("pakistan",)),
    ("PL", "Europe/Warsaw", ("poland", "polska", "pol")),
    ("PT", "Europe/Lisbon", ("portugal", "prt")),
    ("QA", "Asia/Qatar", ("qatar",)),
    ("RO", "Europe/Bucharest", ("romania", "rou")),
    ("RS", "Europe/Belgrade", ("serbia",)),
    ("RU", "Europe/Moscow", ("russia", "russian federation")),
    ("SA", "Asia/Riyadh", ("saudi arabia",)),
    ("SE", "Europe/Stockholm", ("sweden", "swe")),
    ("SG", "Asia/Singapore", ("singapore",)),
    ("SI", "Europe/Ljubljana", ("slovenia",)),
    ("SK", "Europe/Bratislava", ("slovakia",)),
    ("TH", "Asia/Bangkok", ("thailand",)),
    ("TN", "Africa/Tunis", ("tunisia",)),
    ("TR", "Europe/Istanbul", ("turkey", "türkiye", "turkiye", "tur")),
    ("TW", "Asia/Taipei", ("taiwan",)),
    ("UA", "Europe/Kyiv", ("ukraine",)),
    ("US", "America/New_York", ("united states", "united states of america", "usa", "u.s.a.", "u.s.")),
    ("UY", "America/Montevideo", ("uruguay",)),
    ("VN", "Asia/Ho_Chi_Minh", ("vietnam", "viet nam")),
    ("ZA", "Africa/Johannesburg", ("south africa", "rsa", "zaf")),
)
"""Code, zone and names of countries; of one with several zones, the zone where most of its people live."""


def contact_timezones(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of a ``contact_spine``: ``contact_id, as_of, timezone, timezone_source``.

    The source is *given* (a zone that exists, on the contact), *country* (the contact's), *account* (the account's
    country), or *company* (its own zone, where nothing is known).

    Notes:
        A CRM keeps no history of countries and time zones: they are as last known.
    """
    contacts = facts_as_of(company, spine, "contacts", by="contact_id")
    accounts = facts_as_of(company, spine.filter(spine.account_id.notnull()), "accounts")
    rows = contacts.select(
        "contact_id", "account_id", "as_of", "timezone", country=normalize_spelling(contacts.country)
    )
    account_rows = accounts.select("account_id", "as_of", account_country=normalize_spelling(accounts.country))
    countries = _countries()
    account_countries = countries.select(account_country="country", account_zone="zone")
    rows = rows.left_join(account_rows, ["account_id", "as_of"], rname="{name}_1")
    rows = rows.left_join(_real_zones(), "timezone", rname="{name}_2")
    rows = rows.left_join(countries, "country", rname="{name}_3")
    rows = rows.left_join(account_countries, "account_country", rname="{name}_4")
    return rows.select(
        "contact_id",
        "as_of",
        timezone=ibis.coalesce(rows.given, rows.zone, rows.account_zone, company.timezone),
        timezone_source=ibis.cases(
            (rows.given.notnull(), "given"),
            (rows.zone.notnull(), "country"),
            (rows.account_zone.notnull(), "account"),
            else_="company",
        ),
    )


def _countries() -> ir.Table:
    """One row per spelling of a country: ``country, zone``."""
    zones = {name: zone for code, zone, names in COUNTRY_ZONES for name in (code.lower(), *names)}
    return ibis.memtable(pa.table({"country": list(zones), "zone": list(zones.values())}))


@cache
def _zone_names() -> tuple[str, ...]:
    """Every zone of the time zone database."""
    return tuple(sorted(available_timezones()))


def _real_zones() -> ir.Table:
    """One row per zone that exists: ``timezone, given``."""
    names = list(_zone_names())
    return ibis.memtable(pa.table({"timezone": names, "given": names}))
