"""Which order lines count: the one definition for features, labels, reports and actions."""

import ibis.expr.types as ir


def is_net(lines: ir.Table) -> ir.BooleanValue:
    """Whether a line counts in net revenue: placed or returned (a return has a negative amount), not cancelled."""
    return lines.status != "cancelled"


def is_placed(lines: ir.Table) -> ir.BooleanValue:
    """Whether a line is a sale: neither cancelled nor the return of an earlier line."""
    return lines.status == "placed"


def is_returned(lines: ir.Table) -> ir.BooleanValue:
    """Whether a line is the return of an earlier line."""
    return lines.status == "returned"


def is_cancelled(lines: ir.Table) -> ir.BooleanValue:
    """Whether a line was cancelled."""
    return lines.status == "cancelled"


def net_order_lines(lines: ir.Table) -> ir.Table:
    """The lines of ``orders`` (or of rows joined to it) whose amounts add up to revenue net of returns."""
    return lines.filter(is_net(lines))


def placed_order_lines(lines: ir.Table) -> ir.Table:
    """The lines of ``orders`` (or of rows joined to it) that are sales."""
    return lines.filter(is_placed(lines))
