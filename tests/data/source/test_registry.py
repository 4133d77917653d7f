"""Every kind of source is found by its own address, and only by its own."""

import pytest

from data.source.registry import SOURCES
from data.source.source import SourceKind

ADDRESSES = ("var/crm", "/data/crm", "postgresql://me@host/crm", "postgres://host:5432/crm", "mysql://host/crm")


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.address_format)
def test_a_kind_accepts_some_address(kind: SourceKind) -> None:
    assert any(kind.accepts(address) for address in ADDRESSES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_of_at_most_one_kind(address: str) -> None:
    assert sum(kind.accepts(address) for kind in SOURCES) == (0 if address.startswith("mysql") else 1)
