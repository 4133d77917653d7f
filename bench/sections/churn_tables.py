"""Churn on one table: IBM's telco sample in five stratified folds, each predicted from the other four.

Nothing of the method was set on these rows from outside: regularization, trees, blend and calibration are chosen inside
the four folds. Peers are scikit-learn's logistic regression and histogram gradient boosting with default parameters.
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

from bench.harness.result import Figures, Rows, result_row
from data.arrays import Floats
from data.statistics import auc
from models.estimators.binary_classifier import BinaryClassifier
from models.evaluation.metrics import calibration_error

FILE = "churn_telco_ibm/WA_Fn-UseC_-Telco-Customer-Churn.csv"


def telco(data: Path) -> tuple[Rows, Figures]:
    """Rows and figures of the telco sample; AUC is the mean of the five folds, the others are over all rows."""
    table = pd.read_csv(data / FILE, na_values=[" "]).drop(columns="customerID")
    outcomes: Floats = np.where(table.pop("Churn") == "Yes", 1.0, 0.0)
    table["TotalCharges"] = table["TotalCharges"].fillna(0.0)
    rows: Rows = []
    figures: Figures = {}
    methods: dict[str, Any] = {
        "ours": BinaryClassifier(random_state=0),
        "logistic regression": logistic_regression(),
        "gradient boosting": gradient_boosting(),
    }
    for method, model in methods.items():
        predicted, fold_aucs = np.zeros(len(table)), []
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(table, outcomes):
            with threadpool_limits(1):
                model.fit(table.iloc[train], outcomes[train])
            predicted[test] = model.predict_proba(table.iloc[test])[:, 1]
            fold_aucs.append(auc(predicted[test], outcomes[test]))
        measured = {
            "auc": float(np.mean(fold_aucs)),
            "brier": float(brier_score_loss(outcomes, predicted)),
            "ece": calibration_error(predicted, outcomes),
        }
        targets = {"auc": "≥ 0.847", "brier": "≤ 0.135", "ece": "≤ 0.03"} if method == "ours" else {}
        rows += [result_row("telco", method, name, value, targets.get(name, "")) for name, value in measured.items()]
        if method == "ours":
            figures |= {f"telco.{name}": round(value, 4) for name, value in measured.items()}
    return rows, figures


def logistic_regression() -> Any:
    """Logistic regression with default parameters: one column per category, numbers scaled."""
    text = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer(
            (text, make_column_selector(dtype_include=["object", "str"])),
            (StandardScaler(), make_column_selector(dtype_include="number")),
        ),
        LogisticRegression(max_iter=2_000),
    )


def gradient_boosting() -> Any:
    """Histogram gradient boosting with default parameters, seeded; categories as codes."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer(
            (codes, make_column_selector(dtype_include=["object", "str"])), remainder="passthrough"
        ),
        HistGradientBoostingClassifier(random_state=0),
    )
