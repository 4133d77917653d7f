"""Shares and probabilities as text."""


def format_percent(share: float) -> str:
    """A share in whole per cent: ``12%``."""
    return f"{share:.0%}"


def format_probability(probability: float) -> str:
    """A probability in per cent, with a digit more where whole per cents would read as never or always."""
    if 0.01 <= probability <= 0.99:
        return format_percent(probability)
    if probability < 0.0005:
        return "under 0.1%"
    return "over 99.9%" if probability > 0.9995 else f"{probability:.1%}"
