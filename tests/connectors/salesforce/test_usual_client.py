"""The sandbox answers to simple-salesforce, which we did not write. It only speaks https to salesforce.com, so a
session sends its requests to the sandbox instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from connectors.salesforce import soql
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox.soql import Compare, parse, tokens
from hub.sdk.sandbox import SandboxOptions, serve

VERSION = "62.0"


class Redirected(requests.Session):
    """Sends every request to one loopback address, whatever host it names."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)
        self.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        asked = urlsplit(url)
        there = urlunsplit((self._to.scheme, self._to.netloc, asked.path, asked.query, ""))
        return super().request(method, there, *args, **kwargs)

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        return self.request("POST", url, data=data, json=json, **kwargs)


class Desk:
    """A sandbox, served, and the client logged in to it by JWT."""

    def __init__(self) -> None:
        self.sandbox = SalesforceSandbox(SandboxOptions(seed=5, people=80))
        self.running = serve(self.sandbox.app)
        self.session = Redirected(self.running.url)
        self.client = self.log_in()

    def log_in(self, **changes: Any) -> Salesforce:
        sessions = self.sandbox.sessions
        given = {"username": sessions.username, "consumer_key": sessions.client_id, "privatekey": sessions.private_key}
        return Salesforce(**{**given, **changes}, session=self.session, version=VERSION)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.running.stop()


def test_logs_in_by_jwt_and_by_client_credentials(desk: Desk) -> None:
    sessions = desk.sandbox.sessions
    assert desk.client.query("SELECT Name, IsSandbox FROM Organization")["records"][0]["Name"] == "Hub Customer"
    me = desk.client.oauth2("userinfo")
    assert me is not None
    assert me["username"] == sessions.username
    other = Salesforce(
        consumer_key=sessions.client_id,
        consumer_secret=sessions.client_secret,
        domain="acme.my",
        session=desk.session,
        version=VERSION,
    )
    assert other.query("SELECT COUNT() FROM Contact")["totalSize"] == len(desk.sandbox.people.ids())
    with (
        pytest.warns(UserWarning, match="Allow Access"),
        pytest.raises(SalesforceAuthenticationFailed) as refused,
    ):
        desk.log_in(username="somebody@else.example")
    assert refused.value.code == "invalid_grant"


def test_lists_all_with_paging(desk: Desk) -> None:
    desk.sandbox.api.queries.page_size = 7
    contacts = desk.sandbox.people.ids()
    desk.sandbox.people.delete(contacts[0])
    live = desk.client.query_all("SELECT Id, Name, Account.Name, Owner.Email FROM Contact ORDER BY Id")
    assert [r["Id"] for r in live["records"]] == contacts[1:]
    everything = desk.client.query_all("SELECT Id, IsDeleted FROM Contact ORDER BY Id", include_deleted=True)
    assert [r["Id"] for r in everything["records"]] == contacts
    assert everything["records"][0]["IsDeleted"] is True
    assert live["records"][0]["attributes"]["type"] == "Contact"
    assert any(r["Account"] and r["Account"]["Name"] for r in live["records"])


def test_searches_with_its_own_quoting(desk: Desk) -> None:
    names = ["O'Brien", 'quo"te', "back\\slash", "new\nline", "100%_", "李 🎉"]
    for name in names:
        desk.client.Contact.create({"LastName": name})
        found = desk.client.query_all(format_soql("SELECT LastName FROM Contact WHERE LastName = {}", name))
        assert [r["LastName"] for r in found["records"]] == [name]
        assert format_soql("{}", name) == soql.text(name), "the connector quotes as the usual client does"
        assert len(tokens(soql.text(name))) == 1
    like = format_soql("SELECT LastName FROM Contact WHERE LastName LIKE '{:like}%'", "100%_")
    assert [r["LastName"] for r in desk.client.query_all(like)["records"]] == ["100%_"]
    in_list = format_soql("SELECT LastName FROM Contact WHERE LastName IN {} ORDER BY LastName", names[:2])
    assert desk.client.query_all(in_list)["totalSize"] == 2
    since = datetime.now(UTC) - timedelta(minutes=1)
    recent = format_soql("SELECT Id FROM Contact WHERE SystemModstamp > {} AND Email = null", since)
    assert desk.client.query_all(recent)["totalSize"] == len(names)


