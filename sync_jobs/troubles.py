"""Troubles that only a person can settle become issues: one per trouble, closed when it is gone.

Texts name places (connection, record id, field), never values that may be personal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from hub.domain.issue import Issue
from hub.domain.keys import Address
from hub.domain.outcome import Fault
from hub.domain.plan import Change
from hub.engine.identify import Identities
from hub.engine.reconcile import Reconciled
from hub.sdk.streams import Complaint
from hub.store import issues
from hub.store.database import Transaction
from mappings.reading import Reading, ValueComplaint

VALUE, UNREADABLE, DISPUTE, DELETION, CROWD = "value", "unreadable", "dispute", "deletion", "crowd"
REFUSED, UNTOLD, TAKEN, NOT_KEPT, BRAKE, VANISHED = "refused", "untold", "taken", "not_kept", "brake", "vanished"
CONNECTION = "connection"
DRIFT = "drift"
DIFFERS = "differs"


async def of_hearing(
    conn: Transaction,
    now: str,
    connection: str,
    stream: str,
    readings: Mapping[Address, Reading],
    results: Sequence[Reconciled],
    identities: Identities,
) -> int:
    """Values that could not be read, rules that ask, deletions to judge, keys held by a crowd. Answers how many."""
    raised = [
        value(address, complaint, now) for address, reading in readings.items() for complaint in reading.complaints
    ]
    await _close_mended(conn, connection, stream, readings, {i.dedupe for i in raised}, now)
    for result in results:
        raised += [
            _dispute(result.golden.entity_id, name, len(words), now) for name, words in (result.disputed or {}).items()
        ]
        raised += [_deletion(result.golden.entity_id, address, now) for address in result.asks]
    raised += [
        Issue(
            CROWD,
            f"{CROWD}/{key.kind}/{hash_of(str(key))}",
            f"more than 25 records share one {key.kind} key: it joins nobody",
            now,
            connection=connection,
            stream=stream,
            field=key.kind,
        )
        for key in identities.crowded
    ]
    await issues.raise_all(conn, raised)
    return len(raised)


async def _close_mended(
    conn: Transaction, connection: str, stream: str, readings: Mapping[Address, Reading], still: set[str], now: str
) -> None:
    """Values of these records that could not be read before and can now."""
    open_ones = await issues.about(conn, VALUE, connection, stream, [a.remote_id for a in readings])
    await issues.close(conn, [i.dedupe for i in open_ones if i.dedupe not in still], now)


def hash_of(text: str) -> str:
    """A stand-in for a text that may be personal."""

    return blake2b(text.encode(), digest_size=6).hexdigest()


def differs(connection: str, stream: str, number: int, reasons: Mapping[str, int], now: str) -> Issue:
    """One for each stream, however many records differ."""
    return Issue(
        DIFFERS,
        f"{DIFFERS}/{connection}/{stream}",
        f"verification found {number:,} records of {connection}/{stream} that differ from what the hub holds",
        now,
        connection=connection,
        stream=stream,
        detail={
            "differ": number,
            "reasons": dict(reasons),
            "mend": f"`hub verify {connection}` lists them. This closes itself when the next verification finds none.",
        },
    )


def value(address: Address, complaint: ValueComplaint, now: str) -> Issue:
    return Issue(
        VALUE,
        f"{VALUE}/{address.connection}/{address.stream}/{address.remote_id}/{complaint.field}",
        f"{complaint.path} can't be read as {complaint.field}: {complaint.said}; expected {complaint.expected}",
        now,
        connection=address.connection,
        stream=address.stream,
        remote_id=address.remote_id,
        field=complaint.field,
        detail={"path": complaint.path, "said": complaint.said, "expected": complaint.expected, "mend": complaint.mend},
    )


def _dispute(entity_id: str, name: str, voices: int, now: str) -> Issue:
    return Issue(
        DISPUTE,
        f"{DISPUTE}/{entity_id}/{name}",
        f"{voices} systems disagree on {name}, and its rule is to ask",
        now,
        entity_id=entity_id,
        field=name,
        detail={"mend": "Answer with the value to pin; until then the best-ranked one holds."},
    )


def _deletion(entity_id: str, address: Address, now: str) -> Issue:
    return Issue(
        DELETION,
        f"{DELETION}/{address.connection}/{address.stream}/{address.remote_id}",
        "deleted there; the mapping says to ask what that means for the person",
        now,
        connection=address.connection,
        stream=address.stream,
        remote_id=address.remote_id,
        entity_id=entity_id,
    )


def unreadable(connection: str, stream: str, complaint: Complaint, now: str) -> Issue:
    where = complaint.id or complaint.field or hash_of(complaint.message)
    return Issue(
        UNREADABLE,
        f"{UNREADABLE}/{connection}/{stream}/{where}",
        complaint.message,
        now,
        connection=connection,
        stream=stream,
        remote_id=complaint.id,
        field=complaint.field,
    )


def refusal_key(change: Change) -> str:
    return f"{REFUSED}/{change.connection}/{change.stream}/{change.entity_id}/{change.remote_id or ''}/{change.part}"


def refused(change: Change, fault: Fault | None, now: str, kind: str = REFUSED) -> Issue:
    said = f"{fault.code}: {fault.message}" if fault else "no reason given"
    field = f" ({fault.field})" if fault and fault.field else ""
    return Issue(
        kind,
        refusal_key(change).replace(REFUSED, kind, 1),
        f"{change.connection} refused to {change.op.value} a {change.stream} record{field}: {said}",
        now,
        connection=change.connection,
        stream=change.stream,
        remote_id=change.remote_id or "",
        entity_id=change.entity_id,
        field=fault.field if fault else "",
        detail={"op": change.op.value, "fields": [c.field for c in change.cells], "fault": said},
    )


def untold(change: Change, complaint: ValueComplaint, now: str) -> Issue:
    return Issue(
        UNTOLD,
        f"{UNTOLD}/{change.connection}/{change.stream}/{change.entity_id}/{complaint.field}",
        f"{complaint.field} can't be written as {complaint.path}: {complaint.said}; expected {complaint.expected}",
        now,
        connection=change.connection,
        stream=change.stream,
        remote_id=change.remote_id or "",
        entity_id=change.entity_id,
        field=complaint.field,
        detail={"path": complaint.path, "said": complaint.said, "expected": complaint.expected, "mend": complaint.mend},
    )


def not_kept(change: Change, names: Sequence[str], now: str) -> Issue:
    return Issue(
        NOT_KEPT,
        f"{NOT_KEPT}/{change.connection}/{change.stream}/{change.entity_id}/{','.join(names)}",
        f"{change.connection} accepted {', '.join(names)} and does not show it",
        now,
        connection=change.connection,
        stream=change.stream,
        remote_id=change.remote_id or "",
        entity_id=change.entity_id,
        field=names[0],
        detail={"mend": "Compare the record in that system: a workflow or a validation there may change it back."},
    )


def stopped(connection: str, fault: Fault, now: str) -> Issue:
    return Issue(
        CONNECTION,
        f"{CONNECTION}/{connection}",
        f"{connection} stopped: {fault.code}: {fault.message}",
        now,
        connection=connection,
        detail={"kind": fault.kind.value, "owner": fault.owner.value},
    )
