"""Under heavy faults every answer is a page, a fault or a broken contract; nothing else, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from connectors.salesforce import CONNECTOR
from hub.domain.outcome import FaultKind
from hub.sdk.http import ContractBroken, Request, Response
from tests.connectors.salesforce.driver import EMPTY, READS, Driver


def answer(driver: Driver, request: Request, met: Counter[str]) -> Response | None:
    """A success, or None after a fault that is told in words."""
    try:
        token = driver.token or driver.log_in()
        response = driver.raw(CONNECTOR.auth(driver.settings, driver.kept).sign(request, token))
    except ContractBroken:
        met["contract"] += 1
        return None
    except httpx.HTTPError:
        met["lost"] += 1
        return None
    fault = CONNECTOR.classify(request, response)
    if fault is None:
        return response
    met[str(fault.kind)] += 1
    assert fault.message
    return None


def test_a_walk_comes_through() -> None:
    driver = Driver(world=EMPTY, faults="heavy")
    planted = driver.plant(3_000)
    driver.sandbox.api.queries.page_size = 10
    stream = CONNECTOR.stream("contacts", driver.settings, READS)
    position: dict[str, Any] | None = stream.start(None, driver.clock())
    met: Counter[str] = Counter()
    shown: list[str] = []
    told: list[str] = []
    tries = 0
    while position is not None:
        tries += 1
        assert tries < 1_000
        response = answer(driver, stream.request(position), met)
        if response is None:
            continue
        try:
            page = stream.page(position, response)
        except ContractBroken as broken:
            met["contract"] += 1
            told.append(str(broken))
            continue
        shown += [r.id for r in page.records]
        last, position = page, page.next
    assert last.complete
    assert shown == planted
    assert met[FaultKind.TRANSIENT]
    assert met["contract"]
    assert met["lost"]
    assert sum(met.values()) >= 10
    assert not any("bulk.example" in text for text in told), "a broken answer is described, not quoted"
