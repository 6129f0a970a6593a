"""Endpoints about the account itself: properties, owners, who am I, tokens."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.responses import Response

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.answers import answer, invalid, not_found, refusal
from connectors.hubspot.sandbox.call import Call
from connectors.hubspot.sandbox.catalogue import Property, from_request
from connectors.hubspot.sandbox.gate import CLIENT_ID, PORTAL, SCOPES, TIME_ZONE


def properties(account: Account, call: Call) -> Response:
    contacts = account.contacts
    if call.flag("archived"):
        shown = [{**prop.shown(), "archived": True} for prop in contacts.archived_properties.values()]
    else:
        shown = [prop.shown() for prop in contacts.properties.values()]
    return answer(200, {"results": shown})


def one_property(account: Account, call: Call) -> Response:
    found = account.contacts.properties.get(call.path["propertyName"])
    if found is None:
        raise not_found()
    return answer(200, found.shown())


def make_property(account: Account, call: Call) -> Response:
    made = from_request(call.body())
    if made is None:
        raise invalid("Invalid input JSON: name, label, type, fieldType and groupName are required")
    if made.name in account.contacts.properties:
        raise refusal(409, "OBJECT_ALREADY_EXISTS", f"A property named '{made.name}' already exists.")
    account.contacts.add_property(made)
    return answer(201, made.shown())


def change_property(account: Account, call: Call) -> Response:
    """Label, type, field type and options of a property that the account made itself."""
    found = _own_property(account, call)
    changed = from_request({**found.shown(), **call.body(), "name": found.name})
    if changed is None:
        raise invalid("Invalid input JSON: label, type and fieldType must be texts")
    account.contacts.properties[found.name] = changed
    return answer(200, changed.shown())


def archive_property(account: Account, call: Call) -> Response:
    account.contacts.archive_property(_own_property(account, call).name)
    return answer(204, None)


def _own_property(account: Account, call: Call) -> Property:
    found = account.contacts.properties.get(call.path["propertyName"])
    if found is None:
        raise not_found()
    if not found.custom:
        raise invalid(f"Property {found.name} is defined by HubSpot: its definition is read only")
    return found


def owners(account: Account, call: Call) -> Response:
    wanted = call.one("email").lower()
    shown = [_owner(account, email) for email in account.owners if wanted in ("", email)]
    return answer(200, {"results": [] if call.flag("archived") else shown})


def one_owner(account: Account, call: Call) -> Response:
    found = next((email for email in account.owners if account.owner_id(email) == call.path["ownerId"]), None)
    if found is None:
        raise not_found()
    return answer(200, _owner(account, found))


def _owner(account: Account, email: str) -> dict[str, object]:
    given, _, family = email.partition("@")[0].partition(".")
    return {
        "id": account.owner_id(email),
        "email": email,
        "type": "PERSON",
        "firstName": given.title(),
        "lastName": family.title(),
        "userId": int(account.owner_id(email)) + 9_000,
        "createdAt": "2024-02-01T09:00:00.000Z",
        "updatedAt": "2024-02-01T09:00:00.000Z",
        "archived": False,
    }


def details(account: Account, _call: Call) -> Response:
    offset = account.clock().astimezone(TIME_ZONE).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return answer(
        200,
        {
            "portalId": PORTAL,
            "accountType": "SANDBOX",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": ["EUR"],
            "utcOffset": f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}",
            "utcOffsetMilliseconds": seconds * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def token(account: Account, call: Call) -> Response:
    return answer(200, account.gate.exchange(dict(parse_qsl(call.raw.decode("utf-8", "replace")))))


def access_token(account: Account, call: Call) -> Response:
    return answer(200, account.gate.describe(call.path["token"]))


def refresh_token(account: Account, call: Call) -> Response:
    if call.path["token"] != account.gate.refresh_token:
        raise not_found()
    shown = {
        "token": account.gate.refresh_token,
        "hub_id": PORTAL,
        "user_id": 1,
        "user": "admin@hub-customer.example",
        "hub_domain": "hub-customer.example",
        "client_id": CLIENT_ID,
        "scopes": sorted(SCOPES),
        "token_type": "refresh",
    }
    return answer(200, shown)
