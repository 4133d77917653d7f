"""How CRMs spell the channels that we act by: the one place that knows."""

import ibis.expr.types as ir

MAIL = ("email", "e-mail", "mail")
PHONE = ("phone", "call", "telephone")


def is_email(channel: ir.StringValue) -> ir.BooleanValue:
    """Whether a channel is e-mail; NULL where it is not given."""
    return _word(channel).isin(MAIL)


def is_phone(channel: ir.StringValue) -> ir.BooleanValue:
    """Whether a channel is the telephone; NULL where it is not given."""
    return _word(channel).isin(PHONE)


def _word(text: ir.StringValue) -> ir.StringValue:
    """Lower case without the blanks around it."""
    return text.strip().lower()
