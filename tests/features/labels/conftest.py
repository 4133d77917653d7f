"""Labels of literal rows as frames."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from features.spine import account_spine
from tests.features.labels.rows import AS_OF, DAY, HORIZON


@pytest.fixture
def label_of(build: Callable[..., Company]) -> Callable[..., pd.DataFrame]:
    """``label_of(label, **rows)``: the label as of ``DAY``, by account."""

    def label_of(label: Callable[..., Any], day: date = DAY, **rows: Any) -> pd.DataFrame:
        names = {row["account_id"] for table in ("orders", "subscriptions") for row in rows.get(table, [])}
        company = build(AS_OF, accounts=[{"account_id": name} for name in sorted(names)], **rows)
        spine = account_spine(company, [day])
        frame: pd.DataFrame = label(company, spine, HORIZON, company.as_of_at).execute().set_index("account_id")
        return frame

    return label_of
