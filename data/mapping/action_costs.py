"""Costs of actions in the reporting currency: what a call or an e-mail must earn back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from data.errors import MappingError


@dataclass(frozen=True)
class Costs:
    """Amounts in the reporting currency."""

    hour: float
    """An hour of an owner, overheads included."""
    email: float
    """Sending an e-mail, and its share of the complaints and unsubscriptions that e-mails cause."""
    hurdle: float
    """Smallest value of an action, net of its cost, for which a customer is contacted."""


DEFAULT_COSTS: dict[str, Costs] = {
    "EUR": Costs(hour=60.0, email=0.25, hurdle=1.0),
    "USD": Costs(hour=65.0, email=0.27, hurdle=1.1),
    "GBP": Costs(hour=52.0, email=0.22, hurdle=0.9),
}
"""Assumptions, of about equal value in each currency, for companies that state no costs."""
COST_NAMES = tuple(field.name for field in fields(Costs))


def default_costs(currency: str) -> Costs:
    """The default costs of a currency. Raises ``MappingError`` for a currency without defaults."""
    if currency not in DEFAULT_COSTS:
        raise MappingError(
            f"the cost of an hour and of an e-mail in {currency} is unknown: "
            f"there are defaults for {', '.join(DEFAULT_COSTS)}",
            where="mapping.toml: [costs]",
            remedy=f"state {', '.join(COST_NAMES)} below [costs] in a mapping whose currency is {currency}",
        )
    return DEFAULT_COSTS[currency]


def parse_costs(stated: Mapping[str, object], currency: str) -> tuple[Costs | None, list[str]]:
    """The costs of a mapping's ``[costs]``, defaults where it states none, and the list of problems.

    The costs are ``None`` if there is a problem.
    """
    problems = [
        f"mapping.toml: [costs] has no {name}; it has {', '.join(COST_NAMES)}"
        for name in stated
        if name not in COST_NAMES
    ]
    problems += [
        f"mapping.toml: [costs] {name} is {value!r}: give an amount of {currency}, 0 or more"
        for name, value in stated.items()
        if name in COST_NAMES and not _is_amount(value)
    ]
    missing = [name for name in COST_NAMES if name not in stated]
    if missing and currency not in DEFAULT_COSTS:
        problems.append(
            f"mapping.toml: [costs] lacks {', '.join(missing)}, which have no default in {currency}"
            f" (there are defaults for {', '.join(DEFAULT_COSTS)})"
        )
    if problems:
        return None, problems
    defaults = DEFAULT_COSTS.get(currency)
    amounts = {name: float(str(stated.get(name, getattr(defaults, name, None)))) for name in COST_NAMES}
    return Costs(**amounts), []


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
