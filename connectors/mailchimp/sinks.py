"""Writing members: 500 at once by the batch-list call, keyed by address; one at a time where that cannot say it.

What travels how, by `group`:

- `create`: batch list with `update_existing` false. Who is there already is refused with `ERROR_CONTACT_EXISTS` and
  becomes an adoption, so that nothing a person typed is overwritten unread.
- `update/PART`: batch list with `update_existing` true. `status` is left out, unless it says `unsubscribed`; and
  `status_if_new` is sent, so that a member deleted a moment ago does not come back subscribed.
- `change/ID`: PATCH of one member, for a new address, or where its present address is not known. Not to be sent again
  blindly where the id is the hash of the old address, which the first time made another one.
- `remove/ID`: DELETE of one member, which archives it. A second time answers 405.
- `resubscribe/ID`: nothing is written. The hub never sets a member to subscribed; the member is read, and the write
  refused.

There is no way to read many members by id at once, and the search lags behind writes: a look is one GET.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.mailchimp.answers import Answers, member_outcome
from connectors.mailchimp.faults import refusal_of
from connectors.mailchimp.members import Shape, hash_of
from connectors.mailchimp.settings import Settings
from hub.domain.keys import Key
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response, describe, get, send_json
from hub.sdk.sinks import Found, Sink

BATCH_MAX = 500
ALLOWED_NEW = ("subscribed", "unsubscribed", "pending", "transactional")


def address_of(write: Write) -> str:
    """The member's present address, "" when nobody knows it. The key of a shared mailbox is "address|name"."""
    if write.key is not None and write.key.kind == "email":
        return write.key.value.partition("|")[0].strip()
    if write.op is Op.CREATE:
        return str(write.payload.get("email_address") or "").strip()
    return ""


def moves(write: Write) -> bool:
    """Whether an update gives the member another address (another case is the same one)."""
    told = write.payload.get("email_address")
    return isinstance(told, str) and hash_of(told) != hash_of(address_of(write))


