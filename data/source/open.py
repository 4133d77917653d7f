"""Open a source by its address."""

from pathlib import Path

from data.errors import SourceError
from data.source.names import mask_password
from data.source.registry import SOURCES
from data.source.source import Source


def open_source(address: str | Path) -> Source:
    """The source in a folder or at a URL. Raises ``SourceError``."""
    text = str(address)
    kind = next((kind for kind in SOURCES if kind.accepts(text)), None)
    if kind is None:
        raise SourceError(
            f"sources of the kind '{text.split('://', 1)[0]}://' cannot be read",
            where=mask_password(text),
            remedy=f"give {', or '.join(kind.address_format for kind in SOURCES)}; "
            "tables of other databases can be exported to Parquet",
        )
    return kind.open(text)
