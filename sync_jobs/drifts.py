"""Fields that rest because the remote's fields drifted: an issue that isn't closed holds each of them.

A field is held while its issue is open. When the remote field is as it was (or a person says that it is well), it
returns: it is asked for again and not yet heard, until a whole walk has shown it. Then its values are heard, and the
issue closes itself. Nobody's value is erased on the way: what a returned field shows blank is not believed to have been
blanked by a person, and what the hub holds is told there again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from hub.domain.issue import Issue, IssueState
from hub.domain.policy import DriftPolicy, OnDrift
from hub.domain.version import MappingVersion
from hub.sdk.streams import FieldInfo
from hub.store import cursors, golden, issues
from hub.store import mappings as versions_of
from hub.store.database import Database, Transaction
from mappings import drifting
from mappings.clauses import Document
from mappings.drifting import Broken, Change
from mappings.lens import Lens
from mappings.uses import MATCH, SCOPE, Use, parsed, uses_of
from sync_jobs import documents, troubles

MOST = 10_000

Rests: TypeAlias = frozenset[tuple[str, str, Change, bool, bool]]
"""What of a connection's fields is held, and how: while that is the same, so is what its lenses leave out."""
NONE_RESTS: Rests = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """A remote field under an issue of drift. `version`: the mapping's when it broke. `returning`: it is well again,
    and what was missed of it is being read. `answered`: a person says that it is well."""

    issue: Issue
    path: str
    change: Change
    was: FieldInfo
    what: str
    version: int
    returning: bool
    answered: bool

    @property
    def stream(self) -> str:
        return self.issue.stream

    @property
    def gone(self) -> bool:
        """Whether asking for it would fail."""
        return self.change is Change.REMOVED and not self.returning


@dataclass(frozen=True, slots=True)
class Applied:
    """Lenses by stream, as jobs may use them now; `resting`: streams of which nothing can be read in good faith;
    `parked`: stream -> canonical fields that its lens leaves out; `rests`: of what is held."""

    lenses: Mapping[str, Lens]
    resting: frozenset[str] = frozenset()
    parked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rests: Rests = NONE_RESTS


def dedupe(connection: str, stream: str = "", path: str = "") -> str:
    """The name of an issue of drift; without a path, of a discovery that failed or can't be believed."""
    return "/".join(part for part in (troubles.DRIFT, connection, stream, path) if part)


def action_of(policy: DriftPolicy, change: Change) -> OnDrift:
    return policy.removed if change is Change.REMOVED else policy.retyped


async def of(conn: Transaction, connection: str | None) -> list[Held]:
    """The fields of a connection that are held; of all, with None."""
    found: list[Issue] = []
    for state in (IssueState.OPEN, IssueState.ANSWERED):
        found += await issues.list_(conn, state=state, kind=troubles.DRIFT, connection=connection, limit=MOST)
    return [_held(issue) for issue in found if "before" in issue.detail]


async def rests(conn: Transaction) -> dict[str, Rests]:
    """Of every connection that has any."""
    held = await of(conn, None)
    return {
        name: _rests_of(h for h in held if h.issue.connection == name) for name in {h.issue.connection for h in held}
    }


def _rests_of(held: Iterable[Held]) -> Rests:
    return frozenset((h.stream, h.path, h.change, h.returning, h.answered) for h in held)


def _held(issue: Issue) -> Held:
    detail: Mapping[str, Any] = issue.detail
    was = detail["before"]
    return Held(
        issue,
        issue.field,
        Change(detail["change"]),
        FieldInfo(**{**was, "choices": tuple(was["choices"])}),
        str(detail["what"]),
        int(detail["version"]),
        bool(detail["returning"]),
        issue.state is IssueState.ANSWERED,
    )


def fields_of(used: Mapping[str, Use], path: str) -> tuple[str, ...]:
    """The parts of a document that use a remote field, `match` and `scope` among them."""
    return tuple(n for n, use in used.items() if any(drifting.lies_in(p, [path]) for p in use.paths))


def issue_of(
    connection: str, stream: str, broken: Broken, followed: OnDrift, version: MappingVersion, draft: int, now: str
) -> Issue:
    """What to tell a person about a broken field. `draft`: the number of the draft that would mend it; 0: none."""
    rests = _rests(broken)
    mend = f"Bring {broken.path} back there as it was, or change {version.name} so that it doesn't need it."
    if draft:
        mend = f"Version {draft} of {version.name} is a draft that goes without it: look at it, plan it, publish it."
    return Issue(
        troubles.DRIFT,
        dedupe(connection, stream, broken.path),
        f"{connection}/{stream}: the remote field {broken.path} {_told(broken.what)}; {rests}",
        now,
        connection=connection,
        stream=stream,
        field=broken.path,
        detail={
            "what": broken.what,
            "fields": [*broken.fields, *broken.places],
            "mapping": f"{version.name} version {version.version}",
            "followed": f"{followed.value}: {rests}" + (f"; draft {draft}" if draft else ""),
            "mend": f"{mend} The issue closes itself then.",
            "change": broken.change.value,
            "returning": False,
            "version": version.version,
            "before": asdict(broken.was),
        },
    )


