"""Documents as files, for git: `pull` writes what holds, `apply` plans what the files say instead.

DIR/CONNECTION/STREAM.yaml holds the document of a stream, DIR/contact.yaml and DIR/campaign.yaml say who wins. Both
ways byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hub.domain.version import MappingVersion, connection_of
from hub.errors import BadInput, Complaint, HubError, Refused
from hub.operations.mappings import checks, documents, drafts, names
from hub.operations.mappings.checks import Check
from hub.operations.mappings.drafts import Begun
from hub.operations.mappings.plans import EditPlanned, planned
from hub.operations.mappings.releases import Released, publish
from hub.operations.nearest import nearest
from hub.store import mappings as store
from hub.store.database import Transaction
from mappings.tree import MAX_BYTES
from sync_jobs.counts import Progress
from sync_jobs.hub import Hub

SUFFIX = ".yaml"
FILES_MOST = 2_000


class Pull(StrEnum):
    """What became of a file."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    KEPT = "kept"
    """It holds a text that the hub never had; it was left as it is."""


@dataclass(frozen=True, slots=True)
class PulledFile:
    name: str
    version: int
    file: Path
    became: Pull


@dataclass(frozen=True, slots=True)
class PulledFiles:
    """`ok`: every file holds what holds now. `others`: files in the folder that no document of the hub belongs to."""

    ok: bool
    folder: Path
    files: tuple[PulledFile, ...]
    others: tuple[Path, ...]


async def pull(hub: Hub, folder: Path, *, force: bool = False) -> PulledFiles:
    """Writes every published document. A file with a text that is no version of the hub's is somebody's work: it is
    left alone, but with `force`."""
    async with hub.database.read() as conn:
        published = await store.published(conn)
        known = {name: {v.text for v in await store.history(conn, name)} for name in published}
    made = tuple(_pulled(folder, version, known[name], force) for name, version in published.items())
    written = {one.file for one in made}
    others = tuple(path for path in _files(folder) if path not in written)
    return PulledFiles(all(one.became is not Pull.KEPT for one in made), folder, made, others)


def _pulled(folder: Path, version: MappingVersion, known: Collection[str], force: bool) -> PulledFile:
    path, wanted = folder / f"{version.name}{SUFFIX}", version.text.encode()
    try:
        before = path.read_bytes() if path.exists() else None
        if before == wanted:
            became = Pull.SAME
        elif before is not None and not force and before not in {text.encode() for text in known}:
            became = Pull.KEPT
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)
            became = Pull.NEW if before is None else Pull.CHANGED
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}", mend="name a folder that you may write") from None
    return PulledFile(version.name, version.version, path, became)


def _files(folder: Path) -> list[Path]:
    """Files of the layout, in their order; anything deeper or hidden is none of ours."""
    if not folder.is_dir():
        return []
    found = (*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}"))
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(p for p in visible if not p.is_dir())


@dataclass(frozen=True, slots=True)
class AppliedFile:
    """A file that says something else than what holds. `version`: the draft that holds its text."""

    name: str
    file: Path
    version: int
    checks: tuple[Check, ...]

    @property
    def complaints(self) -> tuple[Complaint, ...]:
        return tuple(c for check in self.checks for c in check.complaints)


@dataclass(frozen=True, slots=True)
class Applied:
    """`ok`: every file could be used. `files`: those that differ; `same`: how many don't. `plan` is of all of them that
    pass their checks, None when none does. `complaints`: files that cannot be used."""

    ok: bool
    folder: Path
    files: tuple[AppliedFile, ...]
    same: int
    complaints: tuple[Complaint, ...]
    plan: EditPlanned | None