@given(st.text(max_size=60))
def test_any_text_is_quoted_as_the_client_does_and_read_back_by_the_parser(value: str) -> None:
    assert soql.text(value) == format_soql("{}", value)
    where = parse(f"SELECT Id FROM Contact WHERE LastName IN {soql.texts([value, 'x'])}").where
    assert isinstance(where, Compare)
    assert [v.value for v in where.values] == [value, "x"]


def test_creates_reads_changes_and_deletes_one(desk: Desk) -> None:
    made = desk.client.Contact.create({"LastName": "Ames", "Email": "Ada@X.example", "HasOptedOutOfEmail": True})
    assert made["success"] is True
    assert made["errors"] == []
    assert len(made["id"]) == 18
    shown = desk.client.Contact.get(made["id"])
    assert (shown["LastName"], shown["Email"]) == ("Ames", "ada@x.example")
    assert shown["SystemModstamp"].endswith(".000+0000")
    assert desk.client.Contact.get(made["id"][:15])["Id"] == made["id"]
    assert desk.client.Contact.update(made["id"], {"LastName": "Byrd", "Title": None}) == 204
    assert desk.client.Contact.get(made["id"])["Name"] == "Byrd"
    assert desk.client.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as gone:
        desk.client.Contact.get(made["id"])
    assert gone.value.content == [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED"}]
    other_case = made["id"][:15].swapcase()
    with pytest.raises(SalesforceResourceNotFound):
        desk.client.Contact.get(other_case)


def test_upserts_by_external_id(desk: Desk) -> None:
    contact = desk.client.Contact
    assert contact.upsert("HubId__c/con_1", {"LastName": "Ames"}) == 201
    assert contact.upsert("HubId__c/con_1", {"Title": "CEO"}) == 200
    shown = contact.get_by_custom_id("HubId__c", "CON_1")
    assert (shown["LastName"], shown["Title"]) == ("Ames", "CEO")
    with pytest.raises(SalesforceMalformedRequest) as taken:
        contact.create({"LastName": "Other", "HubId__c": "con_1"})
    (error,) = taken.value.content
    assert error["errorCode"] == "DUPLICATE_VALUE"
    assert shown["Id"][:15] in error["message"]
    with pytest.raises(SalesforceResourceNotFound):
        contact.upsert("Email/ada@x.example", {"LastName": "Ames"})


def test_collections(desk: Desk) -> None:
    records = [
        {"attributes": {"type": "Contact"}, "LastName": "Good"},
        {"attributes": {"type": "Lead"}, "LastName": "No company"},
        {"attributes": {"type": "Lead"}, "LastName": "Good", "Company": "Acme"},
    ]
    body = {"allOrNone": False, "records": records}
    made = desk.client.restful("composite/sobjects", method="POST", data=json.dumps(body))
    assert made is not None
    assert [r["success"] for r in made] == [True, False, True]
    assert made[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert "id" not in made[1]
    before = desk.client.query("SELECT COUNT() FROM Contact")["totalSize"]
    rolled = desk.client.restful("composite/sobjects", method="POST", data=json.dumps({**body, "allOrNone": True}))
    assert rolled is not None
    assert [r["errors"][0]["statusCode"] for r in rolled] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert desk.client.query("SELECT COUNT() FROM Contact")["totalSize"] == before
    ids = [made[0]["id"], "003000000000000AAA", made[2]["id"]]
    got = desk.client.restful(
        "composite/sobjects/Contact", method="POST", data=json.dumps({"ids": ids, "fields": ["Id", "lastname"]})
    )
    assert got is not None
    assert [r and r["LastName"] for r in got] == ["Good", None, None]
    params = {"ids": ",".join(ids), "allOrNone": "false"}
    gone = desk.client.restful("composite/sobjects", params, method="DELETE")
    assert gone is not None
    assert [r["success"] for r in gone] == [True, False, True]


def test_describes(desk: Desk) -> None:
    described = desk.client.Contact.describe()
    fields = {f["name"]: f for f in described["fields"]}
    assert fields["LastName"]["nillable"] is False
    assert fields["Email"]["length"] == 80
    assert [v["value"] for v in fields["Tier__c"]["picklistValues"]] == ["Gold", "Silver", "Bronze"]
    assert fields["AccountId"]["relationshipName"] == "Account"
    listed = desk.client.describe()
    assert listed is not None
    assert {"Contact", "Lead", "Campaign"} <= {s["name"] for s in listed["sobjects"]}
    assert desk.client.limits()["DailyApiRequests"]["Remaining"] < 100_000
    assert desk.client.api_usage["api-usage"].total == 100_000  # type: ignore[union-attr]


def test_deleted_and_updated_logs(desk: Desk) -> None:
    contacts = desk.sandbox.people.ids()
    desk.sandbox.people.delete(contacts[0])
    desk.sandbox.people.edit(contacts[1], {"Title": "CEO"})
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(minutes=1)
    deleted = desk.client.Contact.deleted(start, end)
    assert [d["id"] for d in deleted["deletedRecords"]] == [contacts[0]]
    covered = datetime.fromisoformat(deleted["latestDateCovered"])
    assert covered <= now + timedelta(seconds=5), "the log does not cover what has not happened yet"
    assert contacts[1] in desk.client.Contact.updated(start, end)["ids"]
    for window in ((now, now + timedelta(seconds=30)), (now - timedelta(days=40), now)):
        with pytest.raises(SalesforceMalformedRequest) as refused:
            desk.client.Contact.deleted(*window)
        assert refused.value.content[0]["errorCode"] == "INVALID_REPLICATION_DATE"


@pytest.mark.parametrize(
    ("statement", "code", "says"),
    [
        ("SELECT Id FORM Contact", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
        ("SELECT Id FROM Contact WHERE Email IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
        ("SELECT Id FROM Contact WHERE Email = 'a' AND Id != null OR Name = 'b'", "MALFORMED_QUERY", "'OR'"),
        ("SELECT Id FROM Contact WHERE Email = 'a", "MALFORMED_QUERY", "no viable alternative"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'"),
        ("SELECT Manager.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Manager'"),
        ("SELECT Id FROM Unicorn", "INVALID_TYPE", "sObject type 'Unicorn' is not supported"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'",
            "INVALID_FIELD",
            "should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Contact WHERE Email = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field"),
        ("SELECT Id FROM Contact WHERE MailingStreet = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "LIMIT"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
    ],
)
def test_bad_queries_are_answered_as_an_array(desk: Desk, statement: str, code: str, says: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        desk.client.query(statement)
    (error,) = refused.value.content
    assert error["errorCode"] == code
    assert says in error["message"]


def test_sessions_end_and_the_client_opens_another(desk: Desk) -> None:
    desk.sandbox.sessions.expire_all()
    assert desk.client.query("SELECT COUNT() FROM Lead")["totalSize"] == len(desk.sandbox.leads.ids())
    assert desk.sandbox.calls["POST /services/oauth2/token"] == 2
    direct = Salesforce(instance="x.example", session_id="nonsense", session=desk.session, version=VERSION)
    with pytest.raises(SalesforceExpiredSession) as expired:
        direct.query("SELECT Id FROM Lead")
    assert expired.value.content[0]["errorCode"] == "INVALID_SESSION_ID"


def test_the_daily_quota_is_a_403(desk: Desk) -> None:
    desk.sandbox.api.daily_limit = 2
    desk.client.limits()
    desk.client.limits()
    with pytest.raises(SalesforceRefusedRequest) as refused:
        desk.client.limits()
    assert refused.value.content == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]


def test_locators_come_to_an_end(desk: Desk) -> None:
    desk.sandbox.api.queries.page_size = 5
    first = desk.client.query("SELECT Id FROM Contact")
    for _ in range(10):
        desk.client.query("SELECT Id FROM Contact")
    with pytest.raises(SalesforceMalformedRequest) as refused:
        desk.client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert refused.value.content[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
