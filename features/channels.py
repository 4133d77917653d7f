"""How CRMs spell the channels that actions use."""

import ibis.expr.types as ir

EMAIL = ("email", "e-mail", "mail")
PHONE = ("phone", "call", "telephone")


def is_email(channel: ir.StringValue) -> ir.BooleanValue:
    """Whether a channel is e-mail; NULL where it is not given."""
    return normalize_spelling(channel).isin(EMAIL)


def is_phone(channel: ir.StringValue) -> ir.BooleanValue:
    """Whether a channel is the telephone; NULL where it is not given."""
    return normalize_spelling(channel).isin(PHONE)


def normalize_spelling(text: ir.StringValue) -> ir.StringValue:
    """The text in lower case, without blanks around it."""
    return text.strip().lower()
