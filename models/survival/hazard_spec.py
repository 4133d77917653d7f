"""The specification of a hazard model: its event, cases, features, baseline and phrasing."""

from dataclasses import dataclass

from features.feature import Feature, features_hash, form
from models.estimators.explanations import Phrasing
from models.survival.baseline_hazards import Bands
from models.survival.person_periods import CALENDAR, DUE, PERIOD

FORM = form(3)
"""Of a version's state: raised when the content of the state that ``hazard_model.train`` writes changes."""

HORIZONS: dict[str, int] = {"within_30": 1, "value": 3, "within_180": 6}
"""Published columns, and the periods within which each expects the event."""


@dataclass(frozen=True)
class HazardSpec:
    """The specification of a hazard model; ``keys`` name a case."""

    model: str
    keys: tuple[str, ...]
    outcome: str
    """Completes "12% of such cases … within 30 days" in the past tense: "left"."""
    features: tuple[Feature, ...]
    categories: tuple[Feature, ...]
    bands: Bands
    """Of the baseline, which competes with flat rates."""
    raises: str
    lowers: str
    account: str = "account_id"
    """The column of the account that a case belongs to: all cases of an account are in one fold."""
    terminal: bool = False
    """Whether the event ends the case, so that cases still at risk have been observed to survive."""
    due: str | None = None
    """The feature that counts the days to a due date on which the event may fall."""

    @property
    def features_hash(self) -> str:
        """Changes with the features, the columns of a period and the form of the state."""
        due = () if self.due is None else (DUE,)
        return features_hash((*self.features, *self.categories, PERIOD, *due, CALENDAR, FORM))

    @property
    def feature_labels(self) -> dict[str, str]:
        """Plain-English labels by feature name."""
        features = (*self.features, *self.categories, PERIOD, DUE, CALENDAR)
        return {feature.name: feature.description for feature in features}

    def phrasing(self, currency: str) -> Phrasing:
        """The wording of its explanations."""
        return Phrasing(self.raises, self.lowers, currency)
