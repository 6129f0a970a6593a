"""Issues: what only a person can settle, what may be answered, and what an answer does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

from hub.domain.entities import ENTITIES, EntityDef, Kind
from hub.domain.golden import GoldenState, Pin
from hub.domain.history import FieldChange
from hub.domain.issue import Issue, IssueState
from hub.domain.telling import NEVER, Telling
from hub.domain.values import Value, as_set
from hub.errors import BadInput, NotFound
from hub.operations.connections import named
from hub.operations.judging import judge
from hub.operations.nearest import unknown
from hub.store import changes, golden, pins
from hub.store import issues as store
from hub.store.database import Transaction
from sync_jobs import brakes, troubles
from sync_jobs.hub import Hub

DISMISS = "dismiss"
ACCEPT = "accept"
PIN = "pin="
RETRY = "retry"
LARGEST = 2**63 - 1
UNWRITTEN = (troubles.REFUSED, troubles.TAKEN, troubles.UNTOLD, troubles.NOT_KEPT)
"""Troubles with a write that stays undone until something moves: the hub does not repeat what was refused."""


@dataclass(frozen=True, slots=True)
class Issues:
    """In order of age. `more`: there are others beyond the limit."""

    issues: tuple[Issue, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class IssueShown:
    """`answers`: what may be answered -> what it does."""

    issue: Issue
    answers: Mapping[str, str]


async def all_(hub: Hub, state: str = "open", connection: str | None = None, limit: int = 50) -> Issues:
    """The issues in one state, or in any with "all"."""
    states = [s.value for s in IssueState]
    if state not in (*states, "all"):
        raise unknown("state of an issue", state, [*states, "all"])
    if connection is not None:
        await named(hub, connection)
    chosen = None if state == "all" else IssueState(state)
    async with hub.database.read() as conn:
        found = await store.list_(conn, state=chosen, connection=connection, limit=limit + 1)
    return Issues(tuple(found[:limit]), len(found) > limit)


async def show(hub: Hub, number: int) -> IssueShown:
    """One issue with the answers it takes. NotFound."""
    async with hub.database.read() as conn:
        issue = await store.get(conn, number)
    if issue is None:
        raise NotFound(f"there is no issue {number}", mend="`hub issues list` shows the open ones")
    return IssueShown(issue, {} if issue.state is IssueState.CLOSED else answers(issue))


def answers(issue: Issue) -> dict[str, str]:
    """What may be answered, and what that does."""
    if issue.kind == troubles.DRIFT and issue.stream:
        return {ACCEPT: _accepted(issue)}
    special = {
        troubles.DISPUTE: {"pin=VALUE": "this value wins from now on, whatever the systems say"},
        troubles.DELETION: {
            "bury": "the record is deleted for good: a tombstone, and removed elsewhere where the mapping says so",
            "keep": "the record lives on in the other systems",
        },
        troubles.BRAKE: {"allow": "the next run may go this far, once"},
        troubles.VANISHED: {"allow": "the missing records are really gone there; the next full read may believe it"},
        **{kind: {RETRY: "what stood in the way is mended; the next sync tries again"} for kind in UNWRITTEN},
    }
    return {**special.get(issue.kind, {}), DISMISS: "close it; it opens again by itself if the trouble returns"}


def _accepted(issue: Issue) -> str:
    if issue.field:
        return "the field is well as it is: it is read and written again, and rests again if the vendor refuses it"
    return "these fields are really gone there; the next look believes it"


async def answer(hub: Hub, number: int, said: str) -> IssueShown:
    """Settles an issue, and does at once what the answer means. BadInput when it takes no such answer."""
    shown = await show(hub, number)
    issue = shown.issue
    if issue.state is IssueState.CLOSED:
        raise BadInput(f"issue {number} is closed already", mend="it opens again by itself if the trouble returns")
    word = "pin=VALUE" if said.startswith(PIN) else said
    if word not in shown.answers:
        raise BadInput(
            f"issue {number} ({issue.kind}) takes no such answer", mend=f"answer one of: {', '.join(shown.answers)}"
        )
    now = hub.now_text()
    async with hub.database.hearing() as conn:
        if word == "pin=VALUE":
            await _pin(conn, hub, issue, said.removeprefix(PIN), now)
        elif word == "bury":
            await _bury(conn, issue, now)
        elif word == RETRY:
            await _again(conn, hub, issue)
        elif word == "allow":
            await brakes.allow(conn, issue.connection, _amounts(issue))
        await store.answer(conn, number, said)
        if word != ACCEPT:  # the next sync acts on it, and closes the issue when all is read
            await store.close(conn, [issue.dedupe], now)
    if word == ACCEPT:
        await hub.rewire(issue.connection)
    return await show(hub, number)


def _amounts(issue: Issue) -> dict[str, int]:
    """What a tripped brake, or a read with records missing, asks to be allowed."""
    if issue.kind == troubles.VANISHED:
        return {"removes": int(issue.detail["missing"])}
    return {str(t["what"]): int(t["planned"]) for t in issue.detail["tripped"]}


async def _pin(conn: Transaction, hub: Hub, issue: Issue, text: str, now: str) -> None:
    record = (await golden.fetch(conn, [issue.entity_id])).get(issue.entity_id)
    if record is None:
        raise NotFound(f"the entity of issue {issue.id} is gone", mend=f"`hub issues answer {issue.id} {DISMISS}`")
    value = _typed(ENTITIES[record.entity], issue.field, text)
    await pins.put(conn, record.entity_id, Pin(issue.field, value, "operator", now, f"issue {issue.id}"))
    await judge(conn, hub, record, now)


async def _again(conn: Transaction, hub: Hub, issue: Issue) -> None:
    """The sink was never told, as it were: what is still to be told is decided anew at the next push."""
    record = (await golden.fetch(conn, [issue.entity_id])).get(issue.entity_id)
    while record is not None and record.merged_into is not None:
        record = (await golden.fetch(conn, [record.merged_into])).get(record.merged_into)
    if record is None:
        raise NotFound(f"the entity of issue {issue.id} is gone", mend=f"`hub issues answer {issue.id} {DISMISS}`")
    if issue.stream not in hub.connection(issue.connection).lenses:
        raise BadInput(
            f"{issue.connection}/{issue.stream} is not mapped any more",
            mend=f"`hub issues answer {issue.id} {DISMISS}`",
        )
    await golden.tell(conn, [Telling(record.entity_id, issue.connection, issue.stream, rev=NEVER)])


def _typed(entity: EntityDef, name: str, text: str) -> Value:
    """A typed answer in the form of the field's kind. BadInput says what the field takes."""
    field = entity.field(name)
    kind = field.kind if field is not None else Kind.TEXT
    if kind in (Kind.INTEGER, Kind.MONEY, Kind.NUMBER):
        return _number(name, text, whole=kind is not Kind.NUMBER)
    if kind is Kind.BOOLEAN:
        if text not in ("true", "false"):
            raise BadInput(f"{name} takes true or false")
        return text == "true"
    if kind is Kind.TEXT_SET:
        return as_set(text.split(";"))
    if field is not None and field.choices and text not in field.choices:
        raise unknown(f"value of {name}", text, field.choices)
    return text or None


def _number(name: str, text: str, *, whole: bool) -> int | float:
    """One that the store can hold: JSON knows no NaN and no infinity, and the hub's has 64 bits for a whole one."""
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        raise BadInput(f"{name} takes a {'whole ' if whole else ''}number") from None
    if not (-LARGEST - 1 <= number <= LARGEST if whole else isfinite(number)):
        raise BadInput(f"{name} takes no number of that size")
    return number


async def _bury(conn: Transaction, issue: Issue, now: str) -> None:
    record = (await golden.fetch(conn, [issue.entity_id])).get(issue.entity_id)
    if record is None or record.state is not GoldenState.LIVE:
        return
    buried = replace(record, state=GoldenState.BURIED, rev=record.rev + 1)
    await golden.put(conn, [buried], now)
    change = FieldChange(record.entity_id, "state", GoldenState.LIVE, GoldenState.BURIED, "answered", None, now)
    await changes.append(conn, [change])
