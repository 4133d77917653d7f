"""Past e-mails with their responses, and their split by time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.company import Company
from features.contacts.sends import email_sends
from models.model import Abstention

MIN_SENDS = 1_000
MIN_RESPONSES = 100
FIT_UNTIL, CALIBRATE_UNTIL = 0.6, 0.8
"""Shares of the sends by time: the first ones fit, the next choose the personal effect, the last ones test."""


@dataclass(frozen=True)
class SendSplit:
    """Sends by time: those that fit, those that choose the personal effect, those that test; ``test_from`` is the
    instant at which the last begin.

    Notes: not a ``TimeSplit``, whose dates have label windows of weeks; a response is known within hours.
    """

    fit: pd.DataFrame
    calibration: pd.DataFrame
    test: pd.DataFrame
    test_from: pd.Timestamp

    @property
    def train(self) -> pd.DataFrame:
        """All sends before the test."""
        return pd.concat([self.fit, self.calibration])


def past_sends(company: Company) -> pd.DataFrame:
    """One row per e-mail after its time to respond, oldest first: ``touch_id, contact_id, sent_at, hour_of_week,
    responded``."""
    frame = email_sends(company).select("touch_id", "contact_id", "sent_at", "hour_of_week", "responded").execute()
    ordered: pd.DataFrame = frame.dropna(subset=["hour_of_week"]).sort_values(
        ["sent_at", "touch_id"], ignore_index=True
    )
    return ordered.assign(
        hour_of_week=ordered["hour_of_week"].astype(np.int64), responded=ordered["responded"].astype(bool)
    )


def responses(sends: pd.DataFrame) -> Floats:
    """1 where a send got a response, else 0."""
    return sends["responded"].to_numpy(dtype=np.float64)


def split_sends(sends: pd.DataFrame) -> SendSplit | Abstention:
    """The sends by time, or an abstention if they are too few."""
    n_responses = int(sends["responded"].sum())
    if len(sends) < MIN_SENDS or n_responses < MIN_RESPONSES:
        return Abstention(
            "send_time",
            f"{len(sends)} e-mails of which {n_responses} got a response of a person; "
            f"{MIN_SENDS} and {MIN_RESPONSES} are needed to compare hours",
        )
    calibration_from, test_from = (
        sends["sent_at"].iloc[int(len(sends) * share)] for share in (FIT_UNTIL, CALIBRATE_UNTIL)
    )
    sent_at = sends["sent_at"]
    split = SendSplit(
        fit=sends[sent_at < calibration_from],
        calibration=sends[(sent_at >= calibration_from) & (sent_at < test_from)],
        test=sends[sent_at >= test_from],
        test_from=test_from,
    )
    if any(part["responded"].nunique() < 2 for part in (split.fit, split.calibration, split.test)):
        return Abstention(
            "send_time",
            "in one period of the history all e-mails, or none, got a response; hours cannot be compared",
        )
    return split