def body_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload of dotted paths as the object Mailchimp takes. A merge field is cleared with "", not with null."""
    body: dict[str, Any] = {}
    for path, value in payload.items():
        *heads, last = path.split(".")
        place = body
        for head in heads:
            deeper = place.setdefault(head, {})
            if not isinstance(deeper, dict):
                deeper = place[head] = {}
            place = deeper
        place[last] = "" if value is None and heads and heads[0] == "merge_fields" else value
    return body


@dataclass(slots=True)
class MembersSink:
    settings: Settings
    shape: Shape
    name: str = "members"
    batch_max: int = BATCH_MAX
    look_max: int = 1
    upserts_by_key: bool = True
    shows_record: bool = True

    # Looking

    def read(self, ids: Sequence[str]) -> Request:
        return get(self._member(ids[0]), self.shape.query(""))

    def lookup(self, keys: Sequence[Key]) -> Request:
        """ValueError for a key that is not an e-mail: Mailchimp finds members by nothing else that is certain."""
        kind, value = keys[0].kind, keys[0].value
        if kind != "email":
            raise ValueError(f"Mailchimp finds members by e-mail, not by {kind}")
        return get(self._member(hash_of(value.partition("|")[0])), self.shape.query(""))

    def found(self, asked: Sequence[str], response: Response) -> Found:
        if response.status == 404:
            return Found(missing=tuple(asked))
        if not response.ok:
            raise ContractBroken(f"looking at a member gave HTTP {response.status}: {describe(response)}")
        body = response.json()
        if not isinstance(body, Mapping):
            raise ContractBroken(f"a member is a {type(body).__name__}; expected an object")
        try:
            return Found((self.shape.record(body),))
        except ValueError as error:
            raise ContractBroken(f"a member has no readable {error}") from error

    # Writing

    def group(self, write: Write) -> str:
        if write.op is Op.CREATE:
            return "create"
        if write.op is Op.REMOVE:
            return f"remove/{write.remote_id}"
        if _says_nothing(write):
            return f"resubscribe/{write.remote_id}"
        if not address_of(write) or moves(write):
            return f"change/{write.remote_id}"
        return f"update/{write.part}"

    def request(self, batch: Sequence[Write]) -> Request:
        first = batch[0]
        kind = self.group(first).partition("/")[0]
        if kind == "remove":
            return Request("DELETE", self._member(_id(first)))
        if kind == "resubscribe":
            return self.read([_id(first)])
        if kind == "change":
            body, again = body_of(_allowed(first)), _id(first) != hash_of(address_of(first))
            return send_json("PATCH", self._member(_id(first)), body, query=self._validation(), repeatable=again)
        creating = kind == "create"
        items = [self._new(w) if creating else self._changed(w) for w in batch]
        body = {"members": items, "update_existing": not creating, "sync_tags": False}
        query = {"exclude_fields": "new_members._links,updated_members._links,_links"} | self._validation()
        return send_json("POST", f"/3.0/lists/{self.settings.audience_id}", body, query=query, repeatable=True)

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        kind = self.group(batch[0]).partition("/")[0]
        if kind == "remove":
            return [_removed(response)]
        if kind == "resubscribe":
            return [_never(response)]
        if kind == "change":
            return [member_outcome(batch[0], self.shape, response)]
        if not response.ok:
            if len(batch) > 1:
                return [Outcome(Status.SPLIT)] * len(batch)
            return [Outcome(Status.REFUSED, fault=refusal_of(response, batch[0].payload.values()))]
        answers = Answers.of(response, self.shape)
        return [answers.outcome(write, address_of(write)) for write in batch]

    def supports(self, op: Op, part: str) -> bool:
        return True

    def _member(self, remote_id: str) -> str:
        return f"/3.0/lists/{self.settings.audience_id}/members/{quote(remote_id, safe='')}"

    def _validation(self) -> dict[str, str]:
        return {"skip_merge_validation": "true"} if self.settings.skip_merge_validation else {}

    def _new(self, write: Write) -> dict[str, Any]:
        """A member to add: `subscribed` only where the payload says that consent was granted, `unsubscribed` where it
        says denied, otherwise as the connection is set."""
        body = body_of(write.payload)
        body.setdefault("email_address", address_of(write))
        if body.get("status") not in ALLOWED_NEW:
            body["status"] = self.settings.new_members
        return body

    def _changed(self, write: Write) -> dict[str, Any]:
        body = body_of(_allowed(write))
        body.setdefault("email_address", address_of(write))
        if "status" not in body:
            body["status_if_new"] = self.settings.new_members
        return body


def _id(write: Write) -> str:
    if write.remote_id is None:
        raise ValueError("an update or a removal names no record")
    return write.remote_id


def _allowed(write: Write) -> dict[str, Any]:
    """The payload of an update without any status but `unsubscribed`: nobody is put back on a list by the hub."""
    return {p: v for p, v in write.payload.items() if p != "status" or v == "unsubscribed"}


def _says_nothing(write: Write) -> bool:
    return bool(write.payload) and not _allowed(write)


def _removed(response: Response) -> Outcome:
    """DELETE answers 204. An archived or cleaned member answers 405: it is out of the audience already, and the hub
    may not do more about it."""
    if response.ok:
        return Outcome(Status.APPLIED)
    if response.status == 404:
        return Outcome(Status.APPLIED, gone=True)
    if response.status == 405:
        text = "Mailchimp will not remove this member: it is archived already, or kept for compliance"
        return Outcome(Status.REFUSED, fault=Fault(FaultKind.CONFLICT, "Method Not Allowed", text))
    return Outcome(Status.REFUSED, fault=refusal_of(response))


def _never(response: Response) -> Outcome:
    if response.status == 404:
        return Outcome(Status.REFUSED, gone=True)
    text = "the hub never subscribes a member of an audience; its owner can, by a sign-up form"
    return Outcome(Status.REFUSED, fault=Fault(FaultKind.INVALID, "never resubscribed", text, "status"))


def sink(name: str, settings: Any, fields: Sequence[str]) -> Sink:
    """KeyError for a name that is not a sink."""
    if name != "members":
        raise KeyError(name)
    return MembersSink(settings, Shape.of(fields))
