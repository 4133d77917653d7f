"""Chances to win, on tables of real outcomes and on deals whose chance was planted.

``python -m bench.win [--data FOLDER] [--pictures FOLDER] [hotel] [xeducation] [maven] [demo] [hindsight]``; all of them
when none is named.

- *hotel*: bookings that arrive before 2017 are learnt, those of 2017 judged: will it be cancelled? Columns that the
  protocol of the data leaves out are left out; what ``models.evaluation.target_leakage`` finds in the table as it came is told beside.
- *xeducation*: leads, five folds: will it convert? "Select" is an empty field. The columns that were written after the
  outcome are those that ``models.evaluation.target_leakage`` finds **in the rows learnt from**, anew in each fold; none is named here.
- *maven*: deals that closed until 2017-09-30 are learnt, in the order in which they closed; those of the fourth quarter
  judged, on what is known at their creation. There is nothing to be learnt; passing is not to claim that there is.
  ``brier_excess`` is over the Brier score of the judged deals' own rate. The win model's word on the same company is
  told beside.
- *demo*: open deals of new business at four dates, the win model learnt anew as of each, against the planted chance.
- *hindsight*: columns named on tables in which honest columns are known: how many of them are named for nothing. The
  thresholds were set while looking at X Education, telco, bank and hotel; Hillstrom and the e-mail table were only
  looked at afterwards.

Everything that is chosen (blend, strength, trees, fading) is chosen by ``ChanceClassifier`` inside the rows it is
given. Reliability curves are written to ``--pictures``.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from bench.harness.result import DATA, print_result
from bench.harness.won_deals import demo_deals, error_of_bins, known, scores
from data.arrays import Floats
from flows.settings import Settings
from models.estimators.binary_classifier import BaseRateWarning, BinaryClassifier
from models.evaluation.metrics import auc
from models.evaluation.reliability import reliability_figure
from models.evaluation.target_leakage import Finding, find_target_leakage

LEFT_OUT = ("reservation_status", "reservation_status_date", "assigned_room_type", "booking_changes",
            "required_car_parking_spaces")  # fmt: skip
"""What the protocol of the hotel data leaves out."""


@dataclass(frozen=True)
class Place:
    """Where data lies, and where pictures go (nowhere: none are made)."""

    data: Path
    pictures: Path | None

    def file(self, name: str) -> Path:
        """A file of the data. Raises ``SystemExit`` that names it when it is not there."""
        path = self.data / name
        if not path.exists():
            raise SystemExit(f"no data at {path}: give the folder of the data sets with --data")
        return path

    def draw(self, name: str, title: str, said: Floats, outcomes: Floats) -> None:
        if self.pictures is not None:
            self.pictures.mkdir(parents=True, exist_ok=True)
            reliability_figure(title, said, outcomes).savefig(self.pictures / f"win_{name}.png", dpi=120)


@dataclass(frozen=True)
class Part:
    """What one part brings: rows for people, and figures."""

    rows: list[list[str]]
    figures: dict[str, float | None]


def main() -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    place = Place(asked.data, asked.pictures)
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for name in asked.parts or list(PARTS):
        sys.stderr.write(f"{name} …\n")
        part = PARTS[name](place)
        rows += part.rows
        figures |= part.figures
    print_result("chances to win", ["data", "figure", "value", "target"], rows, figures)


def hotel(place: Place) -> Part:
    """Bookings of 2017, by those before."""
    table, outcome = _hotel(place)
    arrival = pd.to_datetime(
        table["arrival_date_year"].astype(str)
        + table["arrival_date_month"]
        + table["arrival_date_day_of_month"].astype(str),
        format="%Y%B%d",
    )
    before = (arrival < pd.Timestamp("2017-01-01")).to_numpy()
    found = find_target_leakage(table[before], outcome[before])
    honest = table.drop(columns=[*LEFT_OUT, "arrival_date_year"])
    model = BinaryClassifier().fit(honest[before], outcome[before])
    said, happened = model.predict_proba(honest[~before])[:, 1], outcome[~before]
    place.draw("hotel", "hotel: bookings of 2017 that are cancelled", said, happened)
    figures: dict[str, float | None] = {"hotel.auc": auc(said, happened), "hotel.brier": _brier(said, happened)}
    rows = [
        ["hotel", "AUC, arrivals of 2017", f"{figures['hotel.auc']:.4f}", "≥ 0.84"],
        ["hotel", "Brier score", f"{figures['hotel.brier']:.4f}", "≤ 0.157"],
        ["hotel", "said, happened", f"{said.mean():.3f}, {happened.mean():.3f}", ""],
        *_findings("hotel", found),
    ]
    return Part(rows, figures)


def xeducation(place: Place) -> Part:
    """Leads in five folds, without what each fold's rows give away."""
    table, outcome = _leads(place)
    said = np.zeros(len(outcome))
    told: dict[str, int] = {}
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for learnt, judged in folds.split(table, outcome):
        found = find_target_leakage(table.iloc[learnt], outcome[learnt])
        columns = [name for finding in found for name in finding.columns]
        for name in columns:
            told[name] = told.get(name, 0) + 1
        honest = table.drop(columns=columns)
        model = BinaryClassifier().fit(honest.iloc[learnt], outcome[learnt])
        said[judged] = model.predict_proba(honest.iloc[judged])[:, 1]
    place.draw("xeducation", "X Education: leads that convert (five folds)", said, outcome)
    skill = auc(said, outcome)
    rows = [["X Education", "AUC, five folds", f"{skill:.4f}", "0.86–0.88"]]
    rows += [["X Education", f"found in {count} of 5 folds", name, ""] for name, count in sorted(told.items())]
    return Part(rows, {"x_education.auc": skill, "x_education.brier": _brier(said, outcome)})


