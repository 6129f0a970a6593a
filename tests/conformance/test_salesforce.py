"""Salesforce against a table of its standard objects."""

from __future__ import annotations

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import sandbox
from hub.sdk.sandbox import SandboxOptions
from tests.conformance.descriptions import Allowance, Descriptions, assert_conforms
from tests.conformance.exercise import Exercise, SteppedClock
from tests.conformance.salesforce_check import StandardObjects


def allowances() -> list[Allowance]:
    return [
        Allowance(
            "salesforce",
            r".*/CurrencyIsoCode",
            "exists in orgs with several currencies, as the sandbox is; the table comes from one without",
        ),
        Allowance(
            "salesforce",
            r".*/(MobilePhone|Fax|HasOptedOutOfEmail|HasOptedOutOfFax|DoNotCall)",
            "standard fields of Lead in Salesforce's object reference; the org that the table comes from hid them",
            said=r"^Lead has no (such )?field",
        ),
        Allowance(
            "salesforce",
            r"query/q/Owner\.Email",
            "a lead's owner is a user or a queue, which the table calls Name without listing its fields",
            said="^Name is no standard object",
        ),
    ]


def test_exchanges_conform(descriptions: Descriptions) -> None:
    table = StandardObjects(descriptions.read("salesforce", "standard-objects.json"))
    clock = SteppedClock()
    exercise = Exercise(CONNECTOR, sandbox(SandboxOptions(people=150, clock=clock)), clock)
    exercise.reads()
    for name in CONNECTOR.sinks:
        exercise.writes(name)
    assert_conforms([v for exchange in exercise.exchanges for v in table.check(exchange)], allowances())
    for sobject in ("Contact", "Lead", "Campaign"):
        assert {f"{what} {sobject}" for what in ("query", "row", "write", "describe")} <= table.covered
