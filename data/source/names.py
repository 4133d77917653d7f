"""Names of tables and columns in snake_case, and addresses of sources that may be shown."""

import re
from collections.abc import Iterable


def snake_case(name: str) -> str:
    """A name in snake_case: ``OpportunityFieldHistory`` → ``opportunity_field_history``, ``Customer ID`` → …"""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


def snake_case_names(names: Iterable[str]) -> dict[str, str]:
    """Snake_case name → original name, in order. Where two become equal, the later ones get a number."""
    originals: dict[str, str] = {}
    for name in names:
        base = snake_case(name) or "column"
        key, number = base, 1
        while key in originals:
            number += 1
            key = f"{base}_{number}"
        originals[key] = name
    return originals


def mask_password(url: str) -> str:
    """A URL whose password is replaced by stars, so that it may be shown."""
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", re.sub(r"(password=)[^&\s]+", r"\1***", url))