def maven(place: Place) -> Part:
    """Deals of the fourth quarter by those before: nothing to be known."""
    folder = place.file("crm_maven_sales_opportunities/sales_pipeline.csv").parent
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
        warnings.simplefilter("ignore", BaseRateWarning)
        model = BinaryClassifier().fit(at_creation[before], outcome[before], times=closed[before])
    said, happened = model.predict_proba(at_creation[~before])[:, 1], outcome[~before]
    place.draw("maven", "Maven: deals closed in the fourth quarter", said, happened)
    excess = _brier(said, happened) - _brier(np.full(len(happened), happened.mean()), happened)
    figures: dict[str, float | None] = {"maven.auc": auc(said, happened), "maven.brier_excess": excess}
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as var:
        settings = Settings(mapping="maven", source=str(folder.resolve()), root=Path(var), stale_days=10_000)
        scored, ships = scores(known(settings, pd.Timestamp("2017-10-01").date()))
    rows = [
        ["Maven", "AUC, fourth quarter", f"{figures['maven.auc']:.3f}", "0.45–0.58"],
        ["Maven", "Brier score over the rate's", f"{excess:+.4f}", "≤ 0.005"],
        ["Maven", "said, happened", f"{said.mean():.3f}, {happened.mean():.3f}", ""],
        ["Maven", "win model as of 2017-10-01", f"{ships} ships: {scored['reasons'].iloc[0]}", "the baseline"],
    ]
    return Part(rows, figures)


def demo(place: Place) -> Part:
    """The demo company's open deals against their planted chance."""
    said = demo_deals()
    error = error_of_bins(said.chance, said.truth)
    place.draw("demo", "demo: open deals, said and planted chance", said.chance, said.truth)
    rows = [
        ["demo", "expected calibration error", f"{error:.4f}", "≤ 0.03"],
        ["demo", "deals, who says", f"{len(said.truth)}, {', '.join(said.ships)}", ""],
        ["demo", "said, true", f"{said.chance.mean():.3f}, {said.truth.mean():.3f}", ""],
        ["demo", "correlation with the truth", f"{np.corrcoef(said.chance, said.truth)[0, 1]:.3f}", ""],
    ]
    return Part(rows, {"demo.ece": error})


def false_alarms(place: Place) -> Part:
    """Honest columns that are named, of those of five tables."""
    late = {
        "telco": set(),
        "bank": {"duration"},
        "hotel": {*LEFT_OUT},
        "Hillstrom": {"conversion", "spend"},
        "e-mail": set(),
    }
    tables = {
        "telco": _telco(place),
        "bank": _bank(place),
        "hotel": _hotel(place),
        "Hillstrom": _hillstrom(place),
        "e-mail": _email(place),
    }
    rows: list[list[str]] = []
    named = honest = 0
    for name, (table, outcome) in tables.items():
        found = find_target_leakage(table, outcome)
        columns = {column for finding in found for column in finding.columns}
        wrong = columns - late[name]
        named, honest = named + len(wrong), honest + len(set(table.columns) - late[name])
        rows.append([name, "honest columns named", f"{len(wrong)} of {len(set(table.columns) - late[name])}", ""])
        rows += _findings(name, found)
    rows.append(["together", "honest columns named", f"{named} of {honest}", ""])
    return Part(rows, {"hindsight.false_alarms": named / honest})


PARTS: dict[str, Callable[[Place], Part]] = {
    "hotel": hotel,
    "xeducation": xeducation,
    "maven": maven,
    "demo": demo,
    "hindsight": false_alarms,
}


def _findings(name: str, found: tuple[Finding, ...]) -> list[list[str]]:
    return [[name, f"found: {finding.sign}", f"{', '.join(finding.columns)}: {finding.reason}", ""] for finding in found]


def _brier(said: Floats, outcomes: Floats) -> float:
    return float(np.mean((said - outcomes) ** 2))


def _hotel(place: Place) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_parquet(place.file("crm_hotel_bookings/hotel_bookings.parquet"))
    for name in ("agent", "company"):  # numbers that name somebody
        table[name] = table[name].astype("str").where(table[name].notna())
    return table.drop(columns="is_canceled"), table["is_canceled"].to_numpy(dtype=np.float64)


def _leads(place: Place) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(place.file("crm_xeducation_leads/Leads.csv"), na_values=["Select"])
    return table.drop(columns=["Converted", "Prospect ID", "Lead Number"]), table["Converted"].to_numpy(np.float64)


def _telco(place: Place) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(place.file("churn_telco_ibm/WA_Fn-UseC_-Telco-Customer-Churn.csv"), na_values=[" "])
    return table.drop(columns=["Churn", "customerID"]), np.asarray(table["Churn"] == "Yes", dtype=np.float64)


def _bank(place: Place) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(place.file("propensity_bank_marketing/bank-additional-full.csv"), sep=";")
    return table.drop(columns="y"), np.asarray(table["y"] == "yes", dtype=np.float64)


def _hillstrom(place: Place) -> tuple[pd.DataFrame, Floats]:
    (path,) = place.file("uplift_hillstrom_email").glob("*.csv")
    table = pd.read_csv(path)
    return table.drop(columns="visit"), table["visit"].to_numpy(dtype=np.float64)


def _email(place: Place) -> tuple[pd.DataFrame, Floats]:
    table = pd.read_csv(place.file("email_sme_status/Train_psolI3n.csv"))
    return table.drop(columns=["Email_Status", "Email_ID"]), np.asarray(table["Email_Status"] > 0, dtype=np.float64)


if __name__ == "__main__":
    main()
