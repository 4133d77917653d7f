"""What was known before an instant: the one place that says which rows and which columns a date may see.

A row is known once ``known_at`` has passed. A column that is filled later than its row (a deal's outcome, the end of a
subscription, the payment of an invoice) is empty until the instant that reveals it has passed. The same rule cuts the
whole CRM at the night's ``as_of`` and each training row at its own date.
"""

import ibis
import ibis.expr.types as ir

from data.contract import Table


def as_known(rows: ir.Table, table: Table, before: ir.TimestampValue) -> ir.Table:
    """The rows of a contract table that were known before an instant, later columns emptied. Grain: the table's own.

    ``before`` is a naive UTC timestamp expression: a literal, or a column that was joined to the rows (a spine's
    ``as_of_at``). A row without ``known_at`` (a product, an owner) was always known.
    """
    known = rows.filter(rows.known_at.isnull() | (rows.known_at < before))
    emptied = {
        column.name: ibis.ifelse(
            known[column.revealed_by] < before, known[column.name], ibis.null(known[column.name].type())
        )
        for column in table.columns
        if column.revealed_by is not None
    }
    return known.mutate(**emptied) if emptied else known
