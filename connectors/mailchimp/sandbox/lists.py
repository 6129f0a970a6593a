"""The calls on an audience itself: what it is, its merge fields, its segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.mailchimp.sandbox.audience import STATUSES, Audience, Member
from connectors.mailchimp.sandbox.members import BATCH_MAX
from connectors.mailchimp.sandbox.merge_fields import TYPES, MergeField
from connectors.mailchimp.sandbox.query import Call, page, shown, trimmed
from connectors.mailchimp.sandbox.replies import NOTHING, Reply, invalid, not_found

FIELDS_MAX = 80


def described(audience: Audience) -> dict[str, Any]:
    counts = {s: sum(1 for m in audience.members.values() if m.status == s) for s in (*STATUSES, "archived")}
    return {
        "id": audience.list_id,
        "web_id": 1,
        "name": audience.name,
        "contact": {
            "company": audience.company,
            **dict.fromkeys(("address1", "address2", "city", "state", "zip", "phone"), ""),
            "country": "US",
        },
        "permission_reminder": "You signed up on our website.",
        "use_archive_bar": True,
        "campaign_defaults": {"from_name": audience.company, "from_email": "", "subject": "", "language": "en"},
        "date_created": shown(audience.created),
        "list_rating": 3,
        "email_type_option": False,
        "visibility": "prv",
        "double_optin": False,
        "has_welcome": False,
        "marketing_permissions": False,
        "stats": {
            "member_count": counts["subscribed"],
            "total_contacts": len(audience.members),
            "unsubscribe_count": counts["unsubscribed"],
            "cleaned_count": counts["cleaned"],
            "merge_field_count": len(audience.fields),
        },
        "_links": [],
    }


def listing(audience: Audience, call: Call) -> Reply:
    body = {
        "lists": list(page(call, [described(audience)])),
        "total_items": 1,
        "constraints": {"may_create": False, "max_instances": 1, "current_total_instances": 1},
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def get(audience: Audience, call: Call) -> Reply:
    return Reply(body=trimmed(call, described(audience)))


# Merge fields


def merge_fields(audience: Audience, call: Call) -> Reply:
    kind = call.query.get("type", "")
    rows = [f.shown(audience.list_id) for f in audience.fields if not kind or f.type == kind]
    if "required" in call.query:
        rows = [row for row in rows if row["required"] == call.flag("required")]
    body = {
        "merge_fields": list(page(call, rows)),
        "list_id": audience.list_id,
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def _field(audience: Audience, call: Call) -> MergeField:
    for known in audience.fields:
        if str(known.merge_id) == call.ids["merge_id"]:
            return known
    raise not_found()


def merge_field(audience: Audience, call: Call) -> Reply:
    return Reply(body=trimmed(call, _field(audience, call).shown(audience.list_id)))


def add_merge_field(audience: Audience, call: Call) -> Reply:
    body = call.object()
    if not body.get("name"):
        raise invalid([("name", "This value should not be blank.")])
    if body.get("type") not in TYPES:
        raise invalid([("type", f"Value must be one of: {', '.join(TYPES)}")])
    number = max((f.merge_id for f in audience.fields), default=0) + 1
    tag = str(body.get("tag") or f"MMERGE{number}").upper()
    if len(tag) > 10:
        raise invalid([("tag", "Tags may be at most 10 characters long.")])
    if len(audience.fields) >= FIELDS_MAX:
        raise invalid(detail=f"An audience has at most {FIELDS_MAX} merge fields.")
    if any(f.tag == tag for f in audience.fields):
        raise invalid(detail=f'A Merge Field with the tag "{tag}" already exists for this list.')
    given = body.get("options")
    options = dict(given) if isinstance(given, Mapping) else {}
    choices = tuple(str(c) for c in options.pop("choices", ()))
    if body["type"] in ("dropdown", "radio") and not choices:
        raise invalid([("options.choices", "This value should not be blank.")])
    made = MergeField(
        number,
        tag,
        str(body["name"]),
        str(body["type"]),
        bool(body.get("required")),
        choices,
        str(body.get("default_value", "")),
        bool(body.get("public", True)),
        options,
    )
    audience.fields.append(made)
    for member in audience.members.values():
        member.merge.setdefault(tag, made.default)
    return Reply(body=made.shown(audience.list_id))


def change_merge_field(audience: Audience, call: Call) -> Reply:
    known, body = _field(audience, call), call.object()
    known.name = str(body.get("name", known.name))
    known.required = bool(body.get("required", known.required))
    return Reply(body=known.shown(audience.list_id))


def drop_merge_field(audience: Audience, call: Call) -> Reply:
    known = _field(audience, call)
    audience.fields.remove(known)
    for member in audience.members.values():
        member.merge.pop(known.tag, None)
    return NOTHING


# Segments: tags appear as static ones


def _segment(audience: Audience, number: int, name: str) -> dict[str, Any]:
    count = sum(1 for m in audience.members.values() if number in m.tags and m.status != "archived")
    return {
        "id": number,
        "name": name,
        "member_count": count,
        "type": "static",
        "created_at": shown(audience.created),
        "updated_at": shown(audience.created),
        "options": {"match": "any", "conditions": []},
        "list_id": audience.list_id,
        "_links": [],
    }


def segments(audience: Audience, call: Call) -> Reply:
    rows = [_segment(audience, n, name) for n, name in sorted(audience.tag_names.items())]
    body = {
        "segments": list(page(call, rows)),
        "list_id": audience.list_id,
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def tag_search(audience: Audience, call: Call) -> Reply:
    words = call.query.get("name", "").lower()
    rows = [{"id": n, "name": t} for n, t in sorted(audience.tag_names.items()) if t.lower().startswith(words)]
    return Reply(body=trimmed(call, {"tags": rows, "total_items": len(rows), "_links": []}))


def add_segment(audience: Audience, call: Call) -> Reply:
    body = call.object()
    if not body.get("name"):
        raise invalid([("name", "This value should not be blank.")])
    if str(body["name"]) in audience.tag_names.values():
        raise invalid(detail="Sorry, that tag already exists.")
    number = len(audience.tag_names) + 1
    audience.tag_names[number] = str(body["name"])
    _fill(audience, number, body.get("static_segment") or [])
    return Reply(body=_segment(audience, number, str(body["name"])))


def _number(audience: Audience, call: Call) -> int:
    text = call.ids["segment_id"]
    if not text.isdecimal() or int(text) not in audience.tag_names:
        raise not_found()
    return int(text)


def segment(audience: Audience, call: Call) -> Reply:
    number = _number(audience, call)
    return Reply(body=trimmed(call, _segment(audience, number, audience.tag_names[number])))


def segment_members(audience: Audience, call: Call) -> Reply:
    number = _number(audience, call)
    rows = [m for m in audience.listed("") if number in m.tags]
    body = {
        "members": [m.shown(audience.list_id) for m in page(call, rows)],
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def _fill(audience: Audience, number: int, emails: Any) -> tuple[list[Member], list[str]]:
    if not isinstance(emails, list):
        raise invalid([("members_to_add", "Schema describes array, something else found instead")])
    done, unknown = [], []
    for email in emails:
        member = audience.find(str(email)) if "@" in str(email) else None
        if member is None:
            unknown.append(str(email))
        else:
            member.tags[number] = audience.tag_names[number]
            done.append(member)
    return done, unknown


def change_segment(audience: Audience, call: Call) -> Reply:
    number, body = _number(audience, call), call.object()
    added, removed = body.get("members_to_add") or [], body.get("members_to_remove") or []
    if len(added) > BATCH_MAX or len(removed) > BATCH_MAX:
        raise invalid([("members_to_add", f"Array must contain at most {BATCH_MAX} items")])
    done, unknown = _fill(audience, number, added)
    gone = []
    for email in removed:
        member = audience.find(str(email))
        if member is not None and number in member.tags:
            del member.tags[number]
            gone.append(member)
    errors = [{"email_addresses": unknown, "error": "Email address not found in list"}] if unknown else []
    answer = {
        "members_added": [m.shown(audience.list_id) for m in done],
        "members_removed": [m.shown(audience.list_id) for m in gone],
        "errors": errors,
        "total_added": len(done),
        "total_removed": len(gone),
        "error_count": len(unknown),
        "_links": [],
    }
    return Reply(body=trimmed(call, answer))
