"""HubSpot's webhooks: HubSpot's own client is the judge of signatures, ours and the sandbox's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hubspot.utils.signature import Signature

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.hubspot.sandbox.gate import PORTAL
from connectors.hubspot.webhooks import HOOK, proof
from hub.domain.hint import Hint
from hub.sdk.hooks import HookRequest, Refusal
from hub.sdk.sandbox import SandboxOptions
from tests.connectors.letterbox import Letterbox, Post, letterbox

NOW = datetime.now(UTC)
STAMP = str(int(NOW.timestamp() * 1000))
URL = "https://hub.example/webhooks/crm"
SECRET = "c1ient-secret"
EVENT = {
    "eventId": 100,
    "subscriptionId": 1234,
    "portalId": 12345678,
    "appId": 98765,
    "occurredAt": 1711234567890,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 123,
    "propertyName": "lifecyclestage",
    "propertyValue": "customer",
    "changeSource": "CRM",
    "sourceId": "userId:1",
}


def request(
    body: object, *, signature: str | None = None, url: str = URL, account: str = "", **headers: str
) -> HookRequest:
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    official = Signature.get_signature(SECRET, text.decode(), "v3", url, "POST", STAMP)
    given = {"x-hubspot-signature-v3": signature or official, "x-hubspot-request-timestamp": STAMP, **headers}
    return HookRequest("POST", url, given, text, NOW, account)


def verify(asked: HookRequest, secret: str = SECRET) -> Refusal | None:
    return HOOK.verify(None, {"client_secret": secret}, asked)


def hints(*events: dict[str, Any], account: str = "") -> list[str]:
    found = HOOK.hints(None, request(list(events), account=account))
    assert not isinstance(found, Refusal)
    assert {h.stream for h in found} <= {"contacts"}
    return [h.remote_id for h in found]


@pytest.mark.parametrize("body", ["[]", '[{"a": "Zoë ☕"}]', ""])
def test_what_the_official_client_signs_is_taken_and_what_we_sign_it_takes(body: str) -> None:
    assert verify(request(body.encode())) is None
    stamp = str(int(datetime.now(UTC).timestamp() * 1000))  # by its own clock: it refuses what is older than 5 minutes
    ours = proof(SECRET, "POST", URL, body.encode(), stamp)
    assert Signature.is_valid(ours, SECRET, body, URL, "POST", "v3", stamp)


def test_a_wrong_signature_secret_method_address_or_body_is_refused() -> None:
    good = request([EVENT])
    headers = dict(good.headers)
    for other in (
        HookRequest("POST", URL, headers, good.body + b" ", NOW),
        HookRequest("PUT", URL, headers, good.body, NOW),
        HookRequest("POST", URL + "?x=1", headers, good.body, NOW),
        HookRequest("POST", URL.replace("https", "http"), headers, good.body, NOW),
        HookRequest("POST", URL, {**headers, "x-hubspot-request-timestamp": str(int(STAMP) + 1)}, good.body, NOW),
    ):
        assert verify(other) is Refusal.SIGNATURE
    assert verify(good, "another") is Refusal.SIGNATURE
    assert verify(good, "") is Refusal.UNSIGNED
    older = Signature.get_signature(SECRET, good.body.decode(), "v2", URL, "POST")
    assert verify(request([EVENT], signature=older)) is Refusal.SIGNATURE
    assert verify(HookRequest("POST", URL, {"x-hubspot-signature": older}, good.body, NOW)) is Refusal.UNSIGNED


@pytest.mark.parametrize(("age", "taken"), [(299, True), (301, False), (-299, True), (-301, False)])
def test_a_signature_is_good_for_five_minutes(age: float, taken: bool) -> None:
    stamp = str(int((NOW.timestamp() - age) * 1000))
    signature = Signature.get_signature(SECRET, "[]", "v3", URL, "POST", stamp)
    asked = request(b"[]", signature=signature, **{"x-hubspot-request-timestamp": stamp})
    assert verify(asked) is (None if taken else Refusal.OLD)


def test_addresses_are_signed_as_hubspot_writes_them() -> None:
    plain = "https://hub.example/webhooks/crm?to=a:b/c@d!&x=%20%26"
    encoded = "https://hub.example/webhooks/crm?to=a%3Ab%2Fc%40d%21&x=%20%26"
    assert proof(SECRET, "POST", encoded, b"", STAMP) == Signature.get_signature(SECRET, "", "v3", plain, "POST", STAMP)


def test_the_ids_of_contacts_come_out_and_nothing_else() -> None:
    assert hints(EVENT) == ["123"]
    for kind in ("creation", "deletion", "privacyDeletion", "restore", "associationChange"):
        assert hints({**EVENT, "subscriptionType": f"contact.{kind}"}) == ["123"]
    merge = {"subscriptionType": "contact.merge", "primaryObjectId": 5, "mergedObjectIds": [6, 7], "newObjectId": 8}
    assert hints(merge) == ["5", "6", "7", "8"]
    assert hints({**EVENT, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}) == ["123"]
    for other in ("company.creation", "deal.propertyChange", "object.creation", "contactless.creation", ""):
        assert hints({**EVENT, "subscriptionType": other}) == []
    for strange in (None, True, "12; DROP", -1, 1.5, "٣", {"id": 1}, "1" * 40):
        assert hints({**EVENT, "objectId": strange}) == []


def test_events_of_other_accounts_with_the_same_app_are_passed_over() -> None:
    assert hints(EVENT, {**EVENT, "portalId": 9, "objectId": 9}, account="12345678") == ["123"]
    assert hints({**EVENT, "portalId": 9, "objectId": 9}) == ["9"]  # whose account this is was never asked


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'"x"', b"\xff", b"[{}"])
def test_what_hubspot_does_not_send_is_unreadable(body: bytes) -> None:
    asked = HookRequest("POST", URL, {}, body, NOW)
    assert HOOK.hints(None, asked) is Refusal.UNREADABLE


def test_connections_of_both_kinds_may_have_the_apps_secret() -> None:
    names = {
        auth: {
            s.name: s.required
            for s in CONNECTOR.all_secrets(CONNECTOR.settings.model_validate({"auth": auth, "client_id": "c"}))
        }
        for auth in ("private_app", "oauth")
    }
    assert names["private_app"]["client_secret"] is False
    assert names["oauth"]["client_secret"] is True


# The sandbox


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterbox() as made:
        yield made


def judged(post: Post, box: Letterbox, secret: str) -> list[dict[str, Any]]:
    """The events of a request, once HubSpot's own client has agreed that it comes from HubSpot."""
    assert Signature.is_valid(
        post.headers["x-hubspot-signature-v3"],
        secret,
        post.body.decode(),
        box.url + post.path,
        "POST",
        "v3",
        post.headers["x-hubspot-request-timestamp"],
    )
    events: list[dict[str, Any]] = orjson.loads(post.body)
    return events


