"""The pictures of a training, by name: each is drawn when it is looked at, so that what nobody keeps costs nothing."""

from collections.abc import Callable, Iterator, Mapping

from matplotlib.figure import Figure

Drawing = Callable[[], Figure]


class LazyFigures(Mapping[str, Figure]):
    """Figures by name, drawn anew each time they are taken out. The first one says most."""

    def __init__(self, drawings: Mapping[str, Drawing] | None = None) -> None:
        self._drawings = dict(drawings or {})

    def __getitem__(self, name: str) -> Figure:
        return self._drawings[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._drawings)

    def __len__(self) -> int:
        return len(self._drawings)

    def __or__(self, other: "LazyFigures") -> "LazyFigures":
        return LazyFigures(self._drawings | other._drawings)

    def first(self) -> "LazyFigures":
        """The album with its first picture alone."""
        return LazyFigures(dict(list(self._drawings.items())[:1]))
