"""The number of a night: every node's forecast as the sum of parts that people know, by month and by week.

What contracts and open deals bring is told one by one, with the night's own chances where there are some. What comes
beside them is weighed between the outlook of the series and past rates (``features.revenue.forecast_formula``), market by market, and is
spread over the places of a market so that products and people come as near to their own outlook as they can. All is
kept in whole cents of small cells, so that every level, both grains and all parts add up exactly.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from data.outputs.score_tables import REVENUE_FORECAST, WIDTHS
from features.company import Company
from features.revenue.bookings import contracts, open_deals, orders_of, places_of_orders
from features.revenue.forecast_formula import beside, share_of_repeats
from models.deals.competing_risks import EDGES
from models.revenue.base_rates import Rates, contract_rows, deal_rows
from models.revenue.cash_flows import LEAST, MOST, Atoms, chances_by_rate, contract_atoms, deal_atoms, of_income
from models.revenue.period_grid import Pieces
from models.revenue.segments import YEAR_DAYS, Cells, Sites, summed
from models.revenue.top_down import MAIN

ROUNDS = 8
"""How often what comes beside is scaled to products, people and markets in turn; it settles within a few."""
UNKNOWN_REACH = {50: 0.5, 80: 1.0, 95: 2.0}
"""Half-widths of nodes that nothing is known of, over their point: all that they bring may be missed."""
YOUNG = "its pace so far: it began in the period under way"
UNSOLD = "its parts alone: nothing has been sold there yet"


@dataclass(frozen=True)
class Number:
    """``forecast``: as ``data.outputs.score_tables.REVENUE_FORECAST``. ``atoms``: one row per contract or deal and month:
    ``kind, key, leaf, month, earned, ahead, full`` and what is known of it. ``grounds``: one row per leaf and month:
    ``earned`` by orders, ``outlook, repeats, fresh, weight`` (``features.revenue.forecast_formula``), the ``point`` that is told, and how
    much of the month lies ahead: ``left`` by what its weekdays bring, ``days_left`` by days; ``cycle`` is the mean days
    to a win.
    """

    forecast: pd.DataFrame
    atoms: pd.DataFrame
    grounds: pd.DataFrame


def put_together(company: Company, frames: Mapping[str, pd.DataFrame]) -> Number:
    """The number, from ``revenue_outlook`` and ``revenue_rates`` and, where models told them, the chances of contracts
    (``subscription_churn``, ``expansion``) and deals (``win``, ``win_curves``)."""
    outlook = frames["revenue_outlook"]
    told = frames["revenue_rates"].iloc[0]
    state = json.loads(str(told["state"]))
    rates, weight = Rates.restored(state["rates"]), float(state["weight"])
    pieces = Pieces.of(company.as_of)
    held = contracts(company)
    atoms, earned_recurring = _atoms(company, held, frames, rates, pieces)
    since = min(pieces.first[0].astype(object), company.as_of - pd.Timedelta(days=YEAR_DAYS).to_pytimedelta())
    orders = orders_of(company, since)
    places = Sites.of(outlook, atoms.rows, held, places_of_orders(company))
    cells = Cells.of(places, atoms, earned_recurring, orders, pieces, company)
    return _told(cells, places, outlook, rates, weight, np.array(state["rhythm"]), str(told["label"]), pieces)


def _atoms(
    company: Company, held: pd.DataFrame, frames: Mapping[str, pd.DataFrame], rates: Rates, pieces: Pieces
) -> tuple[Atoms, Floats]:
    """The atoms of tonight, contracts that ended since the first piece among them, and what each has earned."""
    start, now = pd.Timestamp(pieces.first[0]), pd.Timestamp(company.as_of)
    mine = held[(held["started"] < now) & ~(held["ended"] <= start)].reset_index(drop=True)
    runs = ~(mine["ended"] < now).to_numpy()
    ends, grows = income_chances(mine, now, frames, rates)
    running = contract_atoms(contract_rows(mine).assign(ended=mine["ended"]), ends, grows, rates.uplift, pieces)
    for amounts in (running.recurring, running.expansion, running.full):
        amounts[~runs] = 0.0
    deals = rates.with_yields(open_deals(company, [company.as_of]))
    curves = rates.win_curves(deals)
    if "win_curves" in frames and len(deals):
        wide = frames["win_curves"].pivot(index="opportunity_id", columns="days", values="won")
        scored = wide.reindex(index=deals["opportunity_id"], columns=list(EDGES[1:])).to_numpy(dtype=np.float64)
        curves = np.where(np.isnan(scored), curves, scored)
        bring = deals["opportunity_id"].map(frames["win"].set_index("opportunity_id")["expected_amount"])
        kept = (bring.astype("float64") / deals["amount"]).where(deals["amount"] > 0).fillna(1.0)
        deals = deals.assign(once=deals["once"] * kept, monthly=deals["monthly"] * kept)
    pending = deal_atoms(deal_rows(deals), curves, pieces)
    past = np.where(pieces.ahead, 0.0, 1.0)
    first, last = pieces.first, pieces.first + pieces.days
    began, over = (mine[name].to_numpy().astype("datetime64[D]")[:, None] for name in ("started", "ended"))
    over = np.where(np.isnat(over), last[-1], over)
    days = (np.minimum(over, last[None, :]) - np.maximum(began, first[None, :])).astype(np.float64)
    share = np.clip(days, 0.0, None) / pieces.days * pieces.of_a_month * past
    earned = mine["mrr"].to_numpy(dtype=np.float64)[:, None] * share
    return Atoms.together(running, pending), np.vstack([earned, np.zeros((len(deals), len(past)))])


def income_chances(
    contracts: pd.DataFrame, now: pd.Timestamp, frames: Mapping[str, pd.DataFrame], rates: Rates
) -> tuple[Floats, Floats]:
    """Contracts (``subscription_id, term``) × ``KNOTS`` after the first: chances that what each brings ends, and that
    what stays grows; by the scores of the contracts, past rates where there are none."""
    leaves, expands = (_scored(contracts, frames.get(name)) for name in ("subscription_churn", "expansion"))
    of_staying = np.minimum(expands / np.maximum(1.0 - np.nan_to_num(leaves), LEAST), MOST)
    term = np.array((contracts["term"] - now).dt.days, dtype=np.float64)
    term[term < 0] = np.nan  # it went on past its term: as one that has none

    def chances(told: Floats, monthly: float) -> Floats:
        scored = of_income(told, monthly, rates.replaced, rates.replaced_at_term, term)
        return np.where(np.isnan(scored), chances_by_rate(monthly, len(contracts)), scored)

    return chances(leaves, rates.ends), chances(of_staying, rates.grows)


def _scored(contracts: pd.DataFrame, scored: pd.DataFrame | None) -> Floats:
    """Contracts × days that models tell: the scored chances; NaN where there are none."""
    names = ["within_30", "value", "within_180"]
    if scored is None:
        return np.full((len(contracts), len(names)), np.nan)
    told = scored.drop_duplicates("subscription_id").set_index("subscription_id")
    return np.asarray(told.reindex(contracts["subscription_id"])[names].to_numpy(dtype=np.float64))


@dataclass(frozen=True)
class _Series:
    """What the series foresee of nodes, by month and by week (NaN: nothing is known of the node)."""

    months: Floats
    weeks: Floats


def _series(outlook: pd.DataFrame, tree: str, nodes: tuple[str, ...], pieces: Pieces) -> _Series:
    mine = outlook[outlook["tree"] == tree]
    wide = {
        grain: mine[mine["grain"] == grain]
        .pivot(index="node", columns="period", values="point")
        .reindex(index=list(nodes), columns=periods)
        .to_numpy(dtype=np.float64)
        for grain, periods in (("month", pieces.months), ("week", pieces.weeks))
    }
    return _Series(wide["month"], wide["week"])


def _by_piece(series: _Series, cells: Cells, places: Sites, rhythm: Floats, pieces: Pieces) -> Floats:
    """Leaves × pieces ahead: the outlook, months and weeks made to agree: the mean of both where both are known.

    A leaf of which nothing is foreseen (it began in the month under way) goes on at the pace of that month.
    """
    weight = pieces.weekdays @ rhythm
    inside = pieces.month >= 0
    of_month = pieces.by_month(weight[None, :])[0]
    of_week = pieces.by_week(weight[None, :])[0]
    share_of_month = np.where(inside, weight / np.maximum(of_month[pieces.month], LEAST), 0.0)
    share_of_week = np.where(pieces.week >= 0, weight / np.maximum(of_week[pieces.week], LEAST), 0.0)
    left = pieces.by_month(np.where(pieces.ahead, share_of_month, 0.0)[None, :])[0]
    months, weeks = series.months.copy(), series.weeks
    earned = places.by_leaf(pieces.by_month(cells.orders + cells.recurring)[:, :1])[:, 0]
    strange = np.isnan(months).any(axis=1)
    pace = np.maximum(earned, 0.0) / max(1 - left[0], LEAST) if left[0] < 1 else np.zeros(len(earned))
    months[strange] = pace[strange, None]
    by_month = months[:, pieces.month] * share_of_month
    weekly = weeks[:, pieces.week] * share_of_week
    known = (pieces.week >= 0) & ~np.isnan(weekly)
    raw = np.where(pieces.ahead & inside, np.where(known, weekly, by_month), 0.0)
    whole_weeks = np.asarray(pieces.by_month(((pieces.week < 0) & pieces.ahead).astype(float)[None, :])[0] == 0)
    sums, rest = pieces.by_month(raw), months * left
    weekly_known = np.asarray(~np.isnan(weeks).any(axis=1))
    both = whole_weeks[None, :] & weekly_known[:, None]
    target = np.where(both, (sums + rest) / 2, rest)
    scale = np.divide(target, sums, out=np.zeros_like(target), where=sums > LEAST)
    many = np.asarray(sums > LEAST)[:, pieces.month]
    spread = np.where(many, raw * scale[:, pieces.month], by_month * pieces.ahead)
    told: Floats = np.where(inside & pieces.ahead, spread, 0.0)
    return told


def _told(
    cells: Cells,
    places: Sites,
    outlook: pd.DataFrame,
    rates: Rates,
    weight: float,
    rhythm: Floats,
    label: str,
    pieces: Pieces,
) -> Number:
    ahead = _by_piece(_series(outlook, MAIN, places.leaves, pieces), cells, places, rhythm, pieces)
    foreseen, by_atoms = pieces.by_month(ahead), places.by_leaf(pieces.by_month(cells.ahead))
    day_weight = pieces.weekdays @ rhythm
    left = pieces.by_month(np.where(pieces.ahead, day_weight, 0.0)[None, :])[0]
    left = left / np.maximum(pieces.by_month(day_weight[None, :])[0], LEAST)
    ordered, running = places.by_leaf(cells.year) / 12, places.by_leaf(cells.running)
    repeats = ordered[:, None] * np.array(rates.repeats)[None, :] * left
    fresh = (ordered + running)[:, None] * np.array(rates.fresh)[None, :] * left
    more = beside(foreseen, by_atoms, repeats, fresh, weight)
    spread = _spread(more, cells, places, outlook, left, pieces)
    profile = np.divide(ahead, foreseen[:, pieces.month], out=np.zeros_like(ahead), where=foreseen[:, pieces.month] > 0)
    evenly = np.where(pieces.ahead & (pieces.month >= 0), day_weight, 0.0)
    evenly = evenly / np.maximum(pieces.by_month(evenly[None, :])[0][pieces.month], LEAST)
    profile = np.where((foreseen > 0)[:, pieces.month], profile, evenly[None, :])
    profile = np.where(pieces.ahead & (pieces.month >= 0), profile, 0.0)
    extra = spread[:, pieces.month] * profile[places.leaf]
    again = share_of_repeats(repeats, fresh)[:, pieces.month][places.leaf]
    parts = {
        "recurring": cells.recurring + cells.parts["recurring"],
        "expansion": cells.parts["expansion"],
        "open_deals": cells.parts["open_deals"],
        "repeat_orders": cells.orders + extra * again,
        "new_deals": extra * (1 - again),
    }
    cents = {name: _cents(values) for name, values in parts.items()}
    forecast = _forecast(cents, cells, places, outlook, label, left, pieces)
    point = sum(places.by_leaf(pieces.by_month(values)) for values in cents.values()) / 100
    grounds = _long(
        pd.DataFrame({"leaf": places.leaves}),
        pieces.months,
        earned=places.by_leaf(pieces.by_month(cells.orders)),
        outlook=foreseen,
        repeats=repeats,
        fresh=fresh,
        point=np.round(point, 2),
        left=np.broadcast_to(left, foreseen.shape),
        days_left=np.broadcast_to(_days_left(pieces, pieces.by_month), foreseen.shape),
    ).assign(weight=weight, cycle=rates.cycle)
    return Number(forecast, _atoms_told(cells, places, pieces), grounds)


def _spread(more: Floats, cells: Cells, places: Sites, outlook: pd.DataFrame, left: Floats, pieces: Pieces) -> Floats:
    """Places × months: what comes beside in each market, over its places: first as orders of the year were, then scaled
    in turn to what products and people are foreseen to bring beyond their contracts and deals (iterative proportional
    fitting, Deming & Stephan 1940), last to the markets themselves, whose sums stand."""
    ordered, running = cells.year, cells.running
    basis = np.where((places.by_leaf(ordered) > 0)[places.leaf], ordered, running)
    basis = np.where((places.by_leaf(basis) > 0)[places.leaf], basis, 1.0)
    share = basis / np.maximum(places.by_leaf(basis)[places.leaf], LEAST)
    spread = share[:, None] * more[places.leaf]
    whole = more.sum(axis=0)
    by_month = pieces.by_month(cells.ahead)
    margins = []
    for tree, level in places.lowest.items():
        if tree == MAIN:
            continue
        code, names = pd.factorize(places.nodes[level], sort=True)
        foreseen = _series(outlook, tree, tuple(map(str, names)), pieces).months * left
        atoms = summed(by_month, code, len(names))
        wanted = np.maximum(np.nan_to_num(foreseen) - atoms, 0.0)
        sums = wanted.sum(axis=0)
        margins.append((code, len(names), wanted * np.divide(whole, sums, out=np.zeros_like(whole), where=sums > 0)))
    for _ in range(ROUNDS if margins else 0):
        for code, count, wanted in margins:
            now = summed(spread, code, count)
            scale = np.divide(wanted, now, out=np.ones_like(now), where=(now > LEAST) & (wanted > 0))
            spread = spread * scale[code]
        now = places.by_leaf(spread)
        spread = spread * np.divide(more, now, out=np.zeros_like(now), where=now > LEAST)[places.leaf]
    return spread


def _cents(values: Floats) -> Floats:
    """Whole cents of places × pieces, so that the sum over neighbouring places is off by a cent at most."""
    summed = np.round(np.cumsum(values, axis=0) * 100)
    cents: Floats = np.diff(summed, axis=0, prepend=0.0)
    return cents


def _forecast(
    cents: dict[str, Floats],
    cells: Cells,
    places: Sites,
    outlook: pd.DataFrame,
    label: str,
    left: Floats,
    pieces: Pieces,
) -> pd.DataFrame:
    """One row per node, grain and period."""
    earned = cells.orders + cells.recurring
    tables = []
    for grain, periods, by_period in (
        ("month", pieces.months, pieces.by_month),
        ("week", pieces.weeks, pieces.by_week),
    ):
        if not (outlook["grain"] == grain).any():
            continue
        known = outlook[outlook["grain"] == grain].set_index(["node", "period"])
        known = known[~known.index.duplicated()]  # the total of every hierarchy; the main one's comes first
        by_cell = {name: by_period(values) for name, values in cents.items()}
        floor_cells = by_period(earned)[:, 0]
        rest = _days_left(pieces, by_period)[0]
        for level, nodes in places.nodes.items():
            code, names = pd.factorize(nodes, sort=True)
            parts = {name: summed(values, code, len(names)) for name, values in by_cell.items()}
            point = np.sum(list(parts.values()), axis=0)
            floor = np.zeros_like(point)
            floor[:, 0] = np.minimum(summed(floor_cells, code, len(names)), point[:, 0] / 100)
            index = pd.MultiIndex.from_product([names, periods], names=["node", "period"])
            told = known.reindex(index)
            table = pd.DataFrame({"node": index.get_level_values(0), "period": index.get_level_values(1)})
            table = table.assign(level=level, grain=grain, point=np.round(point / 100, 2).ravel())
            table = table.assign(**{name: np.round(values / 100, 2).ravel() for name, values in parts.items()})
            for width in WIDTHS:
                reach = (told[f"high_{width}"] - told["point"]).to_numpy(dtype=np.float64).reshape(point.shape)
                reach = np.where(np.isnan(reach), UNKNOWN_REACH[width] * np.abs(point) / 100, reach)
                reach[:, 0] *= np.sqrt(rest)
                low = np.minimum(np.maximum(point / 100 - reach, floor), point / 100)
                table[f"low_{width}"], table[f"high_{width}"] = (
                    np.round(side, 2).ravel() for side in (low, point / 100 + reach)
                )
            began = np.repeat(np.where(floor[:, 0] > 0, YOUNG, UNSOLD), len(periods))
            maker = np.where(told["maker"].isna(), began, told["maker"])
            table["model"] = [f"{label} ({who})" for who in maker]
            table["notes"] = told["notes"].replace("", None).to_numpy()
            tables.append(table[_sold(parts) | told["maker"].notna().to_numpy()])
    every = pd.concat(tables, ignore_index=True)
    return every.assign(period=every["period"].dt.date).reindex(columns=list(REVENUE_FORECAST.by_name))


def _days_left(pieces: Pieces, by_period: Callable[[Floats], Floats]) -> Floats:
    """By month or week, the share of its days that lie ahead."""
    ahead, whole = (by_period((pieces.days * inside).astype(float)[None, :])[0] for inside in (pieces.ahead, 1))
    share: Floats = ahead / whole
    return share


def _sold(parts: dict[str, Floats]) -> NDArray[np.bool_]:
    """Rows (nodes × periods) of nodes that bring anything in any period."""
    alive = np.any([np.any(values != 0, axis=1) for values in parts.values()], axis=0)
    return np.repeat(np.asarray(alive, dtype=bool), next(iter(parts.values())).shape[1])


def _atoms_told(cells: Cells, places: Sites, pieces: Pieces) -> pd.DataFrame:
    """One row per atom and month in which it brings something, or has; what its kind does not have is missing."""
    rows = cells.atoms.rows.assign(leaf=np.array(places.leaves, dtype=object)[places.leaf[cells.place]])
    names = [
        "kind",
        "key",
        "account_id",
        "leaf",
        "mrr",
        "started",
        "term",
        "ended",
        "amount",
        "stage",
        "due",
        "created",
    ]
    days = {name: pd.to_datetime(rows[name]) for name in ("started", "term", "ended", "due", "created")}
    money = {name: rows[name].astype("float64") for name in ("mrr", "amount")}
    told = _long(
        rows.assign(**days, **money)[names],
        pieces.months,
        earned=pieces.by_month(cells.earned_by_atom),
        recurring=pieces.by_month(cells.atoms.recurring),
        expansion=pieces.by_month(cells.atoms.expansion),
        open_deals=pieces.by_month(cells.atoms.open_deals),
        full=pieces.by_month(cells.atoms.full),
    )
    told = told.assign(ahead=told["recurring"] + told["expansion"] + told["open_deals"])
    return told[(told["ahead"] != 0) | (told["earned"] != 0)].reset_index(drop=True)


def _long(rows: pd.DataFrame, months: pd.DatetimeIndex, **values: Floats) -> pd.DataFrame:
    """One row per row and month, with the values (rows × months) as columns."""
    told = rows.loc[np.repeat(rows.index.to_numpy(), len(months))].reset_index(drop=True)
    return told.assign(month=np.tile(months.to_numpy(), len(rows)), **{name: v.ravel() for name, v in values.items()})
