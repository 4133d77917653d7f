"""Settings: one ``gelir.toml``, overridden by ``GELIR_*`` in the environment, overridden by the command line.

This is the only place that reads the environment, and the only one that says where things lie. Relative paths are
taken from the folder of ``gelir.toml``, or from the working directory where there is none.
"""

import os
from collections.abc import MutableMapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from data.errors import SettingsError
from features.company import CHURN_EVENTS
from flows.log_filters import told_once

FILE_NAME = "gelir.toml"
PREFIX = "GELIR_"
CHECKOUT = "GELIR_CHECKOUT"
"""No setting: where ``prefect.yaml`` tells workers to find the program."""

EXAMPLE = """\
# Settings of Gelir. Every line may be left out; what stands here is the default.
# A variable GELIR_<NAME> in the environment wins over this file; an option on the command line wins over both.

mapping = "demo"            # a shipped one (demo, online_retail, maven, ravenstack, salesforce, hubspot) or a folder
source = "var/demo/crm"     # a folder of CSV, Parquet and Excel files, or a database: postgresql://user:password@host/name
# company = "acme"          # names the company's models; the mapping's name when left out
# timezone = "Europe/Istanbul"  # days are this zone's; the mapping's own when left out
# currency = "EUR"          # the one reporting currency; the mapping's own when left out

# scores = "postgresql://user:password@host/name"  # where scores are published; var/scores.db (SQLite) when left out
var = "var"                 # the lake and whatever else the program makes for itself
mlruns = "mlruns"           # MLflow's database and artefacts

schedule_at = "02:30"       # when the night runs, in the company's time zone
retrain_days = 7            # a champion older than this meets a challenger
stale_days = 7              # a source with no fact for this long stops the night
churn_event = "ends"        # when a subscriber has left: ends (its last one), not_renewed (any), shrinks
# inactivity_days = 120      # when who only orders has left; as long as nine of ten repeat orders took when left out
# largest_discount = 0.2    # discounts beyond this share are leaks; what 99 of 100 lines of a segment got when left out
keep_runs = 30              # published runs that can be rolled back to
seed = 7                    # of everything random
"""


class Settings(BaseSettings):
    """What a run is told. Made by ``load``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    root: Path = Path()
    mapping: str = "demo"
    source: str = "var/demo/crm"
    company: str | None = None
    timezone: str | None = None
    currency: str | None = None
    scores: str | None = None
    var: Path = Path("var")
    mlruns: Path = Path("mlruns")
    schedule_at: time = time(2, 30)
    retrain_days: int = 7
    stale_days: int = 7
    churn_event: str = "ends"
    inactivity_days: int | None = None
    largest_discount: float | None = None
    keep_runs: int = 30
    seed: int = 7

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            raise ValueError(f"'{zone}' is no time zone; name one of the IANA database, such as Europe/Istanbul")
        return zone

    @field_validator("company")
    @classmethod
    def _plain_name(cls, name: str | None) -> str | None:
        if name is not None and not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"'{name}' names models and folders: use letters, digits, - and _ only")
        return name

    @field_validator("schedule_at")
    @classmethod
    def _exists_every_night(cls, at: time) -> time:
        if at < time(1):
            raise ValueError(f"{at:%H:%M} does not exist where clocks skip midnight; name 01:00 or later")
        return at

    @field_validator("churn_event")
    @classmethod
    def _known_event(cls, event: str) -> str:
        if event not in CHURN_EVENTS:
            raise ValueError(f"'{event}' is no way to leave; name one of {', '.join(CHURN_EVENTS)}")
        return event

    @field_validator("largest_discount")
    @classmethod
    def _a_share(cls, discount: float | None) -> float | None:
        if discount is not None and not 0 <= discount < 1:
            raise ValueError(f"must be a share from 0 to below 1; it is {discount:g}")
        return discount

    @field_validator("retrain_days", "stale_days", "inactivity_days", "keep_runs")
    @classmethod
    def _at_least_one(cls, days: int | None) -> int | None:
        if days is not None and days < 1:
            raise ValueError(f"must be at least 1; it is {days}")
        return days

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = init_settings().get("root", Path()) / FILE_NAME
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    @property
    def lake(self) -> Path:
        """Where the steps of runs lie."""
        return self.path(self.var) / "lake"

    @property
    def scores_url(self) -> str:
        """Where scores are published."""
        return self.scores or f"sqlite:///{self.path(self.var) / 'scores.db'}"

    @property
    def source_place(self) -> str:
        """The source: a URL as it is, a folder as an absolute path."""
        return self.source if "://" in self.source else str(self.path(Path(self.source)))

    def path(self, relative: Path) -> Path:
        """A path of the settings, absolute."""
        return (self.root / relative).resolve()


def load(root: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force. Raises ``SettingsError`` that lists every offender."""
    root = (root or Path.cwd()).resolve()
    given = {name: value for name, value in overrides.items() if value is not None}
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX) and name != CHECKOUT and _field(name) not in Settings.model_fields
    )
    if unknown:
        raise SettingsError(
            f"unknown settings: {', '.join(unknown)}",
            where="the environment",
            remedy=f"name one of {', '.join(PREFIX + name.upper() for name in Settings.model_fields)}, or unset them",
        )
    try:
        return Settings(root=root, **given)
    except ValidationError as error:
        offenders = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"settings make no sense: {offenders}",
            where=f"{root / FILE_NAME}, the environment (GELIR_*), or the command line",
            remedy="correct the named settings; `gelir init` writes an example with every setting",
        ) from None
    except ValueError as error:
        raise SettingsError(
            f"the settings file cannot be read: {error}",
            where=str(root / FILE_NAME),
            remedy="correct the TOML; `gelir init` writes an example with every setting",
        ) from None


def _field(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def today(timezone: str) -> date:
    """The company's day, now."""
    return datetime.now(ZoneInfo(timezone)).date()


def prepare(settings: Settings, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what libraries read from the environment, before they are imported: no telemetry, homes below ``var``; and
    keep Prefect from telling a second time what the caller will tell.

    What the operator has set already is left alone. Raises ``SettingsError`` where ``var`` cannot be written.
    """
    home = settings.path(settings.var) / "prefect"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"cannot write below {settings.path(settings.var)}: {error.strerror}",
            where=f"{FILE_NAME}: var",
            remedy="name a folder that this user may write to",
        ) from None
    defaults = {
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)
    told_once()
