"""Win probabilities: tables of real outcomes, and deals whose probability is planted.

``python -m bench.win [--data FOLDER] [--figures FOLDER] [hotel] [xeducation] [maven] [demo] [hindsight]``; all of them
without an argument.

- *hotel*: trained on bookings that arrive before 2017, tested on those of 2017: is it canceled? The columns that the
  protocol of the data leaves out are left out; what ``find_target_leakage`` finds in the raw table is shown.
- *xeducation*: leads, five folds: does it convert? "Select" is an empty field. The leaking columns are those that
  ``find_target_leakage`` finds **in the training rows** of each fold; none is named here.
- *maven*: trained on deals closed until 2017-09-30, in the order of their closing, tested on those of the fourth
  quarter, from what is known at their creation. There is no signal; the model must not claim one. ``brier_excess`` is
  over the Brier score of the test deals' own rate. The win model's scores on the same company are shown as well.
- *demo*: open deals of new business at four dates, the win model retrained as of each, against the planted probability.
- *hindsight*: false alarms of ``find_target_leakage`` on tables whose honest columns are known. Its thresholds were set
  while looking at X Education, telco, bank and hotel; Hillstrom and the e-mail table were only looked at afterwards.

Everything that is chosen (blend, regularization, trees, half-life) is chosen by ``BinaryClassifier`` inside the rows it
is given. Reliability diagrams are written to ``--figures``.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from bench.harness.planted_deals import demo_deals, expected_calibration_error, win_scores
from bench.harness.result import DATA, print_result
from bench.harness.snapshots import company_at, temporary_settings
from data.arrays import Floats
from data.statistics import auc
from models.estimators.binary_classifier import BaseRateWarning, BinaryClassifier
from models.evaluation.reliability import reliability_figure
from models.evaluation.target_leakage import Finding, find_target_leakage

LEFT_OUT = ("reservation_status", "reservation_status_date", "assigned_room_type", "booking_changes",
            "required_car_parking_spaces")  # fmt: skip
"""Columns that the protocol of the hotel data leaves out."""


@dataclass(frozen=True)
class Folders:
    """The folder of the data sets, and the folder of the figures (``None``: none are drawn)."""

    data: Path
    figures: Path | None

    def file(self, name: str) -> Path:
        """A file of the data. Raises ``SystemExit`` that names it when it is not there."""
        path = self.data / name
        if not path.exists():
            raise SystemExit(f"no data at {path}: give the folder of the data sets with --data")
        return path

    def draw(self, name: str, title: str, predicted: Floats, outcomes: Floats) -> None:
        """Write the reliability diagram of a section, where a folder for figures is given."""
        if self.figures is not None:
            self.figures.mkdir(parents=True, exist_ok=True)
            reliability_figure(title, predicted, outcomes).savefig(self.figures / f"win_{name}.png", dpi=120)


@dataclass(frozen=True)
class SectionResult:
    """Rows to print, and the figures, of one section."""

    rows: list[list[str]]
    figures: dict[str, float | None]


def main() -> None:
    """Run the named sections, or all, and print what they measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    folders = Folders(options.data, options.figures)
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for name in options.sections or list(SECTIONS):
        sys.stderr.write(f"{name} …\n")
        section = SECTIONS[name](folders)
        rows += section.rows
        figures |= section.figures
    print_result("win probabilities", ["data", "figure", "value", "target"], rows, figures)


def hotel(folders: Folders) -> SectionResult:
    """Bookings of 2017, from those before."""
    table, outcome = _hotel(folders)
    arrival = pd.to_datetime(
        table["arrival_date_year"].astype(str)
        + table["arrival_date_month"]
        + table["arrival_date_day_of_month"].astype(str),
        format="%Y%B%d",
    )
    before = (arrival < pd.Timestamp("2017-01-01")).to_numpy()
    findings = find_target_leakage(table[before], outcome[before])
    honest = table.drop(columns=[*LEFT_OUT, "arrival_date_year"])
    model = BinaryClassifier().fit(honest[before], outcome[before])
    predicted, actual = model.predict_proba(honest[~before])[:, 1], outcome[~before]
    folders.draw("hotel", "hotel: bookings of 2017 that are canceled", predicted, actual)
    figures: dict[str, float | None] = {"hotel.auc": auc(predicted, actual), "hotel.brier": _brier(predicted, actual)}
    rows = [
        ["hotel", "AUC, arrivals of 2017", f"{figures['hotel.auc']:.4f}", "≥ 0.84"],
        ["hotel", "Brier score", f"{figures['hotel.brier']:.4f}", "≤ 0.157"],
        ["hotel", "mean predicted, observed", f"{predicted.mean():.3f}, {actual.mean():.3f}", ""],
        *_finding_rows("hotel", findings),
    ]
    return SectionResult(rows, figures)


