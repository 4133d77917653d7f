"""How values are written on the terminal: money, per cent, numbers and dates in the company's locale, by Babel."""

import json
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from data.mapping.mapping import load_mapping
from flows.settings import Settings

MISSING = ""
N_REASONS = 2
"""Reasons that are shown of a list where not all are shown."""


@dataclass(frozen=True)
class Formats:
    """A locale, and the reporting currency whose ISO code stands before amounts."""

    locale: str = "en"
    currency: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Formats":
        """The formats that the settings ask for; the currency is the mapping's where they name none."""
        currency = settings.currency or load_mapping(settings.mapping).currency
        return cls(settings.locale.replace("-", "_"), currency)

    def money(self, amount: float) -> str:
        """An amount with its currency: EUR 3,210; below 100 with cents."""
        if is_missing(amount):
            return MISSING
        pattern = "¤¤ #,##0.00" if 0 < abs(amount) < 100 else "¤¤ #,##0"
        return str(format_currency(amount, self.currency, pattern, self.locale, currency_digits=False)).strip()

    def percent(self, fraction: float) -> str:
        """A fraction in per cent: 12.4 %; below 0.1 % with two digits."""
        if is_missing(fraction):
            return MISSING
        pattern = "#,##0.00 %" if 0 < abs(fraction) < 0.001 else "#,##0.0 %"
        return str(format_percent(fraction, pattern, self.locale))

    def count(self, value: float) -> str:
        """A whole number: 3,210."""
        return MISSING if is_missing(value) else str(format_decimal(value, "#,##0", self.locale))

    def number(self, value: float) -> str:
        """A number with two decimals from 1 on and three below."""
        if is_missing(value):
            return MISSING
        pattern = "#,##0.00" if abs(value) >= 1 or value == 0 else "0.000"
        return str(format_decimal(value, pattern, self.locale))

    def tenths(self, value: float) -> str:
        """A number with one decimal."""
        return MISSING if is_missing(value) else str(format_decimal(value, "#,##0.0", self.locale))

    def day(self, value: date) -> str:
        """A date: Dec 1, 2026."""
        return MISSING if is_missing(value) else str(format_date(value, "medium", self.locale))

    def month(self, value: date) -> str:
        """The month of a date: Dec 2026."""
        return MISSING if is_missing(value) else str(format_date(value, "MMM yyyy", self.locale))

    def instant(self, value: datetime) -> str:
        """A UTC instant: its date and time of day."""
        return MISSING if is_missing(value) else f"{self.day(value.date())} {value:%H:%M}"

    def value(self, value: object) -> str:
        """Any value by its type; lists as sentences."""
        if is_missing(value):
            return MISSING
        if isinstance(value, float):
            return self.number(value)
        if isinstance(value, datetime):
            return self.instant(value)
        if isinstance(value, date):
            return self.day(value)
        return "; ".join(sentences(value))


def is_missing(value: object) -> bool:
    """Whether a cell holds no value: ``None``, NaN, NaT or pandas' NA."""
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and pd.isna(value))


def sentences(value: object) -> list[str]:
    """The entries of a JSON list; any other text as one entry."""
    text = str(value)
    return [str(entry) for entry in json.loads(text)] if text.startswith("[") and text.endswith("]") else [text]


def first_sentences(value: object) -> str:
    """The first reasons of a JSON list, and how many more there are."""
    if is_missing(value):
        return MISSING
    entries = sentences(value)
    more = [f"… {len(entries) - N_REASONS} more"] if len(entries) > N_REASONS else []
    return "; ".join([*entries[:N_REASONS], *more])