@dataclass(slots=True)
class _Read:
    """What a folder says: name -> text."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)


async def apply(
    hub: Hub,
    folder: Path,
    *,
    only: Sequence[str] = (),
    who: str | None = None,
    why: str | None = None,
    limit: int | None = None,
    rows: Path | None = None,
    progress: Progress | None = None,
) -> Applied:
    """Makes a draft of every file that differs from what holds, checks them, and plans all of them together. Nothing
    is published. A file that cannot be used is complained of; the others go on."""
    async with hub.database.read() as conn:
        published = await store.published(conn)
    said = _read(folder, published, only)
    differing = {name: text for name, text in said.texts.items() if text != published[name].text}
    fresh = {name: await _draft(hub, name, text, who, why) for name, text in differing.items()}
    checked = {name: await checks.validate(hub, name, version.version) for name, version in fresh.items()}
    files = tuple(AppliedFile(n, said.files[n], v.version, checked[n].checks) for n, v in fresh.items())
    fit = {name: version for name, version in fresh.items() if checked[name].ok}
    plan = await planned(hub, fit, limit=limit, rows=rows, progress=progress) if fit else None
    ok = not said.complaints and len(fit) == len(fresh)
    return Applied(ok, folder, files, len(said.texts) - len(differing), tuple(said.complaints), plan)


async def _draft(hub: Hub, name: str, text: str, who: str | None, why: str | None) -> MappingVersion:
    """The draft with this text: one that is there already, the one that an earlier `apply` of the same file left, or a
    new one."""
    person, reason = names.person(who), why or f"from the file {name}{SUFFIX}"
    async with hub.database.write() as conn:
        held = await names.holding(conn, name)
        open_ = [d for d in await store.drafts(conn, name) if d.parent == held.version]
        same = next((d for d in open_ if d.text == text), None)
        if same is not None:
            return same
        earlier = next((d for d in open_ if (d.who, d.why) == (person, reason)), None)
        begun = Begun(name, text, person, reason, continues=earlier.version if earlier is not None else None)
        made = await drafts.kept(conn, begun, text, hub.now_text())
        return await names.draft(conn, name, made.version.version)


async def publish_files(
    hub: Hub,
    folder: Path,
    hash: str,
    *,
    allow: Collection[str] = (),
    blind: bool = False,
    write: bool = True,
    progress: Progress | None = None,
) -> Released:
    """Publishes a plan of `apply`. Refused when the files no longer say what was planned."""
    async with hub.database.read() as conn:
        kept = await store.plan(conn, hash)
        if kept is not None:
            await _unmoved(conn, folder, kept.versions)
    return await publish(hub, hash, allow=allow, blind=blind, write=write, progress=progress)


async def _unmoved(conn: Transaction, folder: Path, versions: Mapping[str, int]) -> None:
    for name, number in versions.items():
        version = await names.numbered(conn, name, number)
        path = folder / f"{name}{SUFFIX}"
        if not path.is_file() or path.read_bytes() != version.text.encode():
            raise Refused(f"{path} no longer says what was planned", mend=f"plan anew: `hub apply {folder}`")


def _read(folder: Path, published: Mapping[str, MappingVersion], only: Sequence[str]) -> _Read:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", mend="`hub mappings pull DIR` makes one")
    for name in only:
        if name not in published:
            near = nearest(name, published)
            raise BadInput(f'there is no mapping "{name}"', mend=f'did you mean "{near}"?' if near else "")
    said = _Read()
    found = _files(folder)
    if len(found) > FILES_MOST:
        raise BadInput(f"{folder} holds {len(found):,} documents; at most {FILES_MOST:,} are read")
    for path in found:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if only and name not in only:
            continue
        if name not in published:
            said.complaints.append(_stranger(path, name, published))
            continue
        try:
            said.texts[name] = _text(path)
            said.files[name] = path
        except HubError as error:
            said.complaints.append(Complaint(str(path), error.message, "a document that can be read", error.mend))
    for name in only:
        if name not in said.texts and not any(c.where.endswith(f"{name}{SUFFIX}") for c in said.complaints):
            said.complaints.append(Complaint(str(folder / f"{name}{SUFFIX}"), "no file", "the document's file"))
    return said


def _stranger(path: Path, name: str, published: Mapping[str, MappingVersion]) -> Complaint:
    """A file that no document belongs to: of an unknown connection, or of a stream that it doesn't have."""
    connection = connection_of(name)
    known = sorted({connection_of(n) for n in published} - {""})
    near = nearest(name, published)
    mend = f'Did you mean "{near}"?' if near else f"Documents: {', '.join(sorted(published))}"
    if connection and connection not in known:
        expected = f"one of the connections {', '.join(known)}" if known else "a connection; there are none yet"
        return Complaint(str(path), f'the folder "{connection}"', expected, mend)
    return Complaint(str(path), f'the document "{name}"', "a document that the hub has", mend)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", mend="check its permissions") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"is larger than {MAX_BYTES:,} bytes")
    text = documents.decoded(data, "it")
    drafts.storable(text)
    return text