def _told(what: str) -> str:
    return what if what.startswith(("was", "can", "no longer")) else f"changed: {what}"


def _rests(broken: Broken) -> str:
    names = ", ".join(broken.fields)
    said = []
    if names:
        said.append(
            f"{names} {'rest' if len(broken.fields) > 1 else 'rests'}: neither read nor written, nothing erased"
        )
    if SCOPE in broken.places:
        said.append("the stream rests whole: its scope needs the field")
    elif MATCH in broken.places:
        said.append("records are matched without it")
    return "; ".join(said)


def unbelievable(connection: str, stream: str, why: str, now: str) -> Issue:
    """A discovery that failed, or says too much at once: nothing is done about it, and somebody should know. `stream`
    is "" when the whole connection is meant."""
    return Issue(
        troubles.DRIFT,
        dedupe(connection, stream),
        f"{connection}{'/' if stream else ''}{stream}: its fields could not be discovered: {why}; nothing was changed",
        now,
        connection=connection,
        stream=stream,
        detail={
            "why": why,
            "mend": "Look at the rights of the hub's user there. `hub connections discover "
            f"{connection}` asks again; the issue closes itself when the answer is sound.",
        },
    )


async def applied(database: Database, connection: str, published: Mapping[str, MappingVersion], now: str) -> Applied:
    """The lenses of a connection's documents, by stream, without the fields that rest. Issues whose document doesn't
    need the field any more are closed on the way."""
    lenses = {stream: documents.lens_of(version) for stream, version in published.items()}
    async with database.read() as conn:
        if not await of(conn, connection):
            return Applied(lenses)
    async with database.write() as conn:
        held = await settled(conn, connection, published, now)
    resting: set[str] = set()
    parked: dict[str, frozenset[str]] = {}
    for stream in {h.stream for h in held}:
        rows = [h for h in held if h.stream == stream]
        title, text = documents.titled(published[stream]), published[stream].text
        used = uses_of(text, title)
        lenses[stream] = narrow(parsed(text, title), used, rows)
        names = frozenset(name for h in rows for name in fields_of(used, h.path))
        parked[stream] = names - {MATCH, SCOPE}
        if SCOPE in names:
            resting.add(stream)
    return Applied(lenses, frozenset(resting), parked, _rests_of(held))


async def settled(conn: Transaction, connection: str, published: Mapping[str, MappingVersion], now: str) -> list[Held]:
    """What is still held under these documents: what they don't use is held no more, what a person let pass returns."""
    left = []
    for held in await of(conn, connection):
        version = published.get(held.stream)
        state = IssueState.CLOSED if version is None else await _state(conn, held, version)
        if state is IssueState.CLOSED:
            await issues.close(conn, [held.issue.dedupe], now)
            await golden.make_all_due(conn, connection, held.stream)  # what could not be told meanwhile
            continue
        if state is IssueState.ANSWERED and not held.returning:
            held = await give_back(conn, held)
        left.append(held)
    return left


async def _state(conn: Transaction, held: Held, version: MappingVersion) -> IssueState:
    """Open: the field rests. Closed: the document doesn't use it. Answered: it is to be read and written again, since a
    person said so, the policy says to ignore such a change, or the fields that use it were written anew."""
    title = documents.titled(version)
    used = uses_of(version.text, title)
    names = fields_of(used, held.path)
    if not names:
        return IssueState.CLOSED
    ignored = action_of(parsed(version.text, title).policy.drift, held.change) is OnDrift.IGNORE
    if held.answered or ignored:
        return IssueState.ANSWERED
    if held.change is Change.RETYPED and version.version != held.version:
        old = await versions_of.get(conn, version.name, held.version)
        if old is not None and _definitions(old, names) != _definitions(version, names):
            return IssueState.ANSWERED
    return IssueState.OPEN


def _definitions(version: MappingVersion, names: Collection[str]) -> list[object]:
    document = parsed(version.text, documents.titled(version))
    return [
        *(field for field in document.fields if field.name in names),
        *(doc for doc in document.consent if f"consent.{doc.channel}" in names),
        document.match if MATCH in names else None,
        (document.scope, document.when) if SCOPE in names else None,
    ]


def narrow(document: Document, used: Mapping[str, Use], rows: Sequence[Held]) -> Lens:
    """The lens without what the held fields break."""
    names = {name for held in rows for name in fields_of(used, held.path)}
    return drifting.held(document, names, [held.path for held in rows if held.gone])


async def give_back(conn: Transaction, held: Held) -> Held:
    """The field is asked for again. One that had vanished was not in what was read meanwhile: the stream is read whole
    once more before anything of the field is heard."""
    detail = {**held.issue.detail, "returning": True}
    summary = f"{held.issue.connection}/{held.stream}: the remote field {held.path} is well again; it is being read"
    issue = replace(held.issue, summary=summary, detail=detail)
    await issues.revise(conn, issue)
    if held.change is Change.REMOVED:
        row = await cursors.fetch(conn, held.issue.connection, held.stream)
        await cursors.save(conn, replace(row, position=None, at=None, id="", until=None))
    return replace(held, issue=issue, returning=True)
