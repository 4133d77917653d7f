"""The mapping states what actions cost in its currency; a night without these costs does not begin."""

from datetime import date
from pathlib import Path

import pytest

from data.errors import MappingError
from data.mapping.action_costs import DEFAULT_COSTS, Costs
from flows.run import Run
from flows.settings import load_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a mapping in lira that states its costs, and a source."""
    for folder in ("crm", "custom"):
        (tmp_path / folder).mkdir()
    (tmp_path / "crm" / "accounts.csv").write_text("account_id\nA1\n")
    (tmp_path / "custom" / "accounts.sql").write_text("SELECT account_id FROM accounts")
    (tmp_path / "custom" / "mapping.toml").write_text(
        '[company]\ntimezone = "UTC"\ncurrency = "TRY"\n[costs]\nhour = 900\nemail = 5\nhurdle = 40\n'
    )
    return tmp_path


def begin(root: Path, currency: str | None) -> Run:
    settings = load_settings(root, mapping=str(root / "custom"), source=str(root / "crm"), currency=currency)
    return Run.begin(date(2024, 7, 1), settings)


def test_a_run_has_the_costs_of_its_mapping_unless_it_reports_in_another_currency(root: Path) -> None:
    assert begin(root, None).costs == Costs(hour=900.0, email=5.0, hurdle=40.0)
    assert begin(root, "USD").costs == DEFAULT_COSTS["USD"]


def test_a_run_in_a_currency_without_costs_does_not_begin(root: Path) -> None:
    with pytest.raises(MappingError, match=r"in JPY is unknown(.|\n)*state hour, email, hurdle below \[costs\]"):
        begin(root, "JPY")
