"""Churn on one table: IBM's telco sample, five parts with classes alike, each scored by what the other four taught.

Nothing of the method was set on these rows from outside: strength, trees, blend and calibration are learnt inside the
four parts. Plain peers are scikit-learn's logistic regression and its histogram gradient boosting, as they come.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from bench.harness.result import Figures, Rows, line
from data.arrays import Floats
from models.estimators.binary_classifier import ChanceClassifier
from models.evaluation.metrics import auc, calibration_error

FILE = "churn_telco_ibm/WA_Fn-UseC_-Telco-Customer-Churn.csv"


def telco(data: Path) -> tuple[Rows, Figures]:
    """Rows and figures of the telco sample; AUC is the mean of the five parts, the others are over all rows."""
    table = pd.read_csv(data / FILE, na_values=[" "]).drop(columns="customerID")
    outcomes: Floats = np.where(table.pop("Churn") == "Yes", 1.0, 0.0)
    table["TotalCharges"] = table["TotalCharges"].fillna(0.0)
    rows: Rows = []
    figures: Figures = {}
    methods: dict[str, Any] = {
        "chance": ChanceClassifier(random_state=0),
        "logistic regression": plain_linear(),
        "gradient boosting": plain_trees(),
    }
    for method, model in methods.items():
        said, parts = np.zeros(len(table)), []
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(table, outcomes):
            with threadpool_limits(1):
                model.fit(table.iloc[train], outcomes[train])
            said[test] = model.predict_proba(table.iloc[test])[:, 1]
            parts.append(auc(said[test], outcomes[test]))
        measured = {
            "auc": float(np.mean(parts)),
            "brier": float(brier_score_loss(outcomes, said)),
            "ece": calibration_error(said, outcomes),
        }
        targets = {"auc": "≥ 0.847", "brier": "≤ 0.135", "ece": "≤ 0.03"} if method == "chance" else {}
        rows += [line("telco", method, name, value, targets.get(name, "")) for name, value in measured.items()]
        if method == "chance":
            figures |= {f"telco.{name}": round(value, 4) for name, value in measured.items()}
    return rows, figures


def plain_linear() -> Any:
    """Logistic regression as it comes: one column per value, numbers scaled."""
    text = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer(
            (text, make_column_selector(dtype_include=["object", "str"])),
            (StandardScaler(), make_column_selector(dtype_include="number")),
        ),
        LogisticRegression(max_iter=2_000),
    )


def plain_trees() -> Any:
    """Histogram gradient boosting as it comes, seeded; text by number."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer(
            (codes, make_column_selector(dtype_include=["object", "str"])), remainder="passthrough"
        ),
        HistGradientBoostingClassifier(random_state=0),
    )
