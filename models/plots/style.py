"""The style of figures: colors, and axes with a title, a light grid and no frame."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK_GREEN, GREEN, LIGHT_GREEN = "#1f3d36", "#3f8f74", "#b5dccb"
GREY, LIGHT_GREY, LIGHTEST_GREY = "#999999", "#d9d9d9", "#eeeeee"
ORANGE = "#d9822b"
LOW_TO_HIGH = ("#3b6fb5", "#c9c9c9", "#d9542b")
"""From a low value through a medium one to a high one."""


def new_figure(width: float, height: float, dpi: int = 100) -> "Figure":
    """An empty figure, its size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def style_axes(axes: "Axes", title: str, xlabel: str = "", ylabel: str = "", size: int = 11) -> "Axes":
    """The axes with a title at the left, a light grid and no frame above or to the right."""
    axes.set_title(title, loc="left", color=DARK_GREEN, fontsize=size)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color=LIGHTEST_GREY, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes
