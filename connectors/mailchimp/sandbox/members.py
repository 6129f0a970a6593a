"""The calls on members: listing, one by one, five hundred at once, tags, segments, search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.mailchimp.sandbox.audience import STATUSES, Audience, Member, exists, hashed
from connectors.mailchimp.sandbox.query import Call, page, shown, trimmed
from connectors.mailchimp.sandbox.replies import NOTHING, Refused, Reply, invalid, not_found

BATCH_MAX = 500
SORTS = ("timestamp_opt", "timestamp_signup", "last_changed")
API = "API - Generic"


def listing(audience: Audience, call: Call) -> Reply:
    """Archived members are left out unless asked for. `since_last_changed` and `before_last_changed` are exclusive."""
    status = call.choice("status", (*STATUSES, "archived"))
    if "since_last_campaign" in call.query and not status:
        raise invalid([("status", "Status is required when since_last_campaign is given")])
    if "unsubscribed_since" in call.query and status != "unsubscribed":
        raise invalid([("status", "Status must be unsubscribed when unsubscribed_since is given")])
    rows = [m for m in audience.listed(status) if _matches(m, call)]
    sort, order = call.choice("sort_field", SORTS), call.choice("sort_dir", ("ASC", "DESC"))
    if sort:
        rows.sort(key=lambda m: (shown(getattr(m, sort)), m.web_id), reverse=order == "DESC")
    body = {
        "members": [m.shown(audience.list_id) for m in page(call, rows)],
        "list_id": audience.list_id,
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def _matches(member: Member, call: Call) -> bool:
    for name in ("last_changed", "timestamp_opt"):
        value = getattr(member, name)
        since, before = call.moment(f"since_{name}"), call.moment(f"before_{name}")
        if since is not None and (value is None or value <= since):
            return False
        if before is not None and (value is None or value >= before):
            return False
    left = call.moment("unsubscribed_since")
    if left is not None and member.last_changed <= left:
        return False
    if call.flag("vip_only") and not member.vip:
        return False
    unique = call.query.get("unique_email_id")
    return not unique or member.shown("")["unique_email_id"] == unique


def get(audience: Audience, call: Call) -> Reply:
    return Reply(body=trimmed(call, audience.get(call.ids["subscriber_hash"]).shown(audience.list_id)))


def add(audience: Audience, call: Call) -> Reply:
    body = call.object()
    missing = [(n, "This value should not be blank.") for n in ("email_address", "status") if not body.get(n)]
    if missing:
        raise invalid(missing)
    audience.check_address(body["email_address"])
    old = audience.find(hashed(body["email_address"]))
    if old is not None and old.status != "archived":
        raise exists(body["email_address"])
    member = audience.add(
        body["email_address"], body["status"], body, lenient=call.flag("skip_merge_validation"), source=API
    )
    for name in body.get("tags") or ():
        _tag(audience, member, str(name))
    return Reply(body=trimmed(call, member.shown(audience.list_id)))


def put(audience: Audience, call: Call) -> Reply:
    """Adds or updates. `status_if_new` counts for a new member alone; without `status` an old one keeps its own."""
    body, named = call.object(), call.ids["subscriber_hash"]
    lenient = call.flag("skip_merge_validation")
    member = audience.find(named)
    if member is None:
        email = body.get("email_address") or (named if "@" in named else None)
        if email is None:
            raise not_found()
        status = body.get("status_if_new") or body.get("status")
        if status is None:
            raise invalid([("status_if_new", "This value should not be blank.")])
        member = audience.add(email, status, body, lenient=lenient, source=API)
    else:
        audience.change(member, body, lenient=lenient)
    return Reply(body=trimmed(call, member.shown(audience.list_id)))


def patch(audience: Audience, call: Call) -> Reply:
    member = audience.get(call.ids["subscriber_hash"])
    audience.change(member, call.object(), lenient=call.flag("skip_merge_validation"))
    return Reply(body=trimmed(call, member.shown(audience.list_id)))


def delete(audience: Audience, call: Call) -> Reply:
    audience.archive(audience.get(call.ids["subscriber_hash"]))
    return NOTHING


def delete_permanent(audience: Audience, call: Call) -> Reply:
    """By hash alone: this call takes neither addresses nor contact ids."""
    member = audience.get(call.ids["subscriber_hash"])
    if member.hash != call.ids["subscriber_hash"]:
        raise not_found()
    audience.forget(member)
    return NOTHING


# Five hundred at once


def batch(audience: Audience, call: Call) -> Reply:
    """Answers 200 whatever became of the members; only an envelope that is wrong is refused as a whole."""
    body = call.object()
    items = body.get("members")
    if not isinstance(items, list):
        raise invalid([("members", "Schema describes array, something else found instead")])
    if len(items) > BATCH_MAX:
        raise invalid([("members", f"Array must contain at most {BATCH_MAX} items")])
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise invalid([(f"members.item:{number}", "Schema describes object, something else found instead")])
        for name in ("email_address", "status", "status_if_new"):
            if name in item and not isinstance(item[name], str):
                raise invalid([(f"members.item:{number}.{name}", "Schema describes string, something else found")])
    outcome = _Batch(audience, bool(body.get("update_existing")), call)
    for item in items:
        outcome.take(item)
    return Reply(body=trimmed(call, outcome.shown()))


class _Batch:
    def __init__(self, audience: Audience, update_existing: bool, call: Call) -> None:
        self.audience = audience
        self.update_existing = update_existing
        self.lenient = call.flag("skip_merge_validation")
        self.skip_twice = call.flag("skip_duplicate_check")
        self.seen: set[str] = set()
        self.new: list[Member] = []
        self.updated: list[Member] = []
        self.errors: list[dict[str, str]] = []

    def take(self, item: Mapping[str, Any]) -> None:
        email = str(item.get("email_address") or "")
        if hashed(email) in self.seen:
            if not self.skip_twice:
                self._error(email, Refused(400, "", f"{email} is more than once in this request."))
            return
        self.seen.add(hashed(email))
        try:
            self._take(email, item)
        except Refused as refused:
            self._error(email, refused)

    def _take(self, email: str, item: Mapping[str, Any]) -> None:
        self.audience.check_address(email)
        old = self.audience.find(hashed(email))
        if old is not None and (old.status != "archived" or (self.update_existing and not item.get("status"))):
            if not self.update_existing:
                text = (
                    f"{email} is already a list member, do you want to update? "
                    "please provide update_existing:true in the request body"
                )
                raise Refused(400, "Member Exists", text, code="ERROR_CONTACT_EXISTS")
            body = {k: v for k, v in item.items() if k != "email_address"}
            self.updated.append(self.audience.change(old, body, lenient=self.lenient))
            return
        status = item.get("status") or item.get("status_if_new")
        if status is None:
            raise invalid([("status", "This value should not be blank.")])
        self.new.append(self.audience.add(email, status, item, lenient=self.lenient, source=API))

    def _error(self, email: str, refused: Refused) -> None:
        named, message = refused.errors[0] if refused.errors else ("", "")
        self.errors.append(
            {
                "email_address": email,
                "error": refused.detail,
                "error_code": refused.code,
                "field": named,
                "field_message": message,
            }
        )

    def shown(self) -> dict[str, Any]:
        return {
            "new_members": [m.shown(self.audience.list_id) for m in self.new],
            "updated_members": [m.shown(self.audience.list_id) for m in self.updated],
            "errors": self.errors,
            "total_created": len(self.new),
            "total_updated": len(self.updated),
            "error_count": len(self.errors),
            "_links": [],
        }


# Tags and search


def _tag(audience: Audience, member: Member, name: str) -> None:
    number = next((n for n, known in audience.tag_names.items() if known == name), None)
    if number is None:
        number = len(audience.tag_names) + 1
        audience.tag_names[number] = name
    member.tags[number] = name


def tags(audience: Audience, call: Call) -> Reply:
    member = audience.get(call.ids["subscriber_hash"])
    rows = [
        {"id": n, "name": name, "date_added": shown(member.last_changed)} for n, name in sorted(member.tags.items())
    ]
    return Reply(body=trimmed(call, {"tags": list(page(call, rows)), "total_items": len(rows), "_links": []}))


def set_tags(audience: Audience, call: Call) -> Reply:
    """Tagging does not move `last_changed`."""
    member = audience.get(call.ids["subscriber_hash"])
    wanted = call.object().get("tags")
    if not isinstance(wanted, list):
        raise invalid([("tags", "Schema describes array, something else found instead")])
    for number, item in enumerate(wanted):
        if not isinstance(item, Mapping) or not item.get("name") or item.get("status") not in ("active", "inactive"):
            raise invalid([(f"tags.item:{number}", "Required fields were not provided: name, status")])
        if item["status"] == "active":
            _tag(audience, member, str(item["name"]))
        else:
            member.tags = {n: name for n, name in member.tags.items() if name != item["name"]}
    return NOTHING


def search(audience: Audience, call: Call) -> Reply:
    """Exact matches of an address, and everybody whose name or address begins with the words asked for."""
    query = call.query.get("query", "").strip().lower()
    if not query:
        raise invalid([("query", "This value should not be blank.")])
    people = [m for m in audience.members.values() if m.status != "archived"]
    exact = [m for m in people if m.email.lower() == query]
    loose = [m for m in people if any(w.startswith(query) for w in m.shown("")["full_name"].lower().split())]
    found = [m for m in loose if m not in exact]
    body = {
        "exact_matches": {"members": [m.shown(audience.list_id) for m in exact], "total_items": len(exact)},
        "full_search": {"members": [m.shown(audience.list_id) for m in found], "total_items": len(found)},
        "_links": [],
    }
    return Reply(body=trimmed(call, body))
