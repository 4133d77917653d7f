"""Days are counted as they were first known, so that every night sees the same counts."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from reports.monitoring.daily_volumes import DailyVolume, daily_volumes
from tests.features.company_builder import build_company


def volume(name: str, as_of: date = date(2024, 7, 1), **tables: Any) -> DailyVolume | None:
    found = {daily.metric.name: daily for daily in daily_volumes(build_company(as_of, **tables))}
    return found.get(name)


def by_day(daily: DailyVolume | None) -> dict[str, float]:
    assert daily is not None
    return {f"{day:%m-%d}": count for day, count in zip(daily.days, daily.observed, strict=True)}


def order(key: str, at: str, line: str = "1", **more: Any) -> dict[str, Any]:
    return {"order_id": key, "line_id": line, "account_id": "A", "product_id": "P", "amount": 10, "ordered_at": at,
            "status": "placed", **more}  # fmt: skip


def test_orders_are_counted_once_by_the_companys_days_and_days_without_any_are_zero() -> None:
    orders = [
        order("1", "2024-06-26 10:00"),
        order("1", "2024-06-26 10:00", "2"),
        order("2", "2024-06-26 21:30"),  # the 27th in Istanbul
        order("3", "2024-06-29 09:00", status="cancelled"),
        order("1", "2024-06-29 09:00", "1R", status="returned", amount=-10),
    ]
    assert by_day(volume("orders", orders=orders)) == {"06-26": 1, "06-27": 1, "06-28": 0, "06-29": 1, "06-30": 0}
    assert by_day(volume("returns", orders=orders)) == {"06-29": 1, "06-30": 0}


def test_facts_known_late_are_not_counted_on_their_day() -> None:
    orders = [order(str(n), f"2024-06-{1 + n:02} 10:00") for n in range(29)]
    late = order("late", "2024-06-20 10:00", known_at="2024-06-23 10:00")
    assert by_day(volume("orders", orders=[*orders, late]))["06-20"] == 1


def test_days_of_a_late_source_are_complete_after_its_delay() -> None:
    orders = [order(str(n), f"2024-06-{1 + n:02} 10:00", known_at=f"2024-06-{3 + n:02} 10:00") for n in range(27)]
    daily = volume("orders", orders=orders)
    assert daily is not None
    assert (daily.delay_days, daily.days[-1].date()) == (2, date(2024, 6, 28))
    assert by_day(daily)["06-27"] == 1


def test_a_past_night_saw_the_same_volumes() -> None:
    rng = np.random.default_rng(5)
    instants = [datetime(2024, 1, 1) + timedelta(hours=int(hour)) for hour in np.sort(rng.integers(0, 180 * 24, 900))]
    orders = [
        order(str(n), str(at), known_at=str(at + timedelta(hours=int(rng.integers(0, 5)) * 7 if n % 20 == 0 else 0)))
        for n, at in enumerate(instants)
    ]
    tickets = [
        {"ticket_id": str(n), "account_id": "A", "opened_at": str(at), "closed_at": str(at + timedelta(days=2)),
         "satisfaction": 1 + n % 5}
        for n, at in enumerate(instants[::3])
    ]  # fmt: skip
    now = {d.metric.name: d for d in daily_volumes(build_company(date(2024, 6, 20), orders=orders, tickets=tickets))}
    then = {d.metric.name: d for d in daily_volumes(build_company(date(2024, 5, 6), orders=orders, tickets=tickets))}
    assert set(now) == set(then) >= {"orders", "order_size", "tickets", "satisfaction"}
    for name, daily in then.items():
        shared = len(daily.days)
        assert daily.days[-1].date() == date(2024, 5, 5)
        np.testing.assert_allclose(daily.observed, now[name].observed[:shared], err_msg=name)
        np.testing.assert_allclose(daily.exposure, now[name].exposure[:shared], err_msg=name)


def use(account: str, day: date, users: float) -> dict[str, Any]:
    return {"account_id": account, "product_id": "P", "day": str(day), "active_users": users, "events": 10 * users,
            "known_at": f"{day} 20:59:59"}  # fmt: skip


def test_usage_is_compared_with_the_typical_usage_of_the_same_accounts() -> None:
    days = [date(2024, 6, 1) + timedelta(days=n) for n in range(30)]
    usual = [use(account, day, users) for account, users in (("small", 2), ("large", 200)) for day in days[:-1]]
    last = [use("small", days[-1], 1), use("large", days[-1], 100), use("new", days[-1], 500)]
    daily = volume("usage", usage=[*usual, *last])
    assert daily is not None
    share = daily.observed / np.where(daily.exposure > 0, daily.exposure, np.nan)
    assert share[-2] == 1.0
    assert share[-1] == 0.5, "half as much of both, and the new account has no usual"


def test_public_holidays_of_the_companys_country_are_marked() -> None:
    orders = [order(str(n), str(datetime(2024, 4, 1, 10) + timedelta(days=n))) for n in range(40)]
    daily = volume("orders", date(2024, 5, 20), orders=orders)
    assert daily is not None
    quiet = {f"{day:%m-%d}" for day in daily.days[daily.holiday]}
    assert {"04-10", "04-11", "04-12", "04-23", "05-01", "05-19"} == quiet  # the feast of Ramadan, and fixed days


def test_a_company_without_facts_has_no_volumes() -> None:
    assert daily_volumes(build_company()) == []
