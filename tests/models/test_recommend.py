"""Recommendations: planted affinities are found, and what may not be offered never is."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.model import Abstention, Challenger, Champion
from models.ranking.candidates import company_candidates
from models.ranking.eligibility import Restrictions, exclusion_reasons
from models.ranking.offer_amount import expected_sale_amounts
from models.recommend import Recommend
from tests.models.small_company import company_of

AS_OF = date(2025, 1, 1)
PRODUCTS = pd.DataFrame(
    [
        {"product_id": "razor", "name": "Razor", "family": "shave", "list_price": 40.0},
        {"product_id": "blades", "name": "Blades", "family": "shave", "list_price": 10.0},
        {"product_id": "pen", "name": "Pen", "family": "write", "list_price": 20.0},
        {"product_id": "ink", "name": "Ink", "family": "write", "list_price": 5.0},
        {"product_id": "plan-1", "name": "Plan", "family": "plan", "tier": 1, "recurring": True},
        {"product_id": "plan-2", "name": "Plan Plus", "family": "plan", "tier": 2, "recurring": True},
        {"product_id": "extra", "name": "Extra", "family": "extra", "requires_product_id": "plan-1", "recurring": True},
        {"product_id": "lamp", "name": "Lamp", "family": "home", "active_to": date(2024, 6, 1)},
        {"product_id": "lamp-2", "name": "New lamp", "family": "home", "replaces_product_id": "lamp"},
    ]
).assign(margin_rate=0.5)
GOES_WITH = {"razor": "blades", "pen": "ink"}


def company(accounts: int = 200) -> Company:
    """Every account buys a razor or a pen once, then what goes with it, again and again; some hold plans."""
    rng = np.random.default_rng(6)
    lines, held = [], []
    for n in range(accounts):
        first = pd.Timestamp("2023-06-01") + pd.Timedelta(days=int(rng.integers(0, 430)))
        main = ("razor", "pen")[n % 2]
        lines.append((f"A{n:03}", main, first))
        at = first + pd.Timedelta(days=int(rng.exponential(60)))
        while at < pd.Timestamp(AS_OF):
            lines.append((f"A{n:03}", GOES_WITH[main], at))
            at += pd.Timedelta(days=5 + int(rng.exponential(50)))
        if n % 5 == 0:
            held.append((f"A{n:03}", "plan-1" if n % 10 else "plan-2", first))
        if n % 7 == 0 and first < pd.Timestamp("2024-05-01"):
            lines.append((f"A{n:03}", "lamp", first))
    orders = pd.DataFrame(lines, columns=["account_id", "product_id", "ordered_at"])
    orders = orders.assign(order_id=orders.index.astype(str), line_id="1", quantity=2.0, amount=20.0, status="placed")
    plans = pd.DataFrame(held, columns=["account_id", "product_id", "started_at"])
    plans = plans.assign(subscription_id=plans.index.astype(str), mrr=30.0)
    known = pd.DataFrame({"account_id": [f"A{n:03}" for n in range(accounts)], "segment": "all"})
    # one person orders for each account, but for the lamps
    people = known[["account_id"]].assign(contact_id=[f"C{n:03}" for n in range(accounts)])
    orders["contact_id"] = orders["account_id"].str.replace("A", "C").where(orders["product_id"] != "lamp")
    tables = {"accounts": known, "contacts": people, "products": PRODUCTS, "orders": orders, "subscriptions": plans}
    return company_of(tables, AS_OF)


def champion_of(challenger: Challenger, ships: str | None = None) -> Champion:
    return Champion(
        challenger.model,
        "1",
        ships or challenger.evaluation.ships,  # type: ignore[arg-type]
        challenger.estimator,
        json.loads(json.dumps(challenger.state, allow_nan=False)),
        challenger.features_hash,
        challenger.trained_as_of,
    )


@pytest.fixture(scope="module")
def shop() -> Company:
    return company()


@pytest.fixture(scope="module")
def challenger(shop: Company) -> Challenger:
    trained = Recommend().train(shop)
    assert isinstance(trained, Challenger)
    return trained


@pytest.fixture(scope="module")
def recommended(shop: Company, challenger: Challenger) -> pd.DataFrame:
    scored = Recommend().score(shop, champion_of(challenger))
    assert isinstance(scored, dict)
    return scored["recommendations"]


@pytest.fixture(scope="module")
def offers(recommended: pd.DataFrame) -> pd.DataFrame:
    return recommended[recommended["customer_kind"] == "account"]


def test_planted_affinities_beat_the_favorites_of_the_segment(challenger: Challenger) -> None:
    evaluation = challenger.evaluation
    assert evaluation.metrics["log loss"] < 0.7 * evaluation.metrics["baseline log loss"]
    assert evaluation.ships == "model"
    assert evaluation.value > evaluation.baseline_value + 0.1
    assert len(evaluation.losses) == evaluation.metrics["test accounts"]


def test_owners_of_razors_are_offered_blades_first_and_owners_of_pens_ink(offers: pd.DataFrame) -> None:
    first = offers[offers["position"] == 1].set_index("account_id")["product_id"]
    razors = first.index.str.removeprefix("A").astype(int) % 2 == 0
    assert (first[razors] == "blades").mean() > 0.95
    assert (first[~razors] == "ink").mean() > 0.95


def test_owned_lower_withdrawn_and_unsupported_products_are_never_offered(shop: Company, offers: pd.DataFrame) -> None:
    pairs = set(zip(offers["account_id"], offers["product_id"], strict=True))
    plans = shop.tables["subscriptions"].execute()
    has = dict(zip(plans["account_id"], plans["product_id"], strict=True))
    assert not pairs & set(has.items())
    for account, product in pairs:
        assert product != "lamp"
        assert not (product == "plan-1" and has.get(account) == "plan-2")
        assert product != "extra" or account in has
    assert offers["rank"].between(1, 10).all()
    assert offers.loc[offers["kind"] == "repeat", "rank"].max() <= 5
    assert not offers.duplicated(["account_id", "kind", "rank"]).any()


def test_reasons_name_the_nearest_product_and_exclusions_their_rule(offers: pd.DataFrame) -> None:
    one = offers[(offers["account_id"] == "A000") & (offers["position"] == 1)].iloc[0]
    assert 1 <= len(json.loads(one["reasons"])) <= 3
    sentences = " ".join(text for reasons in offers["reasons"] for text in json.loads(reasons))
    assert "accounts with Razor buy it" in sentences
    assert "usually every" in sentences
    nots = json.loads(one["exclusion_reasons"])
    assert len(nots) <= 5
    assert "Plan is a lower tier than Plan Plus, which is there already" in nots
    assert "Lamp is not sold any more" in nots
    assert offers.loc[offers["position"] > 1, "exclusion_reasons"].isna().all()


def test_repeat_and_new_products_are_ranked_separately(shop: Company, recommended: pd.DataFrame) -> None:
    orders, plans = (shop.tables[name].execute() for name in ("orders", "subscriptions"))
    had = {(row.account_id, row.product_id) for rows in (orders, plans) for row in rows.itertuples()}
    people = {(row.contact_id, row.product_id) for row in orders.dropna(subset=["contact_id"]).itertuples()}
    for row in recommended.itertuples():
        bought = (row.customer_id, row.product_id) in (had if row.customer_kind == "account" else people)
        assert row.kind == ("repeat" if bought else "explore")
    for _, mine in recommended.groupby(["customer_kind", "customer_id"]):
        assert mine["position"].tolist() == list(range(1, len(mine) + 1))
        for _, of_kind in mine.groupby("kind"):
            assert of_kind["rank"].tolist() == list(range(1, len(of_kind) + 1))
            assert of_kind["probability"].is_monotonic_decreasing
    # who has a plan never had the extra that needs it: however seldom it is bought, it is found
    extras = recommended[(recommended["product_id"] == "extra") & (recommended["customer_kind"] == "account")]
    assert set(extras["kind"]) <= {"explore"}


def test_contacts_are_offered_products_similar_to_their_own_purchases(recommended: pd.DataFrame) -> None:
    people = recommended[recommended["customer_kind"] == "contact"]
    first = people[people["position"] == 1].set_index("customer_id")["product_id"]
    razors = first.index.str.removeprefix("C").astype(int) % 2 == 0
    assert len(first) > 150
    assert (first[razors] == "blades").mean() > 0.95
    assert (first[~razors] == "ink").mean() > 0.95
    assert people["rank"].between(1, 3).all()


def test_a_customer_with_an_open_escalation_gets_no_offer_and_the_reason(challenger: Challenger) -> None:
    rows = {"account_id": ["A", "B"], "ordered_at": pd.Timestamp("2024-12-01"), "product_id": "pen"}
    orders = pd.DataFrame(rows).assign(order_id=["1", "2"], line_id="1", quantity=1.0, amount=1.0, status="placed")
    ticket = pd.DataFrame({"ticket_id": ["T"], "account_id": ["A"], "opened_at": [pd.Timestamp("2024-12-05")]})
    products = PRODUCTS.assign(in_stock=PRODUCTS["product_id"] != "pen")
    firm = company_of(
        {
            "accounts": pd.DataFrame({"account_id": ["A", "B"]}),
            "products": products,
            "orders": orders,
            "tickets": ticket.assign(escalated=True),
        },
        AS_OF,
    )
    scored = Recommend().score(firm, champion_of(challenger))
    assert isinstance(scored, dict)
    rows = scored["recommendations"].set_index("customer_id")
    assert sorted(rows.index) == ["A", "B"]
    for customer, why in (
        ("A", "nothing is offered while an escalated ticket is open, since 2024-12-05"),
        ("B", "Pen is out of stock"),
    ):
        mine = rows.loc[customer]
        assert pd.isna(mine.product_id)
        assert mine.abstained
        assert json.loads(mine.exclusion_reasons) == [why]


def test_expected_margin_is_probability_times_price_times_quantity_times_rate(offers: pd.DataFrame) -> None:
    blades = offers[offers["product_id"] == "blades"]
    assert blades["probability"].between(0, 1).all()
    assert blades["expected_margin"].to_numpy() == pytest.approx(
        blades["probability"].to_numpy() * 10.0 * 2.0 * 0.5, abs=0.006
    )
    assert offers.groupby("account_id")["probability"].is_monotonic_decreasing.all()


def test_the_baseline_recommends_the_segments_favorites(shop: Company, challenger: Challenger) -> None:
    scored = Recommend().score(shop, champion_of(challenger, "baseline"))
    assert isinstance(scored, dict)
    first = scored["recommendations"].query("position == 1")["product_id"]
    assert first.isin(["blades", "ink"]).all()
    assert first.nunique() == 1


def test_a_company_with_a_short_history_abstains_with_the_reason() -> None:
    rows = pd.DataFrame({"account_id": ["A"], "product_id": ["pen"], "ordered_at": [pd.Timestamp("2024-12-01")]})
    orders = rows.assign(order_id="1", line_id="1", amount=1.0, status="placed")
    young = company_of({"accounts": rows[["account_id"]], "products": PRODUCTS, "orders": orders}, AS_OF)
    trained = Recommend().train(young)
    assert isinstance(trained, Abstention)
    assert "history is too short" in trained.reason


def test_candidates_of_a_past_date_use_nothing_known_later(shop: Company) -> None:
    day = date(2024, 7, 1)
    orders, plans = (shop.tables[name].execute() for name in ("orders", "subscriptions"))
    cut = company_of(
        {
            "accounts": shop.tables["accounts"].execute(),
            "contacts": shop.tables["contacts"].execute(),
            "products": PRODUCTS,
            "orders": orders[orders["ordered_at"] < pd.Timestamp(day)].drop(columns="known_at"),
            "subscriptions": plans[plans["started_at"] < pd.Timestamp(day)].drop(columns="known_at"),
        },
        day,
    )
    for today, back_then in zip(company_candidates(shop, (day,)), company_candidates(cut, (day,)), strict=True):
        assert len(back_then.pairs) > 0
        pd.testing.assert_frame_equal(today.pairs, back_then.pairs)


@pytest.mark.parametrize(
    ("product", "has", "why"),
    [
        ("plan-1", [], None),
        ("plan-1", ["plan-1"], "Plan is there already, since 2024-02-03"),
        ("plan-1", ["plan-2"], "Plan is a lower tier than Plan Plus, which is there already"),
        ("plan-2", ["plan-1"], None),
        ("extra", [], "Extra needs Plan, which is not there"),
        ("extra", ["plan-1"], None),
        ("extra", ["plan-2"], None),  # the higher tier does what the lower one does
        ("lamp", [], "Lamp is not sold any more"),
        ("lamp-2", ["lamp"], None),
    ],
)
def test_each_exclusion_has_its_reason(product: str, has: list[str], why: str | None) -> None:
    products = PRODUCTS.assign(active_from=None)
    owned = products[products["product_id"].isin(has)][["product_id", "family", "tier"]]
    owned = owned.assign(account_id="A", since=pd.Timestamp("2024-02-03 10:00"), active=True)
    pair = pd.DataFrame({"account_id": ["A"], "product_id": [product]})
    reasons = exclusion_reasons(pair, owned, products, AS_OF).iloc[0]
    assert reasons == why if why else pd.isna(reasons)


def test_restrictions_are_named_before_ownership() -> None:
    products = PRODUCTS.assign(active_from=None, active_to=None)
    none = products[:0].assign(account_id="", since=pd.NaT, active=False)
    pairs = pd.DataFrame({"account_id": ["A", "A", "A", "B"], "product_id": ["pen", "ink", "razor", "ink"]})
    since = pd.Timestamp("2024-11-02 08:00")
    restrictions = Restrictions(
        pd.DataFrame({"account_id": ["A"], "product_id": ["ink"], "since": [since]}),
        pd.DataFrame({"account_id": ["B"], "since": [since]}),
        frozenset({"pen"}),
    )
    reasons = exclusion_reasons(pairs, none, products, AS_OF, restrictions)
    assert reasons[reasons.notna()].to_dict() == {
        0: "Pen is out of stock",
        1: "Ink is in an open deal already, since 2024-11-02",
        3: "nothing is offered while an escalated ticket is open, since 2024-11-02",
    }


def test_a_product_is_not_offered_once_its_successor_is_owned_nor_before_it_is_on_sale() -> None:
    products = PRODUCTS.assign(active_from=None, active_to=None)
    products.loc[products["product_id"] == "pen", "active_from"] = date(2025, 2, 1)
    owned = products[products["product_id"] == "lamp-2"][["product_id", "family", "tier"]]
    owned = owned.assign(account_id="A", since=pd.Timestamp("2024-02-03"), active=True)
    pairs = pd.DataFrame({"account_id": ["A", "A"], "product_id": ["lamp", "pen"]})
    assert exclusion_reasons(pairs, owned, products, AS_OF).tolist() == [
        "Lamp was replaced by New lamp, which is there already",
        "Pen is not sold yet",
    ]


SEATS = pd.DataFrame(
    [
        # two seats at 10 and a hundred at 10: the product costs ten a seat
        ("small", "plan-1", 2.0, 20.0, None),
        ("large", "plan-1", 100.0, 1000.0, None),
        # twenty a seat of the higher tier
        ("other", "plan-2", 50.0, 1000.0, None),
        ("gone", "plan-2", 10.0, 200.0, pd.Timestamp("2024-06-01")),
        ("dear", "plan-1", 1.0, 500.0, None),
        *((f"big-{n}", "extra", None, 400.0, None) for n in range(5)),
        ("tiny", "extra", None, 1.0, None),
    ],
    columns=["account_id", "product_id", "seats", "mrr", "ended_at"],
).assign(started_at=pd.Timestamp("2024-01-01"), subscription_id=lambda t: t.index.astype(str))


@pytest.mark.parametrize(
    ("account", "product", "a_month"),
    [
        ("small", "plan-2", 2 * 20.0 - 20.0),  # its own seats, less what the higher tier replaces
        ("large", "plan-2", 100 * 20.0 - 1000.0),
        ("dear", "plan-2", 0.0),  # pays more now than the higher tier would bring: never negative
        ("other", "plan-1", 50 * 10.0),
        ("gone", "plan-2", 600.0),  # no seats now: the median of all, since its segment knows too few
        ("small", "extra", 400.0),  # no price of a seat: the median of its segment
        ("other", "extra", 400.0),  # of all
    ],
)
def test_a_subscription_sells_for_the_seats_of_its_account_less_the_replaced_amount(
    account: str, product: str, a_month: float
) -> None:
    accounts = pd.DataFrame({"account_id": SEATS["account_id"].unique()})
    alike = accounts["account_id"].str.startswith("big") | accounts["account_id"].isin(["small"])
    segment = pd.Series("rest", index=accounts.index).mask(alike, "alike")
    known = {"accounts": accounts.assign(segment=segment), "products": PRODUCTS, "subscriptions": SEATS}
    firm = company_of(known, AS_OF)
    offer = pd.DataFrame({"account_id": [account], "product_id": [product]}, index=[7])
    sale = expected_sale_amounts(firm, offer, firm.tables["products"].execute(), 90)
    assert list(sale.index) == [7]
    assert sale.iloc[0] == pytest.approx(a_month * 90 / 30.4375)


def test_seat_prices_reflect_partial_uptake_and_one_off_products_sell_at_list_price() -> None:
    """Each account has its extra for half of its seats, at three a seat."""
    held = pd.DataFrame({"account_id": ["a", "a", "b", "b", "c"], "product_id": ["plan-1", "extra"] * 2 + ["plan-1"]})
    held = held.assign(seats=[10.0, 5.0, 20.0, 10.0, 40.0], mrr=[90.0, 15.0, 180.0, 30.0, 360.0])
    held = held.assign(started_at=pd.Timestamp("2024-01-01"), subscription_id=held.index.astype(str))
    orders = pd.DataFrame({"account_id": ["a"], "product_id": ["pen"], "ordered_at": [pd.Timestamp("2024-03-01")]})
    orders = orders.assign(order_id="1", line_id="1", quantity=3.0, amount=60.0, status="placed")
    accounts = pd.DataFrame({"account_id": ["a", "b", "c"]})
    offers = pd.DataFrame({"account_id": ["c", "c"], "product_id": ["extra", "pen"]})
    for subscriptions, extra in ((held, 40 / 2 * 3.0 * 90 / 30.4375), (held[:0], np.nan)):
        known = {"accounts": accounts, "products": PRODUCTS, "orders": orders, "subscriptions": subscriptions}
        firm = company_of(known, AS_OF)
        sale = expected_sale_amounts(firm, offers, firm.tables["products"].execute(), 90)
        assert sale.tolist() == pytest.approx([extra, 3 * 20.0], nan_ok=True)


def test_a_training_has_folds_with_intervals(challenger: Challenger) -> None:
    last = challenger.folds[-1]
    assert last.losses == challenger.evaluation.losses
    for fold in challenger.folds:
        assert fold.metrics["NDCG@5 low"] <= fold.metrics["NDCG@5"] <= fold.metrics["NDCG@5 high"]
    assert [fold.test_dates for fold in challenger.folds] == sorted(fold.test_dates for fold in challenger.folds)
