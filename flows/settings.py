"""Settings: ``gelir.toml``, overridden by ``GELIR_*`` in the environment, overridden by the command line.

No other file reads the environment. Relative paths are taken from the folder of ``gelir.toml``, or from the working
directory where there is none.
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
from flows.log_filters import drop_reported_errors

FILE_NAME = "gelir.toml"
PREFIX = "GELIR_"
CHECKOUT = "GELIR_CHECKOUT"
"""Not a setting: the folder in which workers that ``prefect.yaml`` describes find the program."""

RENAMED = {"silence_days": "inactivity_days"}
"""Old names of settings, refused with the new one."""

EXAMPLE = """\
# Settings of Gelir. Every line may be left out; its default is shown.
# A variable GELIR_<NAME> in the environment overrides this file; an option on the command line overrides both.

mapping = "demo"            # demo, online_retail, maven, ravenstack, salesforce, hubspot, or a folder of SQL
source = "var/demo/crm"     # a folder of CSV, Parquet and Excel files, or postgresql://user:password@host/name
# company = "acme"          # names the company's models; the mapping's name when left out
# timezone = "Europe/Istanbul"  # the company's days are of this zone; the mapping's when left out
# currency = "EUR"          # the reporting currency; the mapping's when left out
locale = "en"               # how the terminal writes money, per cent and dates: en, de, tr, en_GB

# scores = "postgresql://user:password@host/name"  # the scoring database; var/scores.db (SQLite) when left out
var = "var"                 # the lake and the program's other files
mlruns = "mlruns"           # MLflow's database and artifacts

schedule_at = "02:30"       # when the night runs, in the company's time zone
retrain_days = 7            # a champion older than this meets a challenger
stale_days = 7              # a source without a new fact for this long stops the night
churn_event = "ends"        # a subscriber churns when its last subscription ends, any is not_renewed, or MRR shrinks
# inactivity_days = 120     # an account that only orders has churned after this long without an order; when left out,
                            # after the time within which nine of ten repeat orders came
# largest_discount = 0.2    # larger discounts are leaks; the 99th percentile of the segment's order lines when left out
keep_runs = 30              # published runs that can be rolled back to
seed = 7                    # of every random draw
"""


class Settings(BaseSettings):
    """The settings of a run; ``load_settings`` reads them."""

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
    locale: str = "en"
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
            raise ValueError(f"'{zone}' is not a time zone; name one of the IANA database, such as Europe/Istanbul")
        return zone

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, name: str) -> str:
        from babel import Locale, UnknownLocaleError

        try:
            Locale.parse(name.replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            raise ValueError(f"'{name}' is not a locale; name one such as en, en_GB, de or tr") from None
        return name

    @field_validator("company")
    @classmethod
    def _simple_name(cls, name: str | None) -> str | None:
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
        from features.company import CHURN_EVENTS

        if event not in CHURN_EVENTS:
            raise ValueError(f"'{event}' is not a churn event; name one of {', '.join(CHURN_EVENTS)}")
        return event

    @field_validator("largest_discount")
    @classmethod
    def _fraction(cls, discount: float | None) -> float | None:
        if discount is not None and not 0 <= discount < 1:
            raise ValueError(f"must be at least 0 and less than 1; it is {discount:g}")
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
        """The folder of the lake."""
        return self.path(self.var) / "lake"

    @property
    def scores_url(self) -> str:
        """The URL of the scoring database."""
        return self.scores or f"sqlite:///{self.path(self.var) / 'scores.db'}"

    @property
    def source_place(self) -> str:
        """The source: a URL, or the absolute path of a folder."""
        return self.source if "://" in self.source else str(self.path(Path(self.source)))

    def path(self, relative: Path) -> Path:
        """A path of the settings, absolute."""
        return (self.root / relative).resolve()


def load_settings(root: Path | None = None, **overrides: Any) -> Settings:
    """The settings of a folder, by default the working directory. Raises ``SettingsError`` listing every offender."""
    root = (root or Path.cwd()).resolve()
    _check_environment()
    try:
        return Settings(root=root, **{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        offenders = [
            f"{'.'.join(map(str, e['loc']))}: {_renamed(str(e['loc'][-1])) or e['msg']}" for e in error.errors()
        ]
        raise SettingsError(
            f"settings cannot be used: {'; '.join(offenders)}",
            where=f"{root / FILE_NAME}, the environment (GELIR_*), or the command line",
            remedy="correct the named settings; `gelir init` writes an example with every setting",
        ) from None
    except ValueError as error:
        raise SettingsError(
            f"the settings file cannot be read: {error}",
            where=str(root / FILE_NAME),
            remedy="correct the TOML; `gelir init` writes an example with every setting",
        ) from None


def _check_environment() -> None:
    """Raises ``SettingsError`` that names every variable that is no setting."""
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX) and name != CHECKOUT and _field(name) not in Settings.model_fields
    )
    if unknown:
        named = [f"{name} ({note})" if (note := _renamed(_field(name))) else name for name in unknown]
        raise SettingsError(
            f"unknown settings: {', '.join(named)}",
            where="the environment",
            remedy=f"name one of {', '.join(PREFIX + name.upper() for name in Settings.model_fields)}, or unset them",
        )


def _renamed(name: str) -> str | None:
    """What to say about an old name of a setting."""
    return f"its name is now {RENAMED[name]}" if name in RENAMED else None


def _field(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def today(timezone: str) -> date:
    """The current day in the company's time zone."""
    return datetime.now(ZoneInfo(timezone)).date()


def prepare_environment(settings: Settings, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what libraries read from the environment when they are imported: no telemetry, homes below ``var``.

    Variables that are set already are left alone, and Prefect's log drops what the caller reports. Raises
    ``SettingsError`` where ``var`` cannot be written.
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
    drop_reported_errors()
