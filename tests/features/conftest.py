"""The company builder as a fixture: ``build(as_of=…, orders=[…])``."""

from collections.abc import Callable

import pytest

from features.company import Company
from tests.features.company_builder import build_company


@pytest.fixture(scope="session")
def build() -> Callable[..., Company]:
    """``build(as_of=…, orders=[{…}], …)``: a company from literal rows."""
    return build_company