def xeducation(folders: Folders) -> SectionResult:
    """Leads in five folds, without the columns that leak the outcome in each fold's training rows."""
    table, outcome = _leads(folders)
    predicted = np.zeros(len(outcome))
    leaking: dict[str, int] = {}
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(table, outcome):
        findings = find_target_leakage(table.iloc[train], outcome[train])
        columns = [name for finding in findings for name in finding.columns]
        for name in columns:
            leaking[name] = leaking.get(name, 0) + 1
        honest = table.drop(columns=columns)
        model = BinaryClassifier().fit(honest.iloc[train], outcome[train])
        predicted[test] = model.predict_proba(honest.iloc[test])[:, 1]
    folders.draw("xeducation", "X Education: leads that convert (five folds)", predicted, outcome)
    skill = auc(predicted, outcome)
    rows = [["X Education", "AUC, five folds", f"{skill:.4f}", "0.86–0.88"]]
    rows += [["X Education", f"found in {count} of 5 folds", name, ""] for name, count in sorted(leaking.items())]
    return SectionResult(rows, {"x_education.auc": skill, "x_education.brier": _brier(predicted, outcome)})


def maven(folders: Folders) -> SectionResult:
    """Deals of the fourth quarter, from those before: there is no signal."""
    folder = folders.file("crm_maven_sales_opportunities/sales_pipeline.csv").parent
    deals = pd.read_csv(folder / "sales_pipeline.csv", parse_dates=["engage_date", "close_date"])
    deals = deals[deals["deal_stage"].isin(["Won", "Lost"])].reset_index(drop=True)
    deals["product"] = deals["product"].replace("GTXPro", "GTX Pro")
    deals = deals.merge(pd.read_csv(folder / "accounts.csv"), on="account", how="left")
    deals = deals.merge(pd.read_csv(folder / "products.csv"), on="product", how="left")
    deals = deals.merge(pd.read_csv(folder / "sales_teams.csv"), on="sales_agent", how="left")
    outcome = np.asarray(deals["deal_stage"] == "Won", dtype=np.float64)
    closed = (deals["close_date"] - deals["close_date"].min()).dt.days.to_numpy(dtype=np.float64)
    at_creation = deals.drop(columns=["opportunity_id", "deal_stage", "engage_date", "close_date", "close_value"])
    at_creation["month"] = deals["engage_date"].dt.month
    before = (deals["close_date"] <= pd.Timestamp("2017-09-30")).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaseRateWarning)  # there is no signal: the base rate is the right answer
        model = BinaryClassifier().fit(at_creation[before], outcome[before], times=closed[before])
    predicted, actual = model.predict_proba(at_creation[~before])[:, 1], outcome[~before]
    folders.draw("maven", "Maven: deals closed in the fourth quarter", predicted, actual)
    excess = _brier(predicted, actual) - _brier(np.full(len(actual), actual.mean()), actual)
    figures: dict[str, float | None] = {"maven.auc": auc(predicted, actual), "maven.brier_excess": excess}
    with temporary_settings("maven", folder) as settings:
        scored, ships = win_scores(company_at(settings, date(2017, 10, 1)))
    rows = [
        ["Maven", "AUC, fourth quarter", f"{figures['maven.auc']:.3f}", "0.45–0.58"],
        ["Maven", "Brier score over the rate's", f"{excess:+.4f}", "≤ 0.005"],
        ["Maven", "mean predicted, observed", f"{predicted.mean():.3f}, {actual.mean():.3f}", ""],
        ["Maven", "win model as of 2017-10-01", f"{ships} ships: {scored['reasons'].iloc[0]}", "the baseline"],
    ]
    return SectionResult(rows, figures)


