"""Holidays of countries by day, the movable ones and Ramadan included."""

from functools import lru_cache

import pandas as pd

RAMADAN = "Ramadan"


@lru_cache(maxsize=32)
def holidays_of(countries: tuple[str, ...], first_year: int, last_year: int) -> pd.DataFrame:
    """One row per day and holiday of the countries (ISO codes): ``day, name``, both years included, from ``holidays``.

    Where Eid al-Fitr is a holiday, the 29 days before it are rows named ``RAMADAN``: working days on which people fast.
    """
    import holidays

    named = [
        (pd.Timestamp(day), str(name).removesuffix(" (estimated)"))
        for country in countries
        for day, name in holidays.country_holidays(
            country, years=range(first_year, last_year + 2), observed=False, language="en_US"
        ).items()
    ]
    table = pd.DataFrame(named, columns=["day", "name"]).sort_values(["day", "name"], ignore_index=True)
    eids = table.loc[table["name"].str.startswith("Eid al-Fitr"), "day"].drop_duplicates()
    first_days = eids[eids.diff().dt.days.fillna(99) > 20]
    ramadan = [(eid - pd.Timedelta(days=days), RAMADAN) for eid in first_days for days in range(29, 0, -1)]
    if ramadan:
        table = pd.concat([table, pd.DataFrame(ramadan, columns=["day", "name"])])
    within: pd.DataFrame = table[table["day"].dt.year.between(first_year, last_year)]
    return within.sort_values(["day", "name"], ignore_index=True)
