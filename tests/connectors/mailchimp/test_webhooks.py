"""Mailchimp's webhooks: signed ones, and those that can only carry a secret in their address."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import md5
from urllib.parse import parse_qsl, urlencode

import pytest
from mailchimp_marketing.api_client import ApiClientError

from connectors.mailchimp import CONNECTOR
from connectors.mailchimp.sandbox import MailchimpSandbox
from connectors.mailchimp.webhooks import HOOK
from hub.domain.hint import Hint
from hub.sdk.hooks import HookRequest, Refusal
from hub.sdk.sandbox import SandboxOptions
from tests.connectors.letterbox import Letterbox, Post, letterbox
from tests.connectors.mailchimp.driver import EMPTY, Driver

NOW = datetime.now(UTC)
URL = "https://hub.example/webhooks/mail"
LIST = "57afe96172"
SETTINGS = CONNECTOR.settings.model_validate({"audience_id": LIST})
SECRET = "0123456789abcdef01234567"
SIGNING = "s1gning"
ALL = {"subscribe": True, "unsubscribe": True, "profile": True, "cleaned": True, "upemail": True, "campaign": True}


def form(**more: str) -> bytes:
    base = {"type": "profile", "fired_at": "2026-01-02 03:04:05", "data[list_id]": LIST, "data[email]": "Anna@X.com"}
    return urlencode({**base, **more}).encode()


def signature(body: bytes, stamp: str, secret: str = SIGNING) -> str:
    """As Mailchimp describes it, written down a second time."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def signed(body: bytes, header: str | None = None, age: float = 0) -> HookRequest:
    stamp = str(int(NOW.timestamp() - age))
    given = header if header is not None else f"t={stamp},v1={signature(body, stamp)}"
    return HookRequest("POST", URL, {"x-mailchimp-signature": given}, body, NOW)


def verify(asked: HookRequest, **secrets: str) -> Refusal | None:
    return HOOK.verify(SETTINGS, secrets, asked)


def test_a_signed_request_is_taken() -> None:
    assert verify(signed(form()), webhook_signing_secret=SIGNING) is None
    stamp = str(int(NOW.timestamp()))
    rotated = f"t={stamp}, v1={'0' * 64}, v1={signature(form(), stamp)}"
    assert verify(signed(form(), rotated), webhook_signing_secret=SIGNING) is None


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ("", Refusal.UNSIGNED),
        ("t=1,", Refusal.UNSIGNED),
        ("v1=00", Refusal.UNSIGNED),
        ("t=x,v1=00", Refusal.UNSIGNED),
        ("t=1,t=2,v1=00", Refusal.UNSIGNED),
        ("t=1,v1=00", Refusal.SIGNATURE),
        ("t=1,v1=" + ",v1=".join(["00"] * 1000), Refusal.SIGNATURE),
    ],
)
def test_a_bad_signature_is_refused(header: str, refusal: Refusal) -> None:
    assert verify(signed(form(), header), webhook_signing_secret=SIGNING) is refusal


@pytest.mark.parametrize(("age", "refusal"), [(299, None), (302, Refusal.OLD), (-299, None), (-302, Refusal.OLD)])
def test_a_signature_is_good_for_five_minutes(age: float, refusal: Refusal | None) -> None:
    assert verify(signed(form(), age=age), webhook_signing_secret=SIGNING) is refusal


def test_an_unsigned_webhook_carries_its_secret_in_the_address() -> None:
    def asked(query: str) -> HookRequest:
        return HookRequest("POST", f"{URL}{query}", {}, form(), NOW)

    assert verify(asked(f"?secret={SECRET}"), webhook_url_secret=SECRET) is None
    assert verify(asked(f"?secret={SECRET}x"), webhook_url_secret=SECRET) is Refusal.SIGNATURE
    for query in ("", "?secret=", "?Secret=" + SECRET, f"?secret=x&secret={SECRET}", f"?secret={SECRET}&secret=x"):
        assert verify(asked(query), webhook_url_secret=SECRET) is Refusal.UNSIGNED
    assert verify(asked(f"?secret={SECRET}")) is Refusal.UNSIGNED


def test_a_sender_who_names_a_host_that_is_none_is_refused_like_any_other() -> None:
    asked = HookRequest("POST", f"http://[/webhooks/mail?secret={'x' * 24}", {}, form(), NOW)
    assert verify(asked, webhook_url_secret=SECRET) is Refusal.SIGNATURE


def test_where_requests_are_signed_a_secret_in_the_address_is_not_enough() -> None:
    asked = HookRequest("POST", f"{URL}?secret={SECRET}", {}, form(), NOW)
    both = {"webhook_url_secret": SECRET, "webhook_signing_secret": SIGNING}
    assert verify(asked, **both) is Refusal.UNSIGNED


