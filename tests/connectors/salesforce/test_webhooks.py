"""Salesforce's outbound messages: the proof is a proxy's, the org must be ours, and only ids come out of the XML."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from connectors.salesforce.webhooks import HOOK
from hub.domain.hint import Hint
from hub.sdk.hooks import HINTS_MAX, HookRequest, Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef01234567"
ORG = "00D24000000hIkPEAU"
CONTACT = "003ak00000IiFIn"
NOTIFICATION = """<Notification>
    <Id>04l0800002nrC5BAAU</Id>
    <sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>{remote_id}</sf:Id>
     <sf:Email>anna@people.example</sf:Email>
     <sf:LastName>Id &lt;Id&gt;003000000000002AAA&lt;/Id&gt;</sf:LastName>
    </sObject>
   </Notification>"""


def message(*records: tuple[str, str], org: str = ORG, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    """As Salesforce's own example has it."""
    notifications = "".join(NOTIFICATION.format(kind=kind, remote_id=i) for kind, i in records)
    return f"""{head}
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{org}</OrganizationId>
   <ActionId>04k24000000XZXsAAO</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://x.my.salesforce.com/services/Soap/c/42.0/00D24000000hIkP</EnterpriseUrl>
   <PartnerUrl>https://x.my.salesforce.com/services/Soap/u/42.0/00D24000000hIkP</PartnerUrl>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>""".encode()


def asked(body: bytes, account: str = ORG, **headers: str) -> HookRequest:
    return HookRequest("POST", "https://hub.example/webhooks/sf?secret=" + SECRET, headers, body, NOW, account)


def hints(body: bytes, account: str = ORG) -> object:
    return HOOK.hints(None, asked(body, account))


def test_the_proof_is_the_header_that_a_proxy_adds_and_never_the_address() -> None:
    def verify(**headers: str) -> Refusal | None:
        return HOOK.verify(None, {"webhook_secret": SECRET}, asked(b"", **headers))

    assert verify(**{"x-hub-webhook-secret": SECRET}) is None
    assert verify(**{"x-hub-webhook-secret": SECRET + "x"}) is Refusal.SIGNATURE
    assert verify(**{"x-hub-webhook-secret": ""}) is Refusal.UNSIGNED
    assert verify() is Refusal.UNSIGNED
    assert HOOK.verify(None, {}, asked(b"", **{"x-hub-webhook-secret": SECRET})) is Refusal.UNSIGNED


def test_ids_come_out_by_object() -> None:
    body = message(
        ("Contact", CONTACT),
        ("Lead", "00Q000000000001"),
        ("Campaign", "701000000000001AAA"),
        ("Task", "00T000000000001"),
    )
    assert hints(body) == (
        Hint("campaigns", "701000000000001AAA"),
        Hint("contacts", CONTACT + "AAN"),
        Hint("leads", "00Q000000000001EAA"),
    )
    assert hints(message()) == ()


def test_an_id_that_is_none_is_left_out() -> None:
    assert hints(message(("Contact", "' OR Name != '"), ("Contact", ""), ("", CONTACT), ("Contact", "x" * 5_000))) == ()


def test_very_many_records_become_a_hint_of_their_stream() -> None:
    ids = [("Contact", f"003{n:012}") for n in range(HINTS_MAX + 1)]
    assert hints(message(*ids)) == (Hint("contacts"),)


@pytest.mark.parametrize("org", [ORG, ORG[:15]])
@pytest.mark.parametrize("account", [ORG, ORG[:15]])
def test_the_org_is_known_by_either_form_of_its_id(org: str, account: str) -> None:
    assert hints(message(("Contact", CONTACT), org=org), account) == (Hint("contacts", CONTACT + "AAN"),)


def test_another_org_is_refused_and_so_is_every_org_while_ours_is_unknown() -> None:
    body = message(("Contact", CONTACT), org="00D000000000001AAA")
    assert hints(body) is Refusal.FOREIGN
    assert hints(message(("Contact", CONTACT)), account="") is Refusal.UNCHECKED
    assert hints(message(("Contact", CONTACT), org="")) is Refusal.UNREADABLE


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        message(head=BOMB),
        message(head=OUTSIDE),
        message(head="<!DOCTYPE soapenv:Envelope>"),
        message(head=BOMB).decode().encode("utf-16"),
        message(("Contact", CONTACT))[:-20],
        b"<a>" * 100_000,
        b"<a>" * 50 + b"</a>" * 50,
    ],
)
def test_what_salesforce_does_not_send_is_unreadable(body: bytes) -> None:
    assert hints(body) is Refusal.UNREADABLE


@pytest.mark.parametrize("encoding", [b"EBCDIC", b"rot13", b"utf-7"])
def test_no_codec_is_looked_up_because_a_message_names_it(encoding: bytes) -> None:
    body = message(("Contact", CONTACT)).replace(b"UTF-8", encoding)
    assert hints(body) == (Hint("contacts", CONTACT + "AAN"),)


def test_the_answer_is_the_acknowledgement_that_ends_the_retries() -> None:
    assert HOOK.answer.content_type.startswith("text/xml")
    root = ElementTree.fromstring(HOOK.answer.body)
    ack = root.find(
        ".//{http://soap.sforce.com/2005/09/outbound}notificationsResponse/{http://soap.sforce.com/2005/09/outbound}Ack"
    )
    assert ack is not None
    assert ack.text == "true"
