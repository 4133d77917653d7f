"""The simulation of the demo company: everything that happens, before it becomes tables of a CRM."""

from dataclasses import dataclass

from data.arrays import Ints
from data.demo.account_health import AccountHealth
from data.demo.adoption import Adoptions, simulate_adoption
from data.demo.calendar import History
from data.demo.campaigns import Campaigns, mailed_accounts, plan_campaigns
from data.demo.consents import Consents, draw_consents
from data.demo.deals import Deals, expansion_deals, merge_deals, new_business_deals, renewal_deals
from data.demo.health_simulation import simulate_health
from data.demo.population import Population, make_population
from data.demo.subscriptions import Contracts, simulate_contracts


@dataclass(frozen=True)
class Simulation:
    """The demo company as simulated, without planted leaks and defects."""

    history: History
    seed: int
    population: Population
    joined: Ints
    """The instant at which each account first became a customer; ``NEVER`` if it has not."""
    campaigns: Campaigns
    consents: Consents
    health: AccountHealth
    adoptions: Adoptions
    contracts: Contracts
    deals: Deals


def simulate(history: History, size: float, seed: int) -> Simulation:
    """The company over a history. Each step draws from a random stream of its own, made from the seed."""
    population = make_population(history, size, seed)
    new, joined = new_business_deals(population, history, seed)
    campaigns = plan_campaigns(population, history, seed)
    consents = draw_consents(population, history, seed)
    mailed = mailed_accounts(population, campaigns, consents.reachable(population), len(history.months))
    health = simulate_health(population, joined, mailed, history, seed)
    expansion = expansion_deals(population, health, history, seed)
    adoptions, expansion = simulate_adoption(population, health, expansion, history, seed)
    contracts, terms = simulate_contracts(population, health, adoptions, history, seed)
    renewal = renewal_deals(terms.account, terms.ends, terms.renewed, terms.mrr, terms.product, seed)
    deals = merge_deals([new, expansion, renewal], history.until)
    return Simulation(history, seed, population, joined, campaigns, consents, health, adoptions, contracts, deals)
