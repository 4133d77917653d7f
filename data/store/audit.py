"""The audit: what must hold of a run's rows in the scoring table before any reader sees them.

The promises of ``data.outputs.catalogue`` are checked in the database, on what was written. That keys are unique the database
itself holds: they are primary keys there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, or_, select

from data.outputs.catalogue import CAMPAIGN_TARGETS, NEXT_BEST_ACTIONS, OUTPUTS
from data.outputs.score_tables import ACCOUNT_SCORES, CONTRACT_CHANCES, REVENUE_FORECAST, SCORES
from data.schema import Column
from data.schema import Table as Output

EXAMPLES = 3
HALF_A_CENT = 0.005
FINITE = 1e300
"""What is larger is infinite, or an accident; both databases compare it alike."""

ABSTENTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "account_scores": tuple((score, f"{score}_abstained") for score in SCORES),
    "subscription_scores": tuple((score, f"{score}_abstained") for score in CONTRACT_CHANCES),
    "contact_scores": (("send_windows", "send_abstained"),),
    "opportunity_scores": (("win", "win_abstained"),),
    "recommendations": (("product_id", "abstained"),),
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
    key = [table.c[name] for name in output.key]

    def offenders_of(rule: Rule) -> str:
        query = select(*key).where(of_run, rule.broken).order_by(*key).limit(EXAMPLES)
        return "; ".join(", ".join(map(str, row)) for row in connection.execute(query))

    # One pass counts the offenders of every rule of a row; only a broken rule costs another.
    rules = tuple(_row_rules(output, table))
    sums = [func.coalesce(func.sum(case((rule.broken, 1), else_=0)), 0) for rule in rules]
    rows, *counts = connection.execute(select(func.count(), *sums).select_from(table).where(of_run)).one()
    if rows != expected:
        yield f"{output.name}: {expected:,} rows in the lake, {rows:,} in the scoring table"
    # A rule that looks into another table is a query of its own, which the database can run as one join.
    across = tuple(_rules_across(output, run_id, bases))
    for rule in across:
        counts.append(connection.execute(select(func.count()).select_from(table).where(of_run, rule.broken)).scalar())
    for rule, count in zip((*rules, *across), counts, strict=True):
        if count:
            yield f"{output.name}: {rule.says} ({count:,} rows, such as {offenders_of(rule)})"


def _row_rules(output: Output, table: Table) -> Iterator[Rule]:
    for column in output.columns:
        yield from _column_rules(column, table.c[column.name])
    for value, why in ABSTENTIONS.get(output.name, ()):
        yield Rule(f"no {value} without saying why in {why}", and_(table.c[value].is_(None), table.c[why].is_(None)))
    if output is REVENUE_FORECAST:
        parts = [table.c[name] for name in ("recurring", "expansion", "open_deals", "new_deals", "repeat_orders")]
        apart = func.abs(table.c.point - sum(parts[1:], parts[0])) > HALF_A_CENT
        yield Rule("the parts add up to the point", apart)
    if output is NEXT_BEST_ACTIONS:
        nobody = and_(table.c.channel == "email", table.c.contact_id.is_(None))
        yield Rule("an e-mail names its contact", nobody)
        held = and_(table.c.holdout, or_(table.c.action != "wait", table.c.channel.is_not(None)))
        yield Rule("what is held out waits", held)
        yield Rule("withheld_action is named where and only where an account is held out", ~_withheld(table))


def _withheld(actions: Table) -> ColumnElement[bool]:
    return actions.c.holdout == actions.c.withheld_action.is_not(None)


def _rules_across(output: Output, run_id: str, bases: Mapping[str, Table]) -> Iterator[Rule]:
    actions, targets, accounts = (bases[other.name] for other in (NEXT_BEST_ACTIONS, CAMPAIGN_TARGETS, ACCOUNT_SCORES))
    same_account = actions.c.account_id == accounts.c.account_id
    if output is ACCOUNT_SCORES:
        chosen = exists().where(actions.c.run_id == run_id, same_account)
        yield Rule("every account has a next best action", ~chosen)
    if output is NEXT_BEST_ACTIONS:
        scored = exists().where(accounts.c.run_id == run_id, same_account)
        yield Rule("every action is for an account that was scored", ~scored)
        # The last line before a customer: the chooser looked after consent, and this looks at what it wrote.
        proved = exists().where(
            targets.c.run_id == run_id,
            targets.c.contact_id == actions.c.contact_id,
            targets.c.consent_status == "granted",
            func.trim(targets.c.consent_evidence) != "",
        )
        without = and_(actions.c.channel == "email", actions.c.contact_id.is_not(None), ~proved)
        yield Rule("an e-mail goes only to a contact whose consent is proved in campaign_targets", without)


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
