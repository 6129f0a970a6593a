"""Whether a document may be published: it compiles, its examples hold, the remote has its fields, no loop between the
mappings in force goes on for ever, and generated cases break no law."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.domain.version import MappingVersion, VersionState, connection_of
from hub.errors import BadInput, Complaint
from hub.operations.mappings import documents, names
from hub.operations.mappings.documents import Written
from hub.store import connections, discoveries
from hub.store import mappings as store
from hub.store.database import Transaction
from mappings import cases, examples
from mappings.clauses import Document
from mappings.document import check as understood
from mappings.fitting import fit
from mappings.loops import loops
from sync_jobs import documents as jobs
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `said` is a sentence; warnings don't keep it from being published."""

    what: str
    said: str
    complaints: tuple[Complaint, ...] = ()
    warnings: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True)
class Validated:
    """`version` is None for a file that is in no draft; `state`: of the draft afterwards."""

    ok: bool
    name: str
    version: int | None
    state: str
    checks: tuple[Check, ...]

    @property
    def complaints(self) -> tuple[Complaint, ...]:
        return tuple(c for check in self.checks for c in check.complaints)


async def validate(hub: Hub, name: str, number: int | None = None) -> Validated:
    """Checks the version, or the only draft, or what holds; a draft is marked by what comes out."""
    async with hub.database.read() as conn:
        version = await names.draft_or_held(conn, name, number)
        checks = await all_checks(conn, version.name, version.text, jobs.titled(version))
    return await _marked(hub, version, checks)


async def _marked(hub: Hub, version: MappingVersion, checks: tuple[Check, ...]) -> Validated:
    ok = not any(check.complaints for check in checks)
    state = version.state
    if version.open:
        state = VersionState.VALIDATED if ok else VersionState.DRAFT
        async with hub.database.write() as conn:
            now = await store.get(conn, version.name, version.version)
            if now is not None and now.text == version.text:  # what somebody wrote meanwhile was not looked at
                await store.mark(conn, version.name, version.version, state)
    return Validated(ok, version.name, version.version, state.value, checks)


async def validate_text(hub: Hub, name: str, text: str, file: str) -> Validated:
    """Checks a text that is in no draft, under the file's name."""
    async with hub.database.read() as conn:
        await names.holding(conn, name)
        checks = await all_checks(conn, name, text, file)
    return Validated(not any(check.complaints for check in checks), name, None, "", checks)


async def all_checks(conn: Transaction, name: str, text: str, title: str) -> tuple[Check, ...]:
    written = await documents.read(conn, name, text, title)
    if written.complaints:
        count = len(written.complaints)
        return (Check("document", f"{count} mistake{'s' if count > 1 else ''}", written.complaints),)
    if written.policy is not None:
        return (await _ranks(conn, written, title),)
    assert written.document is not None
    said = f"compiles; {len(written.document.fields)} fields"
    return (
        Check("document", said),
        _examples(written),
        await _fields(conn, name, written.document),
        await _loops(conn, name, written.document),
        _cases(written),
    )


async def _ranks(conn: Transaction, written: Written, title: str) -> Check:
    assert written.policy is not None
    known = {c.name: c.connector for c in await connections.all(conn)}
    return Check("document", "compiles", warnings=documents.strangers(written.policy, title, known))


def _examples(written: Written) -> Check:
    assert written.document is not None
    assert written.lens is not None
    found = examples.run(written.document, written.lens)
    count = len(written.document.examples)
    said = "there are none" if not count else f"{count} hold" if not found else f"not all of {count} hold"
    return Check("examples", said, found)


async def _fields(conn: Transaction, name: str, document: Document) -> Check:
    connection, _, stream = name.partition("/")
    found = await discoveries.get(conn, connection, stream)
    if found is None or not found.fields:
        return Check("fields", f"nothing was discovered yet: `hub connections discover {connection}`")
    fitted = fit(document, found.fields)
    said = f"held against {len(found.fields)} fields discovered {found.at[:16].replace('T', ' ')}"
    if fitted.complaints:
        said += f"; `hub connections discover {connection}` looks anew"
    return Check("fields", said, fitted.complaints, fitted.warnings)


async def _loops(conn: Transaction, name: str, document: Document) -> Check:
    """Loops with the document in place. Those that are there without it are nothing the edit brings."""
    held = await _in_force(conn, document)
    found = loops({**held, name: document})
    before = {c.expected for c in loops(held)} if found else set()
    fresh = tuple(c for c in found if c.expected not in before)
    old = tuple(c for c in found if c.expected in before)
    others = sorted(held.keys() - {name})
    said = f"every value rests with {', '.join(others)}" if others else "every value rests; nobody else maps it"
    return Check("loops", said if not found else "some values never rest", fresh, old)


async def _in_force(conn: Transaction, document: Document) -> Mapping[str, Document]:
    """Published documents of the same entity, as far as they compile."""
    held: dict[str, Document] = {}
    for name, version in (await store.published(conn)).items():
        if not connection_of(name):
            continue
        found, _ = understood(version.text, jobs.titled(version))
        if found is not None and found.entity.name == document.entity.name:
            held[name] = found
    return held


def _cases(written: Written) -> Check:
    assert written.document is not None
    assert written.lens is not None
    found = cases.check(written.document, written.lens)
    return Check("cases", "generated cases keep the laws" if not found else "generated cases break laws", found)


# -- examples, one by one -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """One example. `reads`: from a record to canonical values, otherwise the way back; `differs`: what came out
    otherwise."""

    number: int
    line: int | None
    reads: bool
    about: tuple[str, ...]
    differs: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True)
class Tested:
    ok: bool
    name: str
    version: int
    examples: tuple[Example, ...] = field(default=())


async def run_examples(hub: Hub, name: str, number: int | None = None) -> Tested:
    """Runs the examples of the version, or the only draft, or what holds. BadInput where it doesn't compile."""
    async with hub.database.read() as conn:
        version = await names.draft_or_held(conn, name, number)
        written = await documents.version(conn, version)
    if written.complaints:
        raise BadInput(f"{jobs.titled(version)} does not compile", mend="mend it first", complaints=written.complaints)
    if written.document is None or written.lens is None:
        return Tested(True, name, version.version)
    found = examples.run(written.document, written.lens)
    shown = tuple(_example(written.document, index, found) for index in range(len(written.document.examples)))
    return Tested(not found, name, version.version, shown)


def _example(document: Document, index: int, found: tuple[Complaint, ...]) -> Example:
    said = document.examples[index]
    here = re.compile(rf" examples\.{index}(?:\.|$)")
    mine = tuple(c for c in found if here.search(c.where.removeprefix(document.file)))
    looked = said.get("gives") or said.get("includes") or {}
    line = document.lines.get(("examples", str(index)))
    return Example(index, line, "raw" in said, tuple(looked), mine)
