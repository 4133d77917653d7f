"""The kinds of source that can be read. A new kind is one file and one line here."""

from data.source.folder import FOLDER
from data.source.postgres import POSTGRES
from data.source.source import SourceKind

SOURCES: tuple[SourceKind, ...] = (FOLDER, POSTGRES)
