"""What the demo company sells, and which kinds of customers want what.

Software is subscribed to: one platform in three tiers, and add-ons that need it. Everything else is ordered.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats

NEEDS = ("logistics", "retail", "industry", "office", "care")
"""The kinds of customers, which nobody sees: an industry makes one likely."""


@dataclass(frozen=True)
class Product:
    """One product. ``wants`` is the log affinity of each need; ``weight`` how often it is ordered again."""

    product_id: str
    name: str
    family: str
    price: float
    margin: float
    affinities: tuple[float, float, float, float, float]
    tier: int | None = None
    recurring: bool = False
    weight: float = 0.0
    requires: str | None = None
    replaces: str | None = None
    launched: float = -0.5
    """Share of the history at which it is first sold."""
    withdrawn: float | None = None
    in_stock: bool = True


PRODUCTS: tuple[Product, ...] = (
    Product("PLATFORM-1", "Platform Start", "platform", 9.0, 0.78, (0, 0, 0, 0, 0), 1, True),
    Product("PLATFORM-2", "Platform Plus", "platform", 16.0, 0.80, (0, 0, 0, 0, 0), 2, True),
    Product("PLATFORM-3", "Platform Pro", "platform", 27.0, 0.82, (0, 0, 0, 0, 0), 3, True),
    Product("ANALYTICS-1", "Analytics", "analytics", 4.0, 0.84, (0.2, 0.8, 0.6, 0.4, -0.4), 1, True, 0, "PLATFORM-1"),
    Product(
        "ANALYTICS-2", "Analytics Pro", "analytics", 8.0, 0.85, (-0.6, 0.5, 0.8, -0.2, -1), 2, True, 0, "PLATFORM-1"
    ),
    Product("ROUTES", "Route planning", "add-on", 5.0, 0.80, (1.8, 0.2, 0.0, -2.0, -0.4), None, True, 0, "PLATFORM-1"),
    Product("LOYALTY", "Loyalty", "add-on", 4.5, 0.80, (-1.5, 1.9, -1.5, -0.6, -0.8), None, True, 0, "PLATFORM-1"),
    Product("SECURITY", "Security pack", "add-on", 3.0, 0.83, (-0.2, -0.2, 0.7, 0.8, 1.2), None, True, 0, "PLATFORM-1"),
    Product(
        "ARCHIVE",
        "Archive",
        "add-on",
        2.5,
        0.85,
        (-0.8, -0.6, 0.0, 1.0, 1.4),
        None,
        True,
        0,
        "PLATFORM-1",
        launched=0.4,
    ),
    Product("CARE", "Care plan", "add-on", 2.0, 0.65, (0.2, 0.2, 0.3, 0.2, 0.8), None, True, 0, "PLATFORM-1"),
    Product("SCANNER-1", "Hand scanner", "scanner", 240.0, 0.32, (1.6, 1.2, 0.6, -1.4, 0.2), 1, weight=0.25),
    Product("SCANNER-2", "Rugged scanner", "scanner", 520.0, 0.35, (1.3, 0.2, 1.2, -2.0, -0.6), 2, weight=0.2),
    Product("SCANNER-3", "Long-range scanner", "scanner", 980.0, 0.38, (0.9, -0.8, 0.9, -2.5, -1.5), 3, weight=0.12),
    Product("PRINTER-1", "Label printer", "printer", 330.0, 0.30, (1.0, 1.0, 0.5, 0.2, 0.4), 1, weight=0.15),
    Product("PRINTER-2", "Industrial printer", "printer", 1450.0, 0.34, (0.4, -0.4, 1.2, -1.6, -0.8), 2, weight=0.1),
    Product("TABLET-OLD", "Tablet", "tablet", 390.0, 0.22, (0.4, 0.9, 0.0, 0.6, 0.9), None, weight=0.2, withdrawn=0.55),
    Product(
        "TABLET",
        "Tablet (2nd generation)",
        "tablet",
        430.0,
        0.25,
        (0.4, 0.9, 0.0, 0.6, 0.9),
        None,
        False,
        0.2,
        replaces="TABLET-OLD",
        launched=0.5,
    ),
    Product("TERMINAL", "Payment terminal", "terminal", 290.0, 0.28, (-1.6, 1.9, -2.0, -0.6, 0.3), None, weight=0.15),
    Product(
        "KIOSK",
        "Self-service kiosk",
        "terminal",
        2900.0,
        0.33,
        (-2.0, 0.8, -2.0, -1.0, 0.6),
        None,
        weight=0.08,
        launched=0.3,
    ),
    Product(
        "LABELS-S",
        "Labels, small",
        "labels",
        28.0,
        0.46,
        (1.2, 1.3, 0.5, 0.0, 0.7),
        None,
        weight=3.0,
    ),
    Product("LABELS-L", "Labels, large", "labels", 44.0, 0.45, (1.6, 0.4, 0.9, -0.6, -0.2), None, weight=2.6),
    Product("RIBBON", "Ribbon", "ribbons", 19.0, 0.50, (1.0, 0.5, 0.9, -0.2, 0.1), None, weight=2.6),
    Product("RIBBON-HD", "Ribbon, resistant", "ribbons", 36.0, 0.52, (0.3, -0.8, 1.4, -1.2, 0.4), None, weight=2.0),
    Product("PAPER", "Receipt rolls", "paper", 22.0, 0.38, (-1.0, 1.7, -1.0, 0.4, 0.4), None, weight=3.0),
    Product("PAPER-A4", "Office paper", "paper", 31.0, 0.20, (0.0, 0.0, 0.1, 1.8, 1.0), None, weight=3.0),
    Product("TONER", "Toner", "paper", 74.0, 0.35, (-0.2, -0.2, 0.2, 1.6, 0.9), None, weight=1.8),
    Product("WRISTBAND", "Patient wristbands", "labels", 58.0, 0.48, (-3.0, -3.0, -3.0, -2.0, 2.4), None, weight=2.4),
    Product("BATTERY", "Spare battery", "spares", 49.0, 0.44, (0.9, 0.4, 0.7, -0.8, 0.4), None, weight=1.2),
    Product(
        "CRADLE",
        "Charging cradle",
        "spares",
        85.0,
        0.40,
        (0.7, 0.3, 0.6, -0.9, 0.3),
        None,
        weight=0.6,
        in_stock=False,
    ),
    Product("CASE", "Protective case", "spares", 35.0, 0.50, (0.5, 0.4, 0.4, 0.4, 0.5), None, weight=0.8),
    Product("SETUP", "Set-up", "services", 650.0, 0.40, (0.2, 0.2, 0.3, 0.3, 0.3), None, weight=0.1),
    Product("TRAINING", "Training day", "services", 900.0, 0.45, (0.1, 0.1, 0.3, 0.4, 0.5), None, weight=0.25),
    Product("CONSULTING", "Consulting day", "services", 1200.0, 0.42, (0.2, 0.2, 0.7, 0.4, 0.0), None, weight=0.3),
    Product("INSPECTION", "Yearly inspection", "services", 480.0, 0.48, (0.5, 0.1, 1.0, -0.5, 0.8), None, weight=0.3),
    Product("FAX-KIT", "Fax adapter", "spares", 99.0, 0.30, (-9, -9, -9, -9, -9), None, withdrawn=0.0),
)

PLATFORM = 3
"""The first this many products are the platform's tiers; they are had by subscription from the first day."""
PRODUCT_IDS: tuple[str, ...] = tuple(p.product_id for p in PRODUCTS)
RECURRING: Bools = np.array([p.recurring for p in PRODUCTS])
PRICES: Floats = np.array([p.price for p in PRODUCTS])
MARGINS: Floats = np.array([p.margin for p in PRODUCTS])
REORDER_WEIGHTS: Floats = np.array([p.weight for p in PRODUCTS])
AFFINITIES: Floats = np.array([p.affinities for p in PRODUCTS]).T
LADDERS: tuple[tuple[int, ...], ...] = tuple(
    tuple(i for i, p in enumerate(PRODUCTS) if p.family == family and p.tier is not None)
    for family in ("analytics", "scanner", "printer")
)
"""Products of one family whose tiers are climbed, lowest first."""


def sold_from(first: date, last: date) -> list[date]:
    """The day each product is first sold, for a history from ``first`` to ``last``."""
    return [first + timedelta(days=round((last - first).days * p.launched)) for p in PRODUCTS]


def sold_until(first: date, last: date) -> list[date | None]:
    """The last day each product is sold, ``None`` where it still is."""
    length = (last - first).days
    return [None if p.withdrawn is None else first + timedelta(days=round(length * p.withdrawn)) for p in PRODUCTS]


def products_table(first: date, last: date) -> pd.DataFrame:
    """One row per product, as the contract has it."""
    return pd.DataFrame(
        {
            "product_id": PRODUCT_IDS,
            "name": [p.name for p in PRODUCTS],
            "family": [p.family for p in PRODUCTS],
            "tier": pd.array([p.tier for p in PRODUCTS], dtype="Int64"),
            "list_price": PRICES,
            "margin_rate": MARGINS,
            "recurring": RECURRING,
            "replaces_product_id": [p.replaces for p in PRODUCTS],
            "requires_product_id": [p.requires for p in PRODUCTS],
            "active_from": sold_from(first, last),
            "active_to": sold_until(first, last),
            "in_stock": [p.in_stock for p in PRODUCTS],
        }
    )
