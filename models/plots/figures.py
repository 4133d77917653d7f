"""Figures by name, drawn on access: a figure that is not shown costs nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LazyFigures(Mapping[str, "Figure"]):
    """A mapping of figures by name, drawn at each access; the most informative one comes first."""

    def __init__(self, drawings: "Mapping[str, Callable[[], Figure]] | None" = None) -> None:
        self._drawings = dict(drawings or {})

    def __getitem__(self, name: str) -> "Figure":
        return self._drawings[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._drawings)

    def __len__(self) -> int:
        return len(self._drawings)

    def __or__(self, other: "LazyFigures") -> "LazyFigures":
        return LazyFigures(self._drawings | other._drawings)

    def first(self) -> "LazyFigures":
        """The first figure alone."""
        return LazyFigures(dict(list(self._drawings.items())[:1]))
