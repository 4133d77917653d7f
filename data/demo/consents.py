"""Consents of contacts to marketing e-mail: when each was granted and withdrawn."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Ints
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.population import Population

GRANTED_SHARE, WITHDRAWN_SHARE = 0.80, 0.05
SOURCES = ("webform", "contract", "event", "import")


@dataclass(frozen=True)
class Consents:
    """One entry per contact, ``NEVER`` where it did not happen."""

    granted: Ints
    withdrawn: Ints
    source: Ints

    def reachable(self, population: Population) -> Bools:
        """Whether the contact has an e-mail address and once granted consent."""
        return np.asarray((self.granted < NEVER) & population.contacts["email"].notna().to_numpy())


def draw_consents(population: Population, history: History, seed: int) -> Consents:
    """The decisions of every contact on marketing e-mail."""
    rng = np.random.default_rng([seed, 14])
    count = len(population.contact_account)
    granted = (
        population.contact_created + (rng.exponential(9 * DAY, count) * (rng.random(count) < 0.6)).astype(np.int64) + 60
    )
    granted = np.where((rng.random(count) < GRANTED_SHARE) & (granted < history.until), granted, NEVER)
    withdrawn = np.maximum(np.minimum(granted, history.until), history.start) + (rng.random(count) * 900 * DAY).astype(
        np.int64
    )
    withdrawn = np.where(
        (rng.random(count) < WITHDRAWN_SHARE) & (granted < NEVER) & (withdrawn < history.until), withdrawn, NEVER
    )
    return Consents(granted, withdrawn, rng.integers(0, len(SOURCES), count))


def consents_table(consents: Consents) -> pd.DataFrame:
    """One row per decision, in order of contact and time."""
    frames = []
    for decided_at, status, source in (
        (consents.granted, "granted", consents.source),
        (consents.withdrawn, "withdrawn", np.zeros_like(consents.source)),
    ):
        decided = decided_at < NEVER
        frames.append(
            pd.DataFrame(
                {
                    "contact_id": id_column("C", np.flatnonzero(decided), 6),
                    "channel": "email",
                    "purpose": "marketing",
                    "recorded_at": timestamp_column(decided_at[decided]),
                    "status": status,
                    "source": category_column(SOURCES, source[decided]),
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(["contact_id", "recorded_at"], ignore_index=True)
