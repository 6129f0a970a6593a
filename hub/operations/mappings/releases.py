"""Publishing what a plan promised, telling the systems at once, and going back to an earlier version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hub.domain.version import KeptPlan, MappingVersion, VersionState, connection_of
from hub.errors import BadInput, HubError, NeedsPerson, NotFound
from hub.operations.faults import mend, sentence
from hub.operations.mappings import checks, drafts, names
from hub.operations.mappings.drafts import Begun
from hub.operations.mappings.plans import EditPlanned, planned, shown
from hub.operations.turns import sole_turn
from hub.store import mappings as store
from sync_jobs import documents as jobs
from sync_jobs import publish as publishing
from sync_jobs import runner
from sync_jobs.counts import Progress
from sync_jobs.fieldread import begun, fieldread
from sync_jobs.hub import Hub
from sync_jobs.proposal import Place, bases_of, propose
from sync_jobs.unread import asked, unread


@dataclass(frozen=True, slots=True)
class Told:
    """What one system was told, beside what was planned for it. `writes`: whether the hub may write there; `counts`:
    what came of it, by outcome; `parked`, `failed`: why it stopped, "" when it didn't."""

    connection: str
    writes: bool
    planned: Mapping[str, int]
    counts: Mapping[str, int]
    parked: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """`ok`: published, and nothing failed or waits for a person. `plan`: as it was at the moment of publishing;
    `reread`: what reading again did, by outcome; `told` is empty when telling was left to the next sync."""

    ok: bool
    versions: Mapping[str, int]
    plan: EditPlanned
    reread: Mapping[str, int]
    told: tuple[Told, ...]
    left: bool

    @property
    def parked(self) -> bool:
        return any(t.parked for t in self.told)


async def publish(
    hub: Hub,
    hash: str,
    *,
    name: str | None = None,
    allow: Collection[str] = (),
    blind: bool = False,
    write: bool = True,
    progress: Progress | None = None,
) -> Released:
    """Publishes the plan of that hash, of the document `name` when one is said, and tells the systems. `allow`: classes
    of changes that may happen; `blind`: also where the documents read fields that were never read; `write` False
    leaves telling to the next sync. Refused when the documents or the world moved since; NeedsPerson for what was not
    allowed."""
    async with hub.database.read() as conn:
        kept = await store.plan(conn, hash)
    if kept is None:
        raise NotFound(f"there is no plan {hash}", mend=f"`hub mappings plan {name or 'NAME'}` makes one")
    if name is not None and set(kept.versions) != {name}:
        several = "; `hub apply DIR --plan` publishes several" if len(kept.versions) > 1 else ""
        raise BadInput(f"the plan {hash} is of {', '.join(kept.versions)}, not of {name}{several}")
    async with sole_turn(hub, progress):
        versions = await _fit(hub, kept)
        await _fields(hub, versions, blind, progress)
        done = await publishing.publish(hub, hash, allow=allow, progress=progress)
        plan = await shown(hub, done.plan)
        told = await _tell(hub, plan, progress) if write else ()
    ok = not any(t.failed or t.parked for t in told)
    return Released(ok, done.versions, plan, done.counts.as_dict(), told, not write)


async def _fit(hub: Hub, kept: KeptPlan) -> dict[str, MappingVersion]:
    """The drafts of the plan, made from what holds, with all their checks passed."""
    versions: dict[str, MappingVersion] = {}
    async with hub.database.read() as conn:
        for name, number in kept.versions.items():
            versions[name] = await names.draft(conn, name, number)
            held = await names.holding(conn, name)
            if names.stale(versions[name], held):
                raise names.outdated(versions[name], held.version)
    for version in versions.values():
        checked = await checks.validate(hub, version.name, version.version)
        if checked.complaints:
            raise BadInput(
                f"{jobs.titled(version)} does not pass its checks; nothing was published",
                mend=f"`hub mappings edit {version.name} --version {version.version}`, then validate and plan anew",
                complaints=checked.complaints,
            )
    return versions


