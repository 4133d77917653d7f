"""What versions behind an earlier number say of tonight is result where all of them can say it."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from data.lake import Lake
from features.company import Company
from features.engineer import engineer
from models.registry import MODELS
from models.scoring.score import assemble_scores, score_model
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
def test_the_previous_forecast_is_rebuilt_only_if_every_earlier_version_can_score(
    company: Company, tmp_path: Path, able: bool
) -> None:
    lake, scored, trained = Lake(tmp_path), [], []
    frames = stated_frames(company)
    with lake.write_step("night", "features") as draft:
        engineer(company, draft)
    for model in MODELS:
        with lake.write_step("night", f"score_{model.name}") as draft:
            if model.name == "revenue":
                for name, frame in frames.items():
                    draft.write(name, frame)
                    draft.write(f"{name}_before", frame)
            result = pd.DataFrame({"model": [model.name], "label": [None], "reason": ["too young"]}, dtype="string")
            draft.write("scoring_result", result.assign(comparable=able or model.name != "win"))
        with lake.write_step("night", f"train_{model.name}") as draft:
            draft.write("result", pd.DataFrame({"model": [model.name], "version": ["1"]}))
        scored.append(lake.step("night", f"score_{model.name}"))
        trained.append(lake.step("night", f"train_{model.name}"))
    with lake.write_step("night", "score") as draft:
        assemble_scores(company, lake.step("night", "features"), trained, scored, draft)
    written = lake.step("night", "score").tables
    assert {"forecast_line_items", "forecast_drivers"} <= set(written)
    assert ({"forecast_line_items_before", "forecast_drivers_before"} <= set(written)) == able


@pytest.mark.parametrize(("before", "comparable"), [(None, True), ("7", False)])
def test_a_missing_earlier_version_is_not_comparable(
    company: Company, tmp_path: Path, before: str | None, comparable: bool
) -> None:
    lake, tracking = Lake(tmp_path / "lake"), Tracking(tmp_path / "mlruns", "acme")
    result = pd.DataFrame({"model": ["win"], "version": [None], "abstained": ["too few deals"]}, dtype="string")
    with lake.write_step("night", "train_win") as draft:
        draft.write("result", result)
    with lake.write_step("night", "score_win") as draft:
        score_model(WIN, company, lake.step("night", "train_win"), tracking, draft, before)
    result = lake.step("night", "score_win").frame("scoring_result")
    assert result["comparable"].tolist() == [comparable]
