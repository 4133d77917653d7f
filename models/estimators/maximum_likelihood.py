"""Base of models with a few positive parameters: fitting by maximum likelihood, and the parameters as JSON."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.exceptions import NotFittedError

from data.arrays import Floats

MAX_LOG_PARAMETER = 6.0
"""Bound of the logarithms of parameters: past it a distribution is a point, and the likelihood is flat."""

MAX_EVALUATIONS = 400


class ParametricModel:
    """A model whose fitted state is the positive numbers in ``names``, each an attribute that ends in ``_``."""

    names: ClassVar[tuple[str, ...]]

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The model that ``state()`` wrote."""
        model = cls()
        model._set_parameters([float(state[name]) for name in cls.names])
        return model

    def state(self) -> dict[str, Any]:
        """The parameters by name, as JSON."""
        return dict(zip(self.names, self.parameters(), strict=True))

    def parameters(self) -> tuple[float, ...]:
        """The parameters in the order of ``names``. Raises ``NotFittedError`` (a ``ValueError``) before ``fit``."""
        if not all(hasattr(self, f"{name}_") for name in self.names):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit first")
        return tuple(getattr(self, f"{name}_") for name in self.names)

    def _set_parameters(self, values: Sequence[float]) -> None:
        for name, value in zip(self.names, values, strict=True):
            setattr(self, f"{name}_", value)


def maximize_likelihood(loss: Callable[[Floats], float], initial_logs: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Positive parameters of the smallest negative log-likelihood; ``loss`` takes their logarithms.

    L-BFGS-B from each initial point, then once more, to a tight tolerance, from the best. Raises ``ValueError`` if the
    likelihood is finite nowhere.
    """
    bounds = [(-MAX_LOG_PARAMETER, MAX_LOG_PARAMETER)] * len(initial_logs[0])
    options = {"maxfun": MAX_EVALUATIONS}
    results = [minimize(loss, point, method="L-BFGS-B", bounds=bounds, options=options) for point in initial_logs]
    finite = [result for result in results if np.isfinite(result.fun)]
    if not finite:
        raise ValueError("the likelihood is finite nowhere; look for customers with extreme values")
    best = min(finite, key=lambda result: float(result.fun))
    tight = {**options, "ftol": 1e-14, "gtol": 1e-8}
    best = minimize(loss, best.x, method="L-BFGS-B", bounds=bounds, options=tight)
    return tuple(float(value) for value in np.exp(best.x))


def numeric_column(rows: pd.DataFrame, name: str) -> Floats:
    """One column as finite numbers. Raises ``ValueError`` that names what is missing or not a number."""
    if name not in rows:
        raise ValueError(f"no column {name!r}; the columns are {', '.join(map(str, rows.columns[:10]))}")
    values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.argmax(bad)
        raise ValueError(f"{name} is missing or infinite in {bad.sum():,} rows (first: row {first}); drop them")
    return np.asarray(values)
