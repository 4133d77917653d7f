"""Lazy figures are drawn when they are taken out, not before."""

from matplotlib.figure import Figure

from models.plots.figures import LazyFigures
from models.plots.style import new_figure


def test_a_figure_is_drawn_only_when_it_is_taken_out() -> None:
    drawn: list[str] = []

    def draw() -> Figure:
        drawn.append("gain")
        return new_figure(2, 1)

    figures = LazyFigures({"gain": draw})
    assert list(figures) == ["gain"]
    assert len(figures) == 1
    assert drawn == []
    assert figures["gain"].get_size_inches().tolist() == [2.0, 1.0]
    assert drawn == ["gain"]


def test_figures_are_merged_in_order_and_the_first_can_be_taken_alone() -> None:
    merged = LazyFigures({"a": lambda: new_figure(1, 1)}) | LazyFigures({"b": lambda: new_figure(2, 1)})
    assert list(merged) == ["a", "b"]
    assert list(merged.first()) == ["a"]
    assert list(LazyFigures().first()) == []
