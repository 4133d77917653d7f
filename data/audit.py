"""The audit: what must hold of a run's rows in the scoring table before any reader sees them.

The promises of ``data.scoring`` are checked in the database, on what was written. That keys are unique the database
itself holds: they are primary keys there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, or_, select

from data.contract import Column
from data.contract import Table as Output
from data.scoring import ACCOUNT_SCORES, CAMPAIGN_TARGETS, NEXT_BEST_ACTIONS, OUTPUTS, SCORES

EXAMPLES = 3
FINITE = 1e300
"""What is larger is infinite, or an accident; both databases compare it alike."""

ABSTENTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "account_scores": tuple((score, f"{score}_abstained") for score in SCORES),
    "contact_scores": (("send_windows", "send_abstained"),),
    "opportunity_scores": (("win", "win_abstained"),),
    "revenue_forecast": (("point", "abstained"),),
}
"""Where a value may be missing only if the model says why."""


@dataclass(frozen=True)
class Rule:
    """What must hold of every row of a table, and the condition of the rows that break it."""

    says: str
    broken: ColumnElement[bool]


def audit(
    connection: Connection, run_id: str, bases: Mapping[str, Table], counts: Mapping[str, int]
) -> tuple[str, ...]:
    """A sentence for each broken rule, with how many rows break it and the keys of some; none where all hold.

    ``counts`` holds the rows of each output in the lake.
    """
    return tuple(
        sentence for output in OUTPUTS for sentence in _broken(connection, run_id, output, bases, counts[output.name])
    )


def _broken(
    connection: Connection, run_id: str, output: Output, bases: Mapping[str, Table], expected: int
) -> Iterator[str]:
    table = bases[output.name]
    of_run = table.c.run_id == run_id
    rules = tuple(_rules(output, run_id, bases))
    # One pass counts the offenders of every rule; only a broken rule costs another.
    sums = [func.coalesce(func.sum(case((rule.broken, 1), else_=0)), 0) for rule in rules]
    rows, *offenders = connection.execute(select(func.count(), *sums).select_from(table).where(of_run)).one()
    if rows != expected:
        yield f"{output.name}: {expected:,} rows in the lake, {rows:,} in the scoring table"
    key = [table.c[name] for name in output.key]
    for rule, count in zip(rules, offenders, strict=True):
        if count:
            query = select(*key).where(of_run, rule.broken).order_by(*key).limit(EXAMPLES)
            keys = "; ".join(", ".join(map(str, row)) for row in connection.execute(query))
            yield f"{output.name}: {rule.says} ({count:,} rows, such as {keys})"


def _rules(output: Output, run_id: str, bases: Mapping[str, Table]) -> Iterator[Rule]:
    table = bases[output.name]
    for column in output.columns:
        yield from _column_rules(column, table.c[column.name])
    for value, why in ABSTENTIONS.get(output.name, ()):
        yield Rule(f"no {value} without saying why in {why}", and_(table.c[value].is_(None), table.c[why].is_(None)))
    if output is NEXT_BEST_ACTIONS:
        yield from _action_rules(run_id, bases)
    if output is ACCOUNT_SCORES:
        actions = bases[NEXT_BEST_ACTIONS.name]
        chosen = exists().where(actions.c.run_id == run_id, actions.c.account_id == table.c.account_id)
        yield Rule("every account has a next best action", ~chosen)


def _column_rules(column: Column, value: ColumnElement[object]) -> Iterator[Rule]:
    name = column.name
    if column.required:
        missing = value.is_(None)
        yield Rule(f"{name} is given", or_(missing, func.trim(value) == "") if column.kind == "text" else missing)
    if column.one_of:
        yield Rule(f"{name} is one of {', '.join(column.one_of)}", value.not_in(column.one_of))
    if column.kind == "number":
        yield Rule(f"{name} is finite", or_(value > FINITE, value < -FINITE))
    if column.minimum is not None:
        yield Rule(f"{name} is at least {column.minimum:g}", value < column.minimum)
    if column.maximum is not None:
        yield Rule(f"{name} is at most {column.maximum:g}", value > column.maximum)


def _action_rules(run_id: str, bases: Mapping[str, Table]) -> Iterator[Rule]:
    """The last line before a customer: the chooser looked after consent, and this looks at what it wrote."""
    actions, targets, accounts = (
        bases[output.name] for output in (NEXT_BEST_ACTIONS, CAMPAIGN_TARGETS, ACCOUNT_SCORES)
    )
    scored = exists().where(accounts.c.run_id == run_id, accounts.c.account_id == actions.c.account_id)
    yield Rule("every action is for an account that was scored", ~scored)
    consented = exists().where(
        targets.c.run_id == run_id,
        targets.c.contact_id == actions.c.contact_id,
        func.trim(targets.c.consent_evidence) != "",
    )
    yield Rule(
        "an e-mail goes only to a contact whose consent is proved in campaign_targets",
        and_(actions.c.channel == "email", or_(actions.c.contact_id.is_(None), ~consented)),
    )
