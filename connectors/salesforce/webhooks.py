"""Outbound messages: SOAP, up to 100 notifications of one object in one request, sent again until it is acknowledged.

Salesforce signs nothing. What it offers (its guide to outbound messaging, "Considerations for Security"): it shows a
client certificate of its own, the same for all of its customers, and every message names the org. So a proxy of the
operator's checks the certificate and adds a header with the secret that it shares with the hub, and here the org is
checked. A secret in the URL is not taken: the org shows endpoint URLs in Setup and exports them with its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.shapes import SHAPES
from hub.domain.hint import Hint
from hub.sdk.auth import Secret
from hub.sdk.hooks import SECRET_LEAST, Hook, HookAnswer, HookRequest, Refusal, bounded, same

HEADER = "x-hub-webhook-secret"
STREAMS = {shape.sobject: shape.stream for shape in SHAPES.values()}
DEPTH_MAX = 12
TEXT_MAX = 1_000
SPACE = "http://soap.sforce.com/2005/09/outbound"
XSI_TYPE = "http://www.w3.org/2001/XMLSchema-instance|type"
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    f'<notificationsResponse xmlns="{SPACE}"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
).encode()


def verify(settings: Any, secrets: Mapping[str, str], request: HookRequest) -> Refusal | None:
    given, secret = request.headers.get(HEADER, ""), secrets.get("webhook_secret", "")
    if not given or not secret:
        return Refusal.UNSIGNED
    return None if same(given, secret) else Refusal.SIGNATURE


def hints(settings: Any, request: HookRequest) -> Sequence[Hint] | Refusal:
    if not request.account:
        return Refusal.UNCHECKED
    message = _Message()
    try:
        message.read(request.body)
    except (expat.ExpatError, ValueError):
        return Refusal.UNREADABLE
    if not is_id(message.organization):
        return Refusal.UNREADABLE
    if long_id(message.organization) != long_id(request.account):
        return Refusal.FOREIGN
    return bounded([Hint(STREAMS[kind], long_id(i)) for kind, i in message.records if kind in STREAMS and is_id(i)])


@dataclass(slots=True)
class _Message:
    """Reads an outbound message and keeps the org, and of each record its object and its id. ValueError for what no
    message holds: a document type, entities, deep nesting."""

    organization: str = ""
    records: list[tuple[str, str]] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _kind: str = ""
    _text: str = ""

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate("utf-8", "|")  # as Salesforce writes, whatever the message says of itself
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(body, True)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition("|")[2]
        self._path.append(local)
        if len(self._path) > DEPTH_MAX:
            raise ValueError("too deep")
        if local == "sObject":
            self._kind = attributes.get(XSI_TYPE, "").rpartition(":")[2]
        self._text = ""

    def _characters(self, text: str) -> None:
        if len(self._text) < TEXT_MAX:
            self._text += text

    def _end(self, name: str) -> None:
        match self._path[-2:]:
            case ["notifications", "OrganizationId"]:
                self.organization = self._text.strip()
            case ["sObject", "Id"]:
                self.records.append((self._kind, self._text.strip()))
        self._path.pop()
        self._text = ""


def _refuse(*_: Any) -> None:
    raise ValueError("no outbound message declares anything")


HOOK = Hook(
    secrets=(
        Secret("webhook_secret", "Webhook secret, shared with a proxy or relay of your own", False, SECRET_LEAST),
    ),
    verify=verify,
    hints=hints,
    answer=HookAnswer(200, ACK, "text/xml; charset=utf-8"),
    body_max=4 << 20,
    setup="the endpoint URL of outbound messages, behind a proxy that checks Salesforce's certificate and adds "
    f"the header {HEADER.title()}",
)
