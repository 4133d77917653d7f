"""The audit: rules that a run's rows in the scoring database must meet before any reader sees them.

The schemas of ``data.outputs.catalogue`` are checked in the database, on the rows as written. Keys are primary keys
there, so that the database itself holds them unique.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, or_, select

from data.outputs.catalogue import CAMPAIGN_TARGETS, NEXT_BEST_ACTIONS, OUTPUTS
from data.outputs.score_tables import (
    ACCOUNT_SCORE_NAMES,
    ACCOUNT_SCORES,
    REVENUE_COMPONENTS,
    REVENUE_FORECAST,
    SUBSCRIPTION_PROBABILITIES,
)
from data.schema import Column
from data.schema import Table as Output

MAX_KEYS_SHOWN = 3
HALF_A_CENT = 0.005
FINITE = 1e300
"""A larger number is infinite or a defect; both databases compare this limit equally."""

ABSTENTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "account_scores": tuple((score, f"{score}_abstained") for score in ACCOUNT_SCORE_NAMES),
    "subscription_scores": tuple((score, f"{score}_abstained") for score in SUBSCRIPTION_PROBABILITIES),
    "contact_scores": (("send_windows", "send_abstained"),),
    "opportunity_scores": (("win", "win_abstained"),),
    "recommendations": (("product_id", "abstained"),),
    "revenue_forecast": (("point", "abstained"),),
}
"""By view: columns that may be missing only where another one gives the reason."""


@dataclass(frozen=True)
class Rule:
    """A rule of every row of a table, as a sentence, and the condition of the rows that violate it."""

    sentence: str
    violation: ColumnElement[bool]


def audit(
    connection: Connection, run_id: str, bases: Mapping[str, Table], counts: Mapping[str, int]
) -> tuple[str, ...]:
    """A sentence for each violated rule, with the number of rows and the keys of some; empty where all rules hold.

    ``counts`` are the rows of each output in the lake.
    """
    return tuple(
        sentence
        for output in OUTPUTS
        for sentence in _violations(connection, run_id, output, bases, counts[output.name])
    )


def _violations(
    connection: Connection, run_id: str, output: Output, bases: Mapping[str, Table], expected: int
) -> Iterator[str]:
    table = bases[output.name]
    of_run = table.c.run_id == run_id
    key = [table.c[name] for name in output.key]

    def examples(rule: Rule) -> str:
        query = select(*key).where(of_run, rule.violation).order_by(*key).limit(MAX_KEYS_SHOWN)
        return "; ".join(", ".join(map(str, row)) for row in connection.execute(query))

    # One pass counts the violations of every rule of a row; only a violated rule costs another.
    rules = tuple(_row_rules(output, table))
    sums = [func.coalesce(func.sum(case((rule.violation, 1), else_=0)), 0) for rule in rules]
    rows, *counts = connection.execute(select(func.count(), *sums).select_from(table).where(of_run)).one()
    if rows != expected:
        yield f"{output.name}: {expected:,} rows in the lake, {rows:,} in the scoring database"
    # A rule across tables is a query of its own, which the database can run as one join.
    across = tuple(_rules_across(output, run_id, bases))
    for rule in across:
        counts.append(
            connection.execute(select(func.count()).select_from(table).where(of_run, rule.violation)).scalar()
        )
    for rule, count in zip((*rules, *across), counts, strict=True):
        if count:
            yield f"{output.name}: {rule.sentence} ({count:,} rows, such as {examples(rule)})"


def _row_rules(output: Output, table: Table) -> Iterator[Rule]:
    for column in output.columns:
        yield from _column_rules(column, table.c[column.name])
    for value, reason in ABSTENTIONS.get(output.name, ()):
        missing = and_(table.c[value].is_(None), table.c[reason].is_(None))
        yield Rule(f"a missing {value} has a reason in {reason}", missing)
    if output is REVENUE_FORECAST:
        components = [table.c[name] for name in REVENUE_COMPONENTS]
        difference = func.abs(table.c.point - sum(components[1:], components[0]))
        yield Rule("the components add up to the point", difference > HALF_A_CENT)
    if output is NEXT_BEST_ACTIONS:
        without_contact = and_(table.c.channel == "email", table.c.contact_id.is_(None))
        yield Rule("an e-mail names its contact", without_contact)
        acted = and_(table.c.holdout, or_(table.c.action != "wait", table.c.channel.is_not(None)))
        yield Rule("an account in the holdout waits", acted)
        named = table.c.withheld_action.is_not(None)
        yield Rule("withheld_action is given in the holdout and nowhere else", table.c.holdout != named)


def _rules_across(output: Output, run_id: str, bases: Mapping[str, Table]) -> Iterator[Rule]:
    actions, targets, accounts = (bases[other.name] for other in (NEXT_BEST_ACTIONS, CAMPAIGN_TARGETS, ACCOUNT_SCORES))
    same_account = actions.c.account_id == accounts.c.account_id
    if output is ACCOUNT_SCORES:
        has_action = exists().where(actions.c.run_id == run_id, same_account)
        yield Rule("every account has a next best action", ~has_action)
    if output is NEXT_BEST_ACTIONS:
        is_scored = exists().where(accounts.c.run_id == run_id, same_account)
        yield Rule("every action is for an account that was scored", ~is_scored)
        # The last check before a customer is written to: consent was decided before, this checks the rows themselves.
        consented = exists().where(
            targets.c.run_id == run_id,
            targets.c.contact_id == actions.c.contact_id,
            targets.c.consent_status == "granted",
            func.trim(targets.c.consent_evidence) != "",
        )
        without = and_(actions.c.channel == "email", actions.c.contact_id.is_not(None), ~consented)
        yield Rule("an e-mail goes only to a contact with evidence of consent in campaign_targets", without)


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