async def _fields(hub: Hub, versions: Mapping[str, MappingVersion], blind: bool, progress: Progress | None) -> None:
    """What changed since new fields were read is read once more, since the jobs that ran meanwhile didn't ask for
    them. NeedsPerson for fields that nobody ever read: what they hold is in no plan."""
    async with hub.database.read() as conn:
        places = propose(hub, versions, await bases_of(conn, versions)).places
        lacking = [u for p in places if (u := await unread(conn, p)) is not None]
    if lacking and not blind:
        said = "; ".join(f"{u.connection}/{u.stream}: {', '.join(u.paths)}" for u in lacking)
        raise NeedsPerson(
            f"the plan does not know what was never read ({said})",
            mend="plan anew with --read; or publish with --unread, and what they hold comes as their records change",
        )
    for place in places:
        if asked(place) and hub.connection(place.connection).active and await begun(hub, place):
            await _catch_up(hub, place, progress)


async def _catch_up(hub: Hub, place: Place, progress: Progress | None) -> None:
    done = await fieldread(hub, place, progress=progress)
    if done.fault is not None:
        raise HubError(
            f"{place.connection}: {sentence(done.fault)}; nothing was published",
            mend=mend(done.fault, place.connection),
        )


async def _tell(hub: Hub, plan: EditPlanned, progress: Progress | None) -> tuple[Told, ...]:
    """Works off what is due in the systems that the plan names, and measures facts anew."""
    wanted = {s.connection: s.writes for s in plan.shares if s.creates or s.updates or s.removes}
    measured = {connection_of(name) for name in plan.measures}
    able = {*measured, *(name for name, writes in wanted.items() if writes)}
    ready = sorted(name for name in able if hub.connection(name).active)
    report = await runner.work_off(hub, ready, progress=progress) if ready else runner.SyncReport()
    return tuple(
        Told(
            name,
            bool(writes),
            _sums(plan, name),
            report.connections[name].as_dict() if name in report.connections else {},
            "; ".join(str(t) for t in report.parked.get(name, ())),
            sentence(report.faults[name]) if name in report.faults else "",
        )
        for name, writes in sorted(wanted.items())
    )


def _sums(plan: EditPlanned, connection: str) -> dict[str, int]:
    here = [s for s in plan.shares if s.connection == connection]
    return {
        "created": sum(s.creates for s in here),
        "updated": sum(s.updates for s in here),
        "removed": sum(s.removes for s in here),
    }


@dataclass(frozen=True, slots=True)
class BackThen:
    """A draft with an earlier version's text, and its plan. `to`: that version."""

    name: str
    to: int
    plan: EditPlanned


async def rollback(
    hub: Hub,
    name: str,
    to: int | None = None,
    *,
    who: str | None = None,
    why: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> BackThen:
    """Plans going back to a version; the one that held before without `to`."""
    async with hub.database.write() as conn:
        held = await names.holding(conn, name)
        goal = await _goal(hub, name, to, held, await store.history(conn, name))
        person, reason = names.person(who), why or f"back to version {goal.version}"
        open_ = [d for d in await store.drafts(conn, name) if (d.text, d.parent) == (goal.text, held.version)]
        if open_:
            draft = open_[-1]
        else:
            made = await drafts.kept(conn, Begun(name, goal.text, person, reason), goal.text, hub.now_text())
            draft = await names.draft(conn, name, made.version.version)
    return BackThen(name, goal.version, await planned(hub, {name: draft}, limit=limit, progress=progress))


async def _goal(
    hub: Hub, name: str, to: int | None, held: MappingVersion, versions: Sequence[MappingVersion]
) -> MappingVersion:
    if to is None:
        retired = [v for v in versions if v.state is VersionState.RETIRED]
        if not retired:
            raise NotFound(f"{name} has no version before {held.version}", mend=f"`hub mappings history {name}`")
        return max(retired, key=lambda v: (v.published_at or "", v.version))
    found = next((v for v in versions if v.version == to), None)
    if found is None:
        raise NotFound(f"{name} has no version {to}", mend=f"`hub mappings history {name}`")
    if found.version == held.version:
        raise BadInput(f"{name} version {to} holds already", mend=f"`hub mappings history {name}`")
    if found.published_at is None:
        raise BadInput(
            f"{name} version {to} never held", mend=f"to publish it: `hub mappings plan {name} --version {to}`"
        )
    return found
