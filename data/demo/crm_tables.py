"""The tables of the demo company's CRM, with planted leaks and defects, and the truth that goes with them."""

from dataclasses import dataclass

import pandas as pd

from data.demo.campaigns import campaigns_table
from data.demo.catalogue import PRODUCT_IDS, products_table
from data.demo.consents import consents_table
from data.demo.costs import costs_table
from data.demo.data_defects import plant_defects
from data.demo.deal_history import deal_tables
from data.demo.invoices import invoices_table
from data.demo.leak_truth import HiddenState, leaks_table, true_leaks
from data.demo.leaks import (
    plant_discounts,
    plant_forgotten_deals,
    plant_outgrown_seats,
    plant_promotions,
    plant_unnoticed_downgrades,
    plant_untouched_leads,
)
from data.demo.misleading import note_misleading_rows
from data.demo.orders import orders_table
from data.demo.responses import responses_table
from data.demo.simulation import Simulation
from data.demo.subscriptions import subscriptions_table, usage_table
from data.demo.support import activities_table, tickets_table
from data.demo.touches import Touches, simulate_touches
from data.demo.truth import truth_tables

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class _LeakyTables:
    """The CRM before defects are planted."""

    tables: Tables
    touches: Touches
    hidden: HiddenState


def crm_and_truth(company: Simulation, until: pd.Timestamp) -> tuple[Tables, Tables]:
    """The tables of the contract as exported ``until`` an instant, and the tables of the truth, by name."""
    history, seed = company.history, company.seed
    leaky = _leaky_tables(company)
    tables = leaky.tables
    forms = plant_untouched_leads(company.population, tables, company.joined, history, seed)
    with_forms = {**tables, "touches": pd.concat([tables["touches"], forms], ignore_index=True)}
    leaks = true_leaks(with_forms, leaky.hidden, history)
    log = plant_defects(tables, until, seed)
    tables["touches"] = pd.concat([tables["touches"], forms.assign(known_at=forms["happened_at"])], ignore_index=True)
    note_misleading_rows(tables, leaky.touches.rows.iloc[leaky.touches.unmarked], history, log)
    defects = log.table()
    truth = truth_tables(company.population, company.health, company.deals, company.adoptions, history)
    return tables, {**truth, "trouble": defects, "leaks": leaks_table(leaks, tables, defects, history)}


def _leaky_tables(company: Simulation) -> _LeakyTables:
    """Every table of the contract, with the leaks that are planted row by row."""
    history, seed, population, health = company.history, company.seed, company.population, company.health
    forgotten = plant_forgotten_deals(population, company.deals, history, seed)
    opportunities, changes = deal_tables(population, forgotten, PRODUCT_IDS, history, seed)
    contracts, promotions, promoted = plant_promotions(company.contracts, history, seed)
    touches = simulate_touches(population, health, company.campaigns, company.consents, history, seed)
    regular_orders = orders_table(population, health, company.adoptions, history, seed)
    orders, discounts = plant_discounts(population, regular_orders, history, seed)
    invoices, payments = invoices_table(health, contracts, orders, history, seed)
    usage = usage_table(health, contracts, history, seed)
    tables = {
        "accounts": population.accounts,
        "contacts": population.contacts,
        "consents": pd.concat(
            [consents_table(company.consents), touches.withdrawals], ignore_index=True
        ).drop_duplicates(["contact_id", "recorded_at"], ignore_index=True),
        "products": products_table(history.days[0], history.days[-1]),
        "orders": orders,
        "subscriptions": subscriptions_table(health, contracts),
        "opportunities": opportunities,
        "opportunity_changes": changes,
        "campaigns": pd.concat([campaigns_table(company.campaigns, history, seed), promotions], ignore_index=True),
        "touches": touches.rows,
        "activities": activities_table(population, health, company.deals, history, seed),
        "tickets": tickets_table(population, health, history, seed),
        "usage": plant_outgrown_seats(usage, contracts, history, seed),
        "invoices": invoices,
        "costs": costs_table(population, history, seed),
        "owners": population.owners,
        "responses": responses_table(population, history, seed),
    }
    plant_unnoticed_downgrades(tables, contracts, history, seed)
    hidden = HiddenState(contracts, company.deals, forgotten, payments, discounts, promoted, company.joined)
    return _LeakyTables(tables, touches, hidden)