def demo(folders: Folders) -> SectionResult:
    """The demo company's open deals against their planted probability."""
    deals = demo_deals()
    error = expected_calibration_error(deals.predicted, deals.planted)
    folders.draw("demo", "demo: open deals, predicted and planted probability", deals.predicted, deals.planted)
    rows = [
        ["demo", "expected calibration error", f"{error:.4f}", "≤ 0.03"],
        ["demo", "deals, what ships", f"{len(deals.planted)}, {', '.join(deals.ships)}", ""],
        ["demo", "mean predicted, planted", f"{deals.predicted.mean():.3f}, {deals.planted.mean():.3f}", ""],
        ["demo", "correlation with the truth", f"{np.corrcoef(deals.predicted, deals.planted)[0, 1]:.3f}", ""],
    ]
    return SectionResult(rows, {"demo.ece": error})


def false_alarms(folders: Folders) -> SectionResult:
    """The share of the honest columns of five tables that are reported as leaking."""
    leaking = {
        "telco": set(),
        "bank": {"duration"},
        "hotel": {*LEFT_OUT},
        "Hillstrom": {"conversion", "spend"},
        "e-mail": set(),
    }
    tables = {
        "telco": _telco(folders),
        "bank": _bank(folders),
        "hotel": _hotel(folders),
        "Hillstrom": _hillstrom(folders),
        "e-mail": _email(folders),
    }
    rows: list[list[str]] = []
    n_reported = n_honest = 0
    for name, (table, outcome) in tables.items():
        findings = find_target_leakage(table, outcome)
        reported = {column for finding in findings for column in finding.columns}
        false, honest = reported - leaking[name], set(table.columns) - leaking[name]
        n_reported, n_honest = n_reported + len(false), n_honest + len(honest)
        rows.append([name, "honest columns reported", f"{len(false)} of {len(honest)}", ""])
        rows += _finding_rows(name, findings)
    rows.append(["all", "honest columns reported", f"{n_reported} of {n_honest}", ""])
    return SectionResult(rows, {"hindsight.false_alarms": n_reported / n_honest})


SECTIONS: dict[str, Callable[[Folders], SectionResult]] = {
    "hotel": hotel,
    "xeducation": xeducation,
    "maven": maven,
    "demo": demo,
    "hindsight": false_alarms,
}


def _finding_rows(name: str, findings: tuple[Finding, ...]) -> list[list[str]]:
    return [
        [name, f"found: {finding.sign}", f"{', '.join(finding.columns)}: {finding.reason}", ""] for finding in findings
    ]


def _brier(predicted: Floats, outcomes: Floats) -> float:
    return float(np.mean((predicted - outcomes) ** 2))


def _hotel(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_parquet(folders.file("crm_hotel_bookings/hotel_bookings.parquet"))
    for name in ("agent", "company"):  # numeric ids
        table[name] = table[name].astype("str").where(table[name].notna())
    return table.drop(columns="is_canceled"), table["is_canceled"].to_numpy(dtype=np.float64)


def _leads(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(folders.file("crm_xeducation_leads/Leads.csv"), na_values=["Select"])
    return table.drop(columns=["Converted", "Prospect ID", "Lead Number"]), table["Converted"].to_numpy(np.float64)


def _telco(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(folders.file("churn_telco_ibm/WA_Fn-UseC_-Telco-Customer-Churn.csv"), na_values=[" "])
    return table.drop(columns=["Churn", "customerID"]), np.asarray(table["Churn"] == "Yes", dtype=np.float64)


def _bank(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(folders.file("propensity_bank_marketing/bank-additional-full.csv"), sep=";")
    return table.drop(columns="y"), np.asarray(table["y"] == "yes", dtype=np.float64)


def _hillstrom(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    (path,) = folders.file("uplift_hillstrom_email").glob("*.csv")
    table = pd.read_csv(path)
    return table.drop(columns="visit"), table["visit"].to_numpy(dtype=np.float64)


def _email(folders: Folders) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(folders.file("email_sme_status/Train_psolI3n.csv"))
    return table.drop(columns=["Email_Status", "Email_ID"]), np.asarray(table["Email_Status"] > 0, dtype=np.float64)


if __name__ == "__main__":
    main()
