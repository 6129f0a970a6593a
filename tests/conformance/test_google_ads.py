"""Google Ads against the tables of Google's own client."""

from __future__ import annotations

from connectors.google_ads import CONNECTOR
from connectors.google_ads.sandbox import sandbox
from hub.sdk.sandbox import SandboxOptions
from tests.conformance.descriptions import Descriptions, assert_conforms
from tests.conformance.exercise import Exercise, SteppedClock
from tests.conformance.google_check import GoogleTables


def test_exchanges_conform(descriptions: Descriptions) -> None:
    tables = GoogleTables(
        descriptions.read("google-ads", "v26-resources.json"),
        descriptions.read("google-ads", "v26-metrics.json"),
        descriptions.read("google-ads", "v26-enums.json"),
    )
    clock = SteppedClock()
    exercise = Exercise(CONNECTOR, sandbox(SandboxOptions(people=6_000, clock=clock)), clock)
    exercise.reads()
    assert CONNECTOR.sinks == (), "a sink that nobody exercises here"
    assert_conforms([v for exchange in exercise.exchanges for v in tables.check(exchange)], [])
    needed = {"query campaign", "query customer", "row campaign", "row metrics", "row segments", "field service"}
    assert needed <= tables.covered
