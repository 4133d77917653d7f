"""How pictures look: the colours, and axes without what says nothing."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, PAPER, GREY = "#1f3d36", "#ffffff", "#999999"
GREEN, PALE = "#3f8f74", "#b5dccb"
ORANGE = "#d9822b"
LOW_TO_HIGH = ("#3b6fb5", "#c9c9c9", "#d9542b")
"""From a low value through a middle one to a high one."""


def sheet(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained", dpi=100)


def plain(axes: Axes, title: str, xlabel: str = "", ylabel: str = "", size: int = 11) -> Axes:
    """The axes with a title at the left, a light grid and no frame above or to the right."""
    axes.set_title(title, loc="left", color=INK, fontsize=size)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes
