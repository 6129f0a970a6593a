"""Drivers are served on loopback and stopped at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.salesforce.driver import EMPTY, SERVERS, Driver


@pytest.fixture(autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    while SERVERS:
        SERVERS.pop().stop()


@pytest.fixture
def org() -> Driver:
    """An org with the seeded world."""
    return Driver()


@pytest.fixture
def empty() -> Driver:
    """An org with nobody in it."""
    return Driver(world=EMPTY)
