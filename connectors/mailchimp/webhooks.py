"""Webhooks of an audience: form-encoded, one event a request.

A webhook that was made through the API since Mailchimp signs has a signing secret, told once, in the answer that made
it. Others are not signed at all; for them Mailchimp has its customers put a secret into the address. Where the
connection has a signing secret, nothing less is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from connectors.mailchimp.members import hash_of
from connectors.mailchimp.settings import Settings
from hub.domain.hint import Hint
from hub.sdk.auth import Secret
from hub.sdk.hooks import SECRET_LEAST, Hook, HookRequest, Refusal, fresh, is_id, same, seconds, signed

SIGNING = Secret("webhook_signing_secret", "Signing secret of the audience's webhook", required=False)
IN_URL = Secret(
    "webhook_url_secret", "For webhooks that Mailchimp does not sign: the secret in their URL", False, SECRET_LEAST
)
OF_MEMBERS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail")
FIELDS_MAX = 1_000
PARTS_MAX = 10


def proof(secret: str, timestamp: str, body: bytes) -> str:
    """The part `v1` of `X-Mailchimp-Signature`."""
    return signed(secret, timestamp.encode(), b".", body).hex()


def verify(settings: Settings, secrets: Mapping[str, str], request: HookRequest) -> Refusal | None:
    signing, in_url = secrets.get(SIGNING.name, ""), secrets.get(IN_URL.name, "")
    if signing:
        return _signature(signing, request)
    query = request.url.partition("?")[2]  # by hand: what stands before it may be no host that can be parsed
    given = [value for name, value in parse_qsl(query) if name == "secret"]
    if not in_url or len(given) != 1:
        return Refusal.UNSIGNED
    return None if same(given[0], in_url) else Refusal.SIGNATURE


def _signature(secret: str, request: HookRequest) -> Refusal | None:
    """`t=1760000000,v1=HEX`; while a secret is being replaced, `v1` twice."""
    parts = [part.strip().partition("=") for part in request.headers.get("x-mailchimp-signature", "").split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts[:PARTS_MAX] if name == "v1"]
    at = seconds(stamps[0]) if len(stamps) == 1 else None
    if at is None or not given:
        return Refusal.UNSIGNED
    expected = proof(secret, stamps[0], request.body)
    if not any(same(value, expected) for value in given):
        return Refusal.SIGNATURE
    return None if fresh(at, request) else Refusal.OLD


def hints(settings: Settings, request: HookRequest) -> Sequence[Hint] | Refusal:
    """A member by the hash of its address, under which Mailchimp answers. An empty body is how some of Mailchimp's
    screens try an address."""
    if not request.body.strip():
        return ()
    try:
        form = dict(parse_qsl(request.body.decode(), max_num_fields=FIELDS_MAX))
    except ValueError:
        return Refusal.UNREADABLE
    if form.get("data[list_id]") != settings.audience_id:
        return Refusal.FOREIGN if form.get("data[list_id]") else Refusal.UNREADABLE
    kind = form.get("type", "")
    if kind in OF_MEMBERS:
        address = form.get("data[new_email]") if kind == "upemail" else form.get("data[email]")
        return (Hint("members", hash_of(address)),) if address else Refusal.UNREADABLE
    if kind == "campaign" and is_id(form.get("data[id]", "")):
        return (Hint("campaigns", form["data[id]"]),)
    return ()


HOOK = Hook(
    secrets=(SIGNING, IN_URL),
    verify=verify,
    hints=hints,
    validates=True,
    setup="the URL of the audience's webhook; without a signing secret, followed by ?secret= and webhook_url_secret",
)
