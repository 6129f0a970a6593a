"""Contact endpoints: list, get, create, update, archive, search, merge, privacy deletion."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.answers import answer, bad_properties, conflict, invalid, not_found
from connectors.hubspot.sandbox.call import Call, problems, property_texts, text_of
from connectors.hubspot.sandbox.contacts import Contact, Taken
from connectors.hubspot.sandbox.searching import search as search_contacts

LIST_MAX, HISTORY_LIST_MAX = 100, 50


def page(account: Account, call: Call) -> Response:
    most = HISTORY_LIST_MAX if call.many("propertiesWithHistory") else LIST_MAX
    limit = _limit(call.one("limit", "10"), most)
    after = call.one("after") or "0"
    if not re.fullmatch(r"\d{1,18}", after):
        raise invalid("Invalid paging cursor: after")
    contacts = account.contacts
    if call.flag("archived"):
        shown = [c for c in contacts.listed() if int(c.id) >= int(after)]
    else:
        shown = contacts.from_id(int(after), limit + 1)
    body: dict[str, Any] = {"results": [contacts.show(c, call.many("properties")) for c in shown[:limit]]}
    if len(shown) > limit:
        following = str(int(shown[limit - 1].id) + 1)
        link = f"https://api.hubapi.com/crm/v3/objects/contacts?limit={limit}&after={following}"
        body["paging"] = {"next": {"after": following, "link": link}}
    return answer(200, body)


def _limit(text: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= most:
        raise invalid(f"Invalid request to API: limit must be between 1 and {most}, got {text[:10]}")
    return int(text)


def find(account: Account, identity: str, id_property: str) -> Contact | None:
    """By id, also one that a merge absorbed; or by the unique property `email`, also a secondary address."""
    if id_property in ("", "hs_object_id"):
        return account.contacts.resolve(identity)
    prop = account.contacts.properties.get(id_property)
    if prop is None or not prop.unique:
        raise invalid(f"Property {id_property} is not a unique property of object type 0-1")
    if id_property == "email":
        return account.contacts.holder(identity)
    return next((c for c in account.contacts.live.values() if c.properties.get(id_property) == identity), None)


def get(account: Account, call: Call) -> Response:
    if call.flag("archived"):
        found = next((c for c in account.contacts.listed() if c.id == call.path["contactId"]), None)
    else:
        found = find(account, call.path["contactId"], call.one("idProperty"))
    if found is None:
        raise not_found()
    return answer(200, account.contacts.show(found, call.many("properties")))


def create(account: Account, call: Call) -> Response:
    values = accepted(account, property_texts(call.body()))
    try:
        made = account.contacts.create(values)
    except Taken as taken:
        raise conflict(taken.holder) from taken
    return answer(201, written(account, made, values))


def update(account: Account, call: Call) -> Response:
    values = accepted(account, property_texts(call.body()), new=False)
    found = find(account, call.path["contactId"], call.one("idProperty"))
    if found is None:
        raise not_found()
    try:
        account.contacts.update(found, values)
    except Taken as taken:
        raise conflict(taken.holder) from taken
    return answer(200, written(account, found, values))


def archive(account: Account, call: Call) -> Response:
    found = account.contacts.resolve(call.path["contactId"])
    if found is not None:
        account.contacts.archive(found)
    return answer(204, None)


def search(account: Account, call: Call) -> Response:
    body = call.body()
    found = search_contacts(account.contacts, body)
    wanted = body.get("properties")
    names = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) and wanted else None
    shown: dict[str, Any] = {
        "total": found.total,
        "results": [account.contacts.show(entry, names) for entry in found.page],
    }
    if found.after:
        shown["paging"] = {"next": {"after": found.after}}
    return answer(200, shown)


def merge(account: Account, call: Call) -> Response:
    body = call.body()
    ids = [text_of(body.get(name), name) for name in ("primaryObjectId", "objectIdToMerge")]
    primary, other = (account.contacts.resolve(identity) for identity in ids)
    if primary is None or other is None:
        raise not_found()
    if primary is other:
        raise invalid("Cannot merge a contact with itself")
    return answer(200, account.contacts.show(account.merge(primary, other), None))


def gdpr_delete(account: Account, call: Call) -> Response:
    body = call.body()
    found = find(account, text_of(body.get("objectId"), "objectId"), str(body.get("idProperty") or ""))
    if found is not None:
        account.contacts.erase(found)
    return answer(204, None)


def accepted(account: Account, values: dict[str, str], *, new: bool = True) -> dict[str, str]:
    """Values that may be written. Raises the refusal of the whole request."""
    found = problems(account.contacts.properties, values)
    if found:
        raise bad_properties(found)
    if new and not any(values.get(name) for name in ("email", "firstname", "lastname")):
        raise invalid("At least one of the properties email, firstname or lastname must be set to create a contact")
    return values


def written(account: Account, contact: Contact, values: dict[str, str]) -> dict[str, Any]:
    """The answer to a write: what was written and a few of HubSpot's own, not the whole record."""
    return account.contacts.show(contact, list(values))
