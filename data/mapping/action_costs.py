"""What acting costs, in the reporting currency: the numbers that a call or an e-mail must earn back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from data.errors import MappingError


@dataclass(frozen=True)
class Costs:
    """Amounts of the reporting currency."""

    hour: float
    """An hour of an owner, overheads included."""
    email: float
    """Sending an e-mail, and its share of the complaints and lost subscribers that e-mails cause."""
    hurdle: float
    """What brings less than this, net of its cost, is not worth bothering anybody."""


USUAL: dict[str, Costs] = {
    "EUR": Costs(hour=60.0, email=0.25, hurdle=1.0),
    "USD": Costs(hour=65.0, email=0.27, hurdle=1.1),
    "GBP": Costs(hour=52.0, email=0.22, hurdle=0.9),
}
"""Assumptions, about the same money in each currency, for companies that state no costs of their own."""
NAMES = tuple(field.name for field in fields(Costs))


def usual_costs(currency: str) -> Costs:
    """The usual costs of a currency. Raises ``MappingError`` for a currency of which none are known."""
    if currency not in USUAL:
        raise MappingError(
            f"what an hour and an e-mail cost is not known in {currency}: usual costs are there for {', '.join(USUAL)}",
            where="mapping.toml: [costs]",
            remedy=f"state {', '.join(NAMES)} below [costs] in a mapping whose currency is {currency}",
        )
    return USUAL[currency]


def stated_costs(stated: Mapping[str, object], currency: str) -> tuple[Costs | None, list[str]]:
    """The costs of a mapping's ``[costs]``, what it leaves out being usual; else ``None``, and every offender."""
    problems = [
        f"mapping.toml: [costs] knows no {name}; it has {', '.join(NAMES)}" for name in stated if name not in NAMES
    ]
    problems += [
        f"mapping.toml: [costs] {name} is {value!r}: give an amount of {currency}, 0 or more"
        for name, value in stated.items()
        if name in NAMES and not _amount(value)
    ]
    missing = [name for name in NAMES if name not in stated]
    if missing and currency not in USUAL:
        problems.append(
            f"mapping.toml: [costs] lacks {', '.join(missing)}: what they are in {currency} is not known"
            f" (usual costs are there for {', '.join(USUAL)})"
        )
    if problems:
        return None, problems
    given = {name: float(str(stated[name])) if name in stated else getattr(USUAL[currency], name) for name in NAMES}
    return Costs(**given), []


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
