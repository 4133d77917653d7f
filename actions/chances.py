"""Chances as people say them."""


def likely(chance: float) -> str:
    """A chance in per cent, with a digit more where a whole number would say never, or always."""
    return f"{chance:.0%}" if 0.01 <= chance <= 0.99 else f"{chance:.1%}"
