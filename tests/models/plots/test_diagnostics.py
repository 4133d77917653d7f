"""Figures of diagnostics show what is known by construction, in words, and no more than can be read."""

import numpy as np
import pandas as pd
import pytest

from models.plots.diagnostics import (
    MAX_FEATURES,
    plot_gain,
    plot_importance,
    plot_learning_curve,
    plot_metric_by_fold,
    plot_shap_summary,
)

LABELS = {"feature_0": "days since the last order"}


def test_gain_and_lift_of_scores_that_rank_all_outcomes_first() -> None:
    scores = np.arange(100)[::-1] / 100
    outcomes = (np.arange(100) < 10).astype(float)
    curves, lifts = plot_gain("perfect ranking", scores, outcomes).axes
    best, gain = (line.get_ydata() for line in curves.lines[:2])
    np.testing.assert_allclose(gain, best)
    assert gain[10] == 1.0
    assert [bar.get_height() for bar in lifts.patches] == pytest.approx([10.0] + [0.0] * 9)
    assert lifts.get_title(loc="left") == "Lift by decile (top-decile lift 10.0)"


def test_features_are_labeled_in_words_and_limited_in_number() -> None:
    rng = np.random.default_rng(1)
    names = [f"feature_{number}" for number in range(40)]
    rows = pd.DataFrame(rng.normal(size=(50, 40)), columns=names)
    rows["feature_0"] = np.nan
    contributions = rows.fillna(1.0) * np.linspace(2, 0.1, 40)
    for figure in (
        plot_shap_summary(rows, contributions, LABELS),
        plot_importance(contributions.abs().head(3), LABELS),
    ):
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert len(labels) == MAX_FEATURES
        assert LABELS["feature_0"] in labels
        assert all("_" not in label for label in labels)


def test_a_long_label_is_shortened_at_a_word() -> None:
    importances = pd.DataFrame({"a": [1.0]})
    label = "mean days between orders over the last two years of the account"
    (axes,) = plot_importance(importances, {"a": label}).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["mean days between orders over the last two …"]


def test_the_learning_curve_shows_train_test_and_baseline() -> None:
    (axes,) = plot_learning_curve("log loss", [5, 50], [0.1, 0.2], [0.4, 0.3], 0.5).axes
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in axes.get_lines()}
    assert drawn == {"test, out of time": [0.4, 0.3], "train": [0.1, 0.2], "constant rate": [0.5, 0.5]}


def test_a_metric_by_fold_shows_every_value_with_its_interval() -> None:
    (axes,) = plot_metric_by_fold("AUC", ["2024-01", "2024-04"], [0.7, 0.8], [(0.6, 0.75), (0.7, 0.9)]).axes
    *intervals, values = (np.asarray(line.get_ydata()).tolist() for line in axes.get_lines())
    assert intervals == [[0.6, 0.75], [0.7, 0.9]]
    assert values == [0.7, 0.8]
