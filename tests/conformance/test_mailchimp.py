"""Mailchimp against its own Swagger file."""

from __future__ import annotations

from connectors.mailchimp import CONNECTOR
from connectors.mailchimp.sandbox import sandbox
from hub.sdk.sandbox import SandboxOptions
from tests.conformance.descriptions import Allowance, Descriptions, Violation, assert_conforms
from tests.conformance.exercise import Exercise, SteppedClock
from tests.conformance.openapi import Description

FILE = "marketing-3.0.trimmed.json"
BATCH = r"POST /3\.0/lists/\{list_id\}"


def allowances() -> list[Allowance]:
    batch_member = r"response/(new|updated)_members/\d+"
    return [
        Allowance(
            "mailchimp",
            r"response/.*(timestamp_opt|timestamp_signup|send_time)",
            "Mailchimp shows an empty text where a moment never was",
            said="'' is not a 'date-time'",
        ),
        Allowance(
            "mailchimp",
            batch_member + "(/location)?",
            "the file's batch answer names fewer fields of a member than its own answer for one member does",
            BATCH,
            "Additional properties",
        ),
        Allowance(
            "mailchimp",
            "query/exclude_fields",
            "trims the answer; the file names it on reads only, and Mailchimp's guide for all calls",
            BATCH,
        ),
        Allowance(
            "mailchimp",
            r"request/members/\d+",
            "the file names status_if_new for single upserts only: if a batch does not heed it, a new member is "
            "refused for want of a status, and nobody is subscribed by it",
            BATCH,
            "'status_if_new' was unexpected",
        ),
    ]


def test_exchanges_conform(descriptions: Descriptions) -> None:
    described = Description("mailchimp", descriptions.read("mailchimp", FILE))
    clock = SteppedClock()
    exercise = Exercise(CONNECTOR, sandbox(SandboxOptions(people=150, clock=clock)), clock)
    exercise.reads()
    exercise.writes("members")
    violations: list[Violation] = []
    for exchange in exercise.exchanges:
        operation = described.find(exchange)
        if operation is not None:
            violations += described.check(operation, exchange)
        else:
            name = f"{exchange.method} {exchange.path}"
            violations.append(Violation("mailchimp", name, "path", "is not described"))
    used = {str(operation) for operation in map(described.find, exercise.exchanges) if operation is not None}
    assert len(used) >= 6, f"only {', '.join(sorted(used))} were exercised"
    assert_conforms(violations, allowances())
