"""HubSpot against the type tables of HubSpot's own client."""

from __future__ import annotations

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from hub.sdk.http import Request, get, send_json
from hub.sdk.sandbox import SandboxConnection, SandboxOptions
from tests.conformance.descriptions import Allowance, Descriptions, Violation, assert_conforms
from tests.conformance.exercise import Exercise, SteppedClock
from tests.conformance.openapi import Description
from tests.conformance.recording import Exchange

FILES = ("crm-contacts.json", "crm-properties.json", "crm-owners.json", "oauth.json", "communication-preferences.json")
UNDESCRIBED = {
    "GET /account-info/v3/details": "the client has no tables of account information",
    "POST /communication-preferences/v4/statuses/batch/unsubscribe-all": "its tables end at v3",
    "POST /communication-preferences/v4/statuses/batch/write": "its tables end at v3",
}


def allowances() -> list[Allowance]:
    return [
        Allowance(
            "hubspot",
            r"response/results/\d+/properties/\w+",
            "a property without a value is null (CRM API guide); the tables do not know null",
            said="None is not of type 'string'",
        ),
        Allowance(
            "hubspot",
            r"request/sorts/\d+",
            "sorts are objects (search guide; the client's issue tracker): texts are ignored",
            where="POST /crm/v3/objects/contacts/search",
        ),
    ]


class OAuthSandbox(HubSpotSandbox):
    """Connects by OAuth, so that the token call is recorded too."""

    def connection(self) -> SandboxConnection:
        return self.oauth_connection()


def departures(found: list[Exchange], described: list[Description]) -> list[Violation]:
    violations: list[Violation] = []
    for exchange in found:
        matches = [(d, operation) for d in described if (operation := d.find(exchange)) is not None]
        name = f"{exchange.method} {exchange.path}"
        if not matches and name not in UNDESCRIBED:
            violations.append(Violation("hubspot", name, "path", "is not described"))
        for description, operation in matches:
            violations += description.check(operation, exchange)
    return violations


def test_exchanges_conform(descriptions: Descriptions) -> None:
    described = [Description("hubspot", descriptions.read("hubspot", file)) for file in FILES]
    violations: list[Violation] = []
    seen: set[str] = set()
    for kind, subscription in ((HubSpotSandbox, None), (OAuthSandbox, 1002)):
        clock = SteppedClock()
        exercise = Exercise(CONNECTOR, kind(SandboxOptions(people=150, clock=clock)), clock)
        exercise.settings = exercise.settings.model_copy(update={"subscription_id": subscription})
        exercise.reads()
        exercise.writes("contacts", unique=True)
        violations += departures(exercise.exchanges, described)
        seen |= {f"{e.method} {e.path} {e.status}" for e in exercise.exchanges}
    assert_conforms(violations, allowances())
    base = "/crm/v3/objects/contacts"
    for needed in (
        f"GET {base} 200",
        f"POST {base}/search 200",
        f"POST {base}/batch/read 207",
        f"POST {base}/batch/create 201",
        f"POST {base}/batch/create 207",
        f"POST {base}/batch/update 200",
        f"POST {base}/batch/archive 204",
        "GET /crm/v3/properties/contacts 200",
        "POST /oauth/v1/token 200",
        "POST /communication-preferences/v4/statuses/batch/unsubscribe-all 200",
        "POST /communication-preferences/v4/statuses/batch/write 200",
    ):
        assert needed in seen, f"{needed} was not exercised: the test would prove nothing about it"


def test_paths_that_are_listed_as_undescribed_are_so(descriptions: Descriptions) -> None:
    described = [Description("hubspot", descriptions.read("hubspot", file)) for file in FILES]
    for name in UNDESCRIBED:
        method, _, path = name.partition(" ")
        exchange = Exchange(method, path, (), "", b"", 200, b"")
        assert not any(d.find(exchange) for d in described), f"{name} is described now: check it"


def test_other_endpoints_of_the_sandbox_conform(descriptions: Descriptions) -> None:
    """What the connector does not use and people's own programs may."""
    described = [Description("hubspot", descriptions.read("hubspot", file)) for file in FILES]
    clock = SteppedClock()
    exercise = Exercise(CONNECTOR, HubSpotSandbox(SandboxOptions(people=30, clock=clock)), clock)
    one, two, three = exercise.sandbox.people.ids()[:3]
    base = "/crm/v3/objects/contacts"
    v3 = "/communication-preferences/v3"
    email = (exercise.sandbox.people.get(three) or {})["email"]
    for request in (
        get(f"{base}/{one}", {"properties": "email"}),
        send_json("POST", base, {"properties": {"email": "new@conformance.example"}}),
        send_json("PATCH", f"{base}/{one}", {"properties": {"city": "Bonn"}}),
        send_json("POST", f"{base}/merge", {"primaryObjectId": one, "objectIdToMerge": two}),
        send_json(
            "POST",
            f"{base}/batch/upsert",
            {"inputs": [{"id": "up@conformance.example", "idProperty": "email", "properties": {"city": "Bonn"}}]},
        ),
        Request("DELETE", f"{base}/{three}"),
        send_json("POST", f"{base}/gdpr-delete", {"objectId": "new@conformance.example", "idProperty": "email"}),
        get(f"{base}", {"archived": "true", "limit": "10"}),
        get("/crm/v3/owners/", {}),
        get("/crm/v3/properties/contacts/email"),
        get(f"{v3}/definitions"),
        get(f"{v3}/status/email/{email}"),
        send_json("POST", f"{v3}/unsubscribe", {"emailAddress": email, "subscriptionId": "1002"}),
    ):
        exercise.send(request)
    assert_conforms(departures(exercise.exchanges, described), [])
