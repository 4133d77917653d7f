"""A fitted ensemble as JSON, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.forecasting.conformal import Intervals
from models.forecasting.ensemble import FittedEnsemble
from models.forecasting.reconciliation import Reconciliation

DECIMALS, RESIDUAL_DECIMALS = 6, 4


def to_state(ensemble: FittedEnsemble) -> dict[str, Any]:
    """The ensemble as JSON, its arrays rounded; ``from_state`` reads it."""
    reconciliation = ensemble.reconciliation
    return {
        "unique_ids": list(ensemble.unique_ids),
        "methods": list(ensemble.methods),
        "selected": list(ensemble.selected),
        "weights": ensemble.weights.round(DECIMALS).tolist(),
        "rule": ensemble.rule,
        "blend": ensemble.blend,
        "power": ensemble.power,
        "baseline_wins": ensemble.baseline_wins.tolist(),
        "untested": ensemble.untested.tolist(),
        "half_widths": {
            str(level): values.round(DECIMALS).tolist() for level, values in ensemble.intervals.half_widths.items()
        },
        "reconciliation": None if reconciliation is None else _reconciliation_state(reconciliation),
        "excluded": dict(ensemble.excluded),
    }


def from_state(state: Mapping[str, Any]) -> FittedEnsemble:
    """The ensemble of a state."""
    reconciliation = state["reconciliation"]
    return FittedEnsemble(
        unique_ids=tuple(state["unique_ids"]),
        methods=tuple(state["methods"]),
        selected=tuple(state["selected"]),
        weights=np.array(state["weights"], dtype=np.float64),
        rule=state["rule"],
        blend=state["blend"],
        power=state["power"],
        baseline_wins=np.array(state["baseline_wins"], dtype=bool),
        untested=np.array(state["untested"], dtype=bool),
        intervals=Intervals({int(level): np.array(values) for level, values in state["half_widths"].items()}),
        reconciliation=None if reconciliation is None else _reconciliation(reconciliation),
        excluded=dict(state["excluded"]),
    )


def _reconciliation_state(reconciliation: Reconciliation) -> dict[str, Any]:
    return {
        "method": reconciliation.method,
        "nodes": list(reconciliation.nodes),
        "residuals": reconciliation.residuals.round(RESIDUAL_DECIMALS).tolist(),
        "errors": dict(reconciliation.errors),
        "failed": dict(reconciliation.failed),
    }


def _reconciliation(state: Mapping[str, Any]) -> Reconciliation:
    return Reconciliation(
        method=state["method"],
        nodes=tuple(state["nodes"]),
        residuals=np.array(state["residuals"], dtype=np.float64),
        errors=dict(state["errors"]),
        failed=dict(state["failed"]),
    )