def test_the_sandbox_tells_what_people_do_and_the_official_client_believes_it(box: Letterbox) -> None:
    sandbox = HubSpotSandbox(SandboxOptions(people=5, webhooks=box.url + "/webhooks/crm"))
    courier, people = sandbox.courier, sandbox.people
    assert courier is not None
    secret = sandbox.connection().secrets["client_secret"]
    anna = people.create({"email": "anna@people.example", "firstname": "Anna"})
    people.edit(anna, {"firstname": "Ann", "email": "anna@people.example"})
    people.opt_out(anna)
    other = people.create({"email": "other@people.example"})
    merged = people.merge(anna, other)
    people.delete(merged)
    assert courier.settle()
    events = [event for post in box.posts for event in judged(post, box, secret)]
    said = [(e["subscriptionType"], str(e["objectId"]), e.get("propertyName", "")) for e in events]
    assert said == [
        ("contact.creation", anna, ""),
        ("contact.propertyChange", anna, "email"),
        ("contact.propertyChange", anna, "firstname"),
        ("contact.propertyChange", anna, "firstname"),
        ("contact.propertyChange", anna, "hs_email_optout"),
        ("contact.creation", other, ""),
        ("contact.propertyChange", other, "email"),
        ("contact.merge", anna, ""),
        ("contact.deletion", merged, ""),
    ]
    assert {e["portalId"] for e in events} == {PORTAL}
    assert {e["changeSource"] for e in events} == {"CRM_UI"}
    found = HOOK.hints(None, HookRequest("POST", URL, {}, orjson.dumps(events), NOW, str(PORTAL)))
    assert found == tuple(Hint("contacts", i) for i in sorted({anna, other, merged}))


def test_many_events_travel_together_and_again_until_they_are_taken(box: Letterbox) -> None:
    sandbox = HubSpotSandbox(SandboxOptions(people=0))
    box.statuses = [500, 503, 401]
    courier = sandbox.tell(box.url + "/webhooks/crm")
    made = [sandbox.people.create({"email": f"p{n}@people.example"}) for n in range(150)]
    assert courier.settle()
    assert courier.given_up == 0
    secret = sandbox.connection().secrets["client_secret"]
    bodies = [judged(post, box, secret) for post in box.posts]
    assert max(map(len, bodies)) <= 100
    assert len(bodies) <= 12
    assert [b[0]["attemptNumber"] for b in bodies[:4]] == [0, 1, 2, 3]
    assert len({p.headers["x-hubspot-request-timestamp"] for p in box.posts[:4]}) == 4  # each attempt signed anew
    taken = {str(e["objectId"]) for body in bodies[3:] for e in body}
    assert taken == set(made)
