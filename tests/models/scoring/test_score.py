"""What versions behind an earlier number say of tonight is told where all of them can say it."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from data.lake import Lake
from features.company import Company
from features.engineer import engineer
from models.registry import MODELS
from models.scoring.score import gather, score_one
from models.training.tracking import Tracking
from tests.features.company_builder import build_company
from tests.reports.forecast.forecasts import stated_frames

AS_OF = date(2024, 6, 12)
WIN = next(model for model in MODELS if model.name == "win")


@pytest.fixture(scope="module")
def company() -> Company:
    order = {"order_id": "o", "line_id": "1", "account_id": "a", "product_id": "Q", "amount": 100.0}
    return build_company(
        AS_OF,
        accounts=[{"account_id": "a"}],
        orders=[order | {"ordered_at": "2024-06-03 09:00", "status": "placed"}],
    )


@pytest.mark.parametrize("able", [True, False])
def test_the_number_of_earlier_versions_is_told_only_where_all_can_tell_theirs(
    company: Company, tmp_path: Path, able: bool
) -> None:
    lake, scored, learnt = Lake(tmp_path), [], []
    frames = stated_frames(company)
    with lake.write_step("night", "features") as draft:
        engineer(company, draft)
    for model in MODELS:
        with lake.write_step("night", f"score_{model.name}") as draft:
            if model.name == "revenue":
                for name, frame in frames.items():
                    draft.write(name, frame)
                    draft.write(f"{name}_before", frame)
            told = pd.DataFrame({"model": [model.name], "label": [None], "why": ["too young"]}, dtype="string")
            draft.write("outcome", told.assign(again=able or model.name != "win"))
        with lake.write_step("night", f"train_{model.name}") as draft:
            draft.write("result", pd.DataFrame({"model": [model.name], "version": ["1"]}))
        scored.append(lake.step("night", f"score_{model.name}"))
        learnt.append(lake.step("night", f"train_{model.name}"))
    with lake.write_step("night", "score") as draft:
        gather(company, lake.step("night", "features"), learnt, scored, draft)
    written = lake.step("night", "score").tables
    assert {"forecast_line_items", "forecast_drivers"} <= set(written)
    assert ({"forecast_line_items_before", "forecast_drivers_before"} <= set(written)) == able


@pytest.mark.parametrize(("before", "again"), [(None, True), ("7", False)])
def test_a_version_that_is_gone_can_tell_nothing_of_tonight(
    company: Company, tmp_path: Path, before: str | None, again: bool
) -> None:
    lake, tracking = Lake(tmp_path / "lake"), Tracking(tmp_path / "mlruns", "acme")
    result = pd.DataFrame({"model": ["win"], "version": [None], "abstained": ["too few deals"]}, dtype="string")
    with lake.write_step("night", "train_win") as draft:
        draft.write("result", result)
    with lake.write_step("night", "score_win") as draft:
        score_one(WIN, company, lake.step("night", "train_win"), tracking, draft, before)
    told = lake.step("night", "score_win").frame("outcome")
    assert told["again"].tolist() == [again]