def hints(body: bytes) -> object:
    return HOOK.hints(SETTINGS, HookRequest("POST", URL, {}, body, NOW))


def test_a_member_is_named_by_the_hash_of_the_address_and_the_address_stays_out() -> None:
    anna = (Hint("members", md5(b"anna@x.com").hexdigest()),)
    for kind in ("subscribe", "unsubscribe", "profile", "cleaned"):
        assert hints(form(type=kind)) == anna
    moved = form(type="upemail", **{"data[new_email]": "ANNA@x.com", "data[old_email]": "old@x.com"})
    assert hints(moved) == anna
    assert hints(form(type="campaign", **{"data[id]": "42694e9e57"})) == (Hint("campaigns", "42694e9e57"),)
    assert hints(form(type="something else")) == ()
    assert hints(b"") == ()


def test_other_audiences_and_other_forms_are_refused() -> None:
    assert hints(form(**{"data[list_id]": "another"})) is Refusal.FOREIGN
    assert hints(b"type=profile&data[email]=a@x.com") is Refusal.UNREADABLE
    assert hints(form(**{"data[email]": ""})) is Refusal.UNREADABLE
    assert hints(b"\xff\xfe") is Refusal.UNREADABLE
    assert hints(b"&".join(b"a%d=1" % n for n in range(2_000))) is Refusal.UNREADABLE


# The sandbox


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterbox() as made:
        yield made


def told(post: Post) -> dict[str, str]:
    return dict(parse_qsl(post.body.decode(), keep_blank_values=True))


def test_the_official_client_makes_lists_and_drops_webhooks(box: Letterbox) -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    sources = {"user": True, "admin": True, "api": False}
    made = lists.create_list_webhook(driver.list_id, {"url": box.url + "/w", "events": ALL, "sources": sources})
    assert box.asked == 1
    assert made["signing_secret"]
    assert (made["events"], made["sources"]) == (ALL, sources)
    shown = lists.get_list_webhooks(driver.list_id)
    assert [w["id"] for w in shown["webhooks"]] == [made["id"]]
    assert "signing_secret" not in shown["webhooks"][0]
    changed = lists.update_list_webhook(driver.list_id, made["id"], {"events": {"profile": False}})
    assert changed["events"] == {**ALL, "profile": False}
    with pytest.raises(ApiClientError):
        lists.create_list_webhook(driver.list_id, {"url": box.url + "/w"})
    with pytest.raises(ApiClientError):
        lists.create_list_webhook(driver.list_id, {"url": "http://127.0.0.1:9/nobody"})
    lists.delete_list_webhook(driver.list_id, made["id"])
    assert lists.get_list_webhooks(driver.list_id)["total_items"] == 0


def test_the_sandbox_tells_what_people_do_signed(box: Letterbox) -> None:
    sandbox = MailchimpSandbox(SandboxOptions(people=5, webhooks=box.url + "/webhooks/mail"))
    courier, people = sandbox.webhooks.courier, sandbox.people
    secret = sandbox.connection().secrets["webhook_signing_secret"]
    settings = CONNECTOR.settings.model_validate(dict(sandbox.connection().settings))
    anna = people.create({"email_address": "anna@people.example", "merge_fields.FNAME": "Anna"})
    people.edit(anna, {"merge_fields.FNAME": "Ann"})
    people.edit(anna, {"email_address": "ann@people.example"})
    people.edit(anna, {"merge_fields.FNAME": "Ann"})
    people.opt_out(anna)
    people.archive(anna)
    people.delete(anna)
    assert courier.settle()
    forms = [told(post) for post in box.posts]
    assert [(f["type"], f.get("data[action]", "")) for f in forms] == [
        ("subscribe", ""),
        ("profile", ""),
        ("upemail", ""),
        ("unsubscribe", "unsub"),
        ("unsubscribe", "delete"),
        ("unsubscribe", "delete"),
    ]
    assert forms[1]["data[merges][FNAME]"] == "Ann"
    for post in box.posts:
        asked = HookRequest("POST", box.url + post.path, post.headers, post.body, datetime.now(UTC))
        assert HOOK.verify(settings, {"webhook_signing_secret": secret}, asked) is None
        stamp, _, given = post.headers["x-mailchimp-signature"].partition(",")
        assert given == f"v1={signature(post.body, stamp[2:], secret)}"
        assert HOOK.hints(settings, asked) != ()


def test_what_the_api_writes_is_not_told_where_it_was_not_asked_for(box: Letterbox) -> None:
    driver = Driver(world=EMPTY)
    courier = driver.sandbox.tell(box.url)
    driver.client().lists.add_list_member(
        driver.list_id, {"email_address": "api@people.example", "status": "subscribed"}
    )
    driver.sandbox.people.create({"email_address": "person@people.example"})
    assert courier.settle()
    assert [told(post)["data[email]"] for post in box.posts] == ["person@people.example"]
