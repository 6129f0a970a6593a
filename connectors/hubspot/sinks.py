"""Writing contacts: batches of a hundred with one outcome each, looks by id and by address, and the consent part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.hubspot import consent, refusals
from connectors.hubspot.records import (
    BATCH,
    ID,
    KEYS,
    WRITE_ONLY,
    Properties,
    addresses,
    identity,
    read_answer,
    read_request,
    results,
)
from connectors.hubspot.settings import HubSpotSettings, contacts_path
from hub.domain.keys import Key
from hub.domain.outcome import Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response, send_json
from hub.sdk.sinks import Found, default_group

EMAIL_KEY = "email:"


class ContactsSink:
    """The sink `contacts`. Parts: "" is the record, `subscriptions` its e-mail consent.

    `shows_record` is False: HubSpot's answer to a write shows the properties that were written and a few of its own,
    not the record, and never its consent. So the writer reads back, by `batch/read`, which is strongly consistent.
    """

    name = "contacts"
    batch_max = BATCH
    look_max = BATCH
    upserts_by_key = False
    shows_record = False

    def __init__(self, settings: HubSpotSettings, fields: Sequence[str]) -> None:
        self.settings = settings
        self.wanted = Properties.of(fields)
        self.path = contacts_path(settings)

    def supports(self, op: Op, part: str) -> bool:
        return part == "" or (part == WRITE_ONLY and op is Op.UPDATE)

    def group(self, write: Write) -> str:
        if write.part == WRITE_ONLY:
            return f"{default_group(write)}/{consent.state(write)}"
        return default_group(write)

    def read(self, ids: Sequence[str]) -> Request:
        return read_request(self.path, ids, self.wanted.asked(*KEYS))

    def lookup(self, keys: Sequence[Key]) -> Request:
        """By e-mail, primary or secondary, through `idProperty`. HubSpot can find contacts by no other key without
        the search index, which lags."""
        emails = [address(key) for key in keys if key.kind == "email"]
        if not emails:
            kinds = sorted({key.kind for key in keys})
            raise ValueError(f"HubSpot contacts are looked up by key 'email'; asked for {', '.join(kinds) or 'none'}")
        return read_request(self.path, emails, self.wanted.asked(*KEYS), by_email=True)

    def found(self, asked: Sequence[str], response: Response) -> Found:
        if not any(text.startswith(EMAIL_KEY) for text in asked):
            by_id = read_answer(asked, response, self.wanted)
            return Found(by_id.records, by_id.missing)
        by_address = {address(Key.parse(text)): text for text in asked if text.startswith(EMAIL_KEY)}
        by_email = read_answer(tuple(by_address), response, self.wanted)
        return Found(by_email.records, tuple(by_address[value] for value in by_email.missing))

    def request(self, batch: Sequence[Write]) -> Request:
        first = batch[0]
        if first.part == WRITE_ONLY:
            return consent.request(self.settings, batch)
        if first.op is Op.REMOVE:
            ids = dict.fromkeys(known_id(write) for write in batch)
            body: dict[str, Any] = {"inputs": [{"id": value} for value in ids]}
            return send_json("POST", f"{self.path}/batch/archive", body, repeatable=True)
        if first.op is Op.CREATE:
            inputs = [
                {"properties": properties(write), "objectWriteTraceId": trace(batch, index)}
                for index, write in enumerate(batch)
            ]
            return send_json("POST", f"{self.path}/batch/create", {"inputs": inputs})
        inputs = [
            {"id": known_id(write), "properties": properties(write), "objectWriteTraceId": trace(batch, index)}
            for index, write in enumerate(batch)
        ]
        return send_json("POST", f"{self.path}/batch/update", {"inputs": inputs})

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        if batch[0].part == WRITE_ONLY:
            return consent.outcomes(batch, response)
        if not response.ok:
            return refusals.whole(batch, response)
        if batch[0].op is Op.REMOVE:
            if response.status != 204:
                raise ContractBroken(f"expected HTTP 204 to an archive, got {response.status}")
            return [Outcome(Status.APPLIED, write.remote_id, gone=True) for write in batch]
        return _placed(batch, response)


def _placed(batch: Sequence[Write], response: Response) -> list[Outcome]:
    """Errors and results laid upon the writes they belong to. A write that the answer does not account for is in
    doubt: the writer looks."""
    body, items = results(response, 200, 201, 207)
    outcomes: list[Outcome | None] = refusals.listed(batch, body, [trace(batch, i) for i in range(len(batch))])
    left = [dict(item) for item in items if identity(item)]
    matchers = (_by_trace, _by_id if batch[0].op is Op.UPDATE else _by_email, _by_place)
    for matches in matchers:
        open_ = [index for index, outcome in enumerate(outcomes) if outcome is None]
        for index, item in matches(batch, open_, left):
            outcomes[index] = Outcome(Status.APPLIED, identity(item))
            left.remove(item)
    refusals.last_one(batch, body, outcomes)
    return [outcome or refusals.unaccounted(write) for write, outcome in zip(batch, outcomes, strict=True)]


Match = list[tuple[int, dict[str, Any]]]


def _by_trace(batch: Sequence[Write], open_: Sequence[int], left: Sequence[dict[str, Any]]) -> Match:
    """The trace id comes back with a result where HubSpot shows it (SimplePublicObject.objectWriteTraceId)."""
    by_trace = {trace(batch, index): index for index in open_}
    found = [(by_trace.get(str(item.get("objectWriteTraceId"))), item) for item in left]
    return [(index, item) for index, item in found if index is not None]


def _by_id(batch: Sequence[Write], open_: Sequence[int], left: Sequence[dict[str, Any]]) -> Match:
    by_id = {batch[index].remote_id: index for index in open_}
    return [(by_id[identity(item)], item) for item in left if identity(item) in by_id]


def _by_email(batch: Sequence[Write], open_: Sequence[int], left: Sequence[dict[str, Any]]) -> Match:
    by_email = {properties(batch[index]).get("email", "").strip().lower(): index for index in open_}
    by_email.pop("", None)
    return [(by_email[found[0]], item) for item in left if (found := addresses(item)) and found[0] in by_email]


def _by_place(_batch: Sequence[Write], open_: Sequence[int], left: Sequence[dict[str, Any]]) -> Match:
    """One of each left belong together: a contact without an address, or one that a merge gave a new id. Several are
    not told apart by their order, which HubSpot does not promise."""
    return [(open_[0], left[0])] if len(open_) == 1 and len(left) == 1 else []


def trace(batch: Sequence[Write], index: int) -> str:
    """A trace id of its own for every input: only then does HubSpot answer for each (207) instead of refusing all."""
    tokens = [write.token for write in batch]
    unique = all(tokens) and len(set(tokens)) == len(tokens)
    return tokens[index] if unique else str(index)


def known_id(write: Write) -> str:
    if write.remote_id is None or not ID.fullmatch(write.remote_id):
        raise ValueError(f"a HubSpot {write.op} needs the record's id, a number")
    return write.remote_id


def properties(write: Write) -> dict[str, str]:
    """Property values as HubSpot takes them: texts. "" clears; several choices are joined by ";"."""
    paths = [path for path in write.payload if "." in path]
    if paths:
        raise ValueError(f"HubSpot properties have no dots: {', '.join(sorted(paths))}")
    return {name: text(value) for name, value in write.payload.items() if name != "id"}


def text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join(text(item) for item in value)
    return str(value)


def address(key: Key) -> str:
    """The address of an e-mail key; that of a shared mailbox is followed by the person's name ("info@x|ada byron")."""
    return key.value.split("|", 1)[0].strip().lower()
