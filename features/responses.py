"""What counts as a response of a person to a message: the one definition, with named kinds for each use."""

import ibis.expr.types as ir

RESPONSES = ("opened", "clicked", "replied", "attended", "form_submitted")
"""Everything that a person can do with a message: how engaged an account is."""
EMAIL_RESPONSES = ("opened", "clicked", "replied")
"""The responses that an e-mail itself can get: when, and whether at all, a person reads it."""
INTEREST_RESPONSES = ("clicked", "replied", "attended", "form_submitted")
"""Responses that show interest in a campaign's product; an open does not."""
CLICKS_AND_REPLIES = ("clicked", "replied")
"""Responses to an e-mail without opens, which mail clients report less and less."""
ACTIVE_RESPONSES = ("replied", "attended", "form_submitted")
"""Responses that take more than a click."""


def is_human_response(touches: ir.Table, kinds: tuple[str, ...] = RESPONSES) -> ir.BooleanValue:
    """Whether a touch is a response of one of the kinds, by a person: what a machine did (``machine``) never counts."""
    return touches.kind.isin(kinds) & ~touches.machine.fill_null(False)
