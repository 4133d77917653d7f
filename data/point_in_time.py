"""The as-of cut: which rows and which values were known before an instant.

The same rule cuts the whole CRM at the night's ``as_of`` and each training row at its own date.
"""

import ibis
import ibis.expr.types as ir

from data.schema import Table


def cut_as_of(rows: ir.Table, table: Table, before: ir.TimestampValue) -> ir.Table:
    """The rows of a contract table that were known before an instant. Grain: the table's own.

    ``before`` is a naive UTC timestamp expression: a literal, or a column that was joined to the rows (a spine's
    ``as_of_at``). Rows without ``known_at`` (products, owners) were always known. A column that is filled later than
    its row (a deal's outcome, the end of a subscription) is NULL until the instant in ``revealed_by`` has passed.
    """
    known = rows.filter(rows.known_at.isnull() | (rows.known_at < before))
    revealed = {
        column.name: ibis.ifelse(
            known[column.revealed_by] < before, known[column.name], ibis.null(known[column.name].type())
        )
        for column in table.columns
        if column.revealed_by is not None
    }
    return known.mutate(**revealed) if revealed else known
