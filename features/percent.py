"""Chances as people say them."""


def format_probability(chance: float) -> str:
    """A chance in per cent, with a digit more where a whole number would say never, or always."""
    if 0.01 <= chance <= 0.99:
        return f"{chance:.0%}"
    if chance < 0.0005:
        return "under 0.1%"
    return "over 99.9%" if chance > 0.9995 else f"{chance:.1%}"
