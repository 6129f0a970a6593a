from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.mailchimp.driver import SERVERS


@pytest.fixture(autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    while SERVERS:
        SERVERS.pop().stop()
