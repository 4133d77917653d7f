"""Errors that a person can resolve.

GelirError
├── SettingsError      a setting is missing or makes no sense
├── SourceError        a file or database cannot be read
├── MappingError       the mapping does not fit the source or the contract
├── DataQualityError   the data fails a check that the night depends on; nothing was published
├── NightRunning       another night holds the lock
├── StoreError         the scoring database cannot be reached, or has no such run
└── TrackingError      the model store has no such version, or its files cannot be read
"""


class GelirError(Exception):
    """What happened, where, and what to do. The command line prints the three and exits with ``exit_code``."""

    exit_code = 1

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{what}\n  where:  {where}\n  remedy: {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(kind: type[GelirError], what: str, where: str, remedy: str) -> GelirError:
    """An unpickled error: pickle itself cannot pass keyword arguments."""
    return kind(what, where=where, remedy=remedy)


class SettingsError(GelirError):
    """A setting is missing or makes no sense."""

    exit_code = 10


class SourceError(GelirError):
    """A file or database cannot be read."""

    exit_code = 11


class MappingError(GelirError):
    """The mapping does not fit the source or the contract."""

    exit_code = 12


class DataQualityError(GelirError):
    """The data fails a check that the night depends on; nothing was published."""

    exit_code = 13


class NightRunning(GelirError):
    """Another night holds the lock."""

    exit_code = 14


class StoreError(GelirError):
    """The scoring database cannot be reached, or has no such run."""

    exit_code = 15


class TrackingError(GelirError):
    """The model store has no such version, or its files cannot be read."""

    exit_code = 16
