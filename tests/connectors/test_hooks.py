"""What every hook owes, whoever its vendor is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from hub.domain.hint import ANYTHING, Hint
from hub.sdk.hooks import HINTS_MAX, SECRET_LEAST, Hook, HookRequest, Refusal, bounded, is_id
from hub.sdk.relay import RELAY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOOKS = {"relay": RELAY} | {n: h for n in connectors.names() if (h := connectors.load(n).hook) is not None}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "mailchimp": {"audience_id": "57afe96172"},
    "salesforce": {"client_id": "c"},
}
HEADERS = (
    "x-hub-timestamp",
    "x-hub-signature-256",
    "x-hubspot-signature-v3",
    "x-hubspot-request-timestamp",
    "x-mailchimp-signature",
    "x-hub-webhook-secret",
)


def settings_of(name: str) -> Any:
    return None if name == "relay" else connectors.load(name).settings.model_validate(dict(SETTINGS.get(name, {})))


def request(
    body: bytes = b"", headers: Mapping[str, str] | None = None, url: str = "https://h/webhooks/x"
) -> HookRequest:
    return HookRequest("POST", url, headers or {}, body, NOON, "00D000000000001AAA")


@pytest.mark.parametrize("name", HOOKS)
def test_without_proof_and_without_a_secret_nothing_is_taken(name: str) -> None:
    hook = HOOKS[name]
    secrets = {s.name: "s" * 40 for s in hook.secrets}
    for given_secrets in (secrets, {}, dict.fromkeys(secrets, "")):
        for headers in ({}, dict.fromkeys(HEADERS, ""), dict.fromkeys(HEADERS, "0"), dict.fromkeys(HEADERS, "sha256=")):
            for url in ("https://h/webhooks/x", "https://h/webhooks/x?secret=", "https://h/webhooks/x?secret=%00"):
                refusal = hook.verify(settings_of(name), given_secrets, request(headers=headers, url=url))
                assert refusal in (Refusal.UNSIGNED, Refusal.SIGNATURE)


@pytest.mark.parametrize("name", HOOKS)
def test_it_says_what_opens_it_and_what_to_tell_the_vendor(name: str) -> None:
    hook = HOOKS[name]
    assert hook.setup
    assert hook.secrets
    assert all(not secret.required for secret in hook.secrets)
    assert not hook.ready({})
    assert not hook.ready({s.name: "" for s in hook.secrets})
    assert all(hook.ready({s.name: "x"}) for s in hook.secrets)
    assert 200 <= hook.answer.status < 300


def test_secrets_that_an_operator_thinks_up_have_a_least_length() -> None:
    ours = {s.name: s.least for hook in HOOKS.values() for s in hook.secrets if s.name.startswith("webhook_")}
    assert {n for n, least in ours.items() if least < SECRET_LEAST} == {"webhook_signing_secret"}  # Mailchimp's own


@pytest.mark.parametrize("name", connectors.names())
def test_all_secrets_are_the_apis_and_then_those_of_webhooks(name: str) -> None:
    connector = connectors.load(name)
    settings = {**SETTINGS.get(name, {})}
    if name == "google_ads":
        settings |= {"customer_id": "1234567890"}
    form = connector.settings.model_validate(settings)
    own = [s.name for s in connector.secrets(form)]
    every = [s.name for s in connector.all_secrets(form)]
    assert every[: len(own)] == own
    assert "webhook_secret" in every
    assert len(every) == len(set(every))


TEXTS = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)


@pytest.mark.parametrize("name", HOOKS)
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.sampled_from(
            [
                b'[{"subscriptionType": 1, "objectId": {}}]',
                b'[{"subscriptionType": "contact.merge", "mergedObjectIds": "1"}]',
                b"type=subscribe&data%5Blist_id%5D=57afe96172&data%5Bemail%5D=%ff%00",
                b"<a xmlns='x'><b/></a>",
                b"<?xml version='1.0' encoding='utf-7'?><a/>",
                b"<notifications><OrganizationId>\xff</OrganizationId></notifications>",
                "<é/>".encode("utf-16"),
            ]
        ),
    ),
    headers=st.dictionaries(st.sampled_from(HEADERS), TEXTS),
    query=TEXTS,
)
def test_nothing_makes_it_stumble(name: str, body: bytes, headers: dict[str, str], query: str) -> None:
    hook: Hook = HOOKS[name]
    asked = request(body, headers, f"https://h/webhooks/x?{query}")
    secrets = {s.name: "s" * 40 for s in hook.secrets}
    assert isinstance(hook.verify(settings_of(name), secrets, asked), Refusal)
    found = hook.hints(settings_of(name), asked)
    if not isinstance(found, Refusal):
        assert len(found) <= HINTS_MAX
        assert all(hint.remote_id == ANYTHING or is_id(hint.remote_id) for hint in found)


def test_many_hints_become_one_for_each_stream() -> None:
    many = [Hint(f"s{n % 2}", str(n)) for n in range(HINTS_MAX + 1)]
    assert bounded(many) == (Hint("s0"), Hint("s1"))
    assert len(bounded(many[1:] * 3)) == HINTS_MAX


def test_a_request_does_not_show_its_address_or_contents() -> None:
    shown = repr(request(b"anna@x.com", {"authorization": "Basic abc"}, "https://h/?secret=hush"))
    assert not any(word in shown for word in ("anna", "abc", "hush"))
