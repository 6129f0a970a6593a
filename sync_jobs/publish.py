"""Publishing: the world is held against the plan, the version takes over, and what it touches is read again.

One transaction makes the version hold and notes what is to be read again; whatever stops the process after that, the
next job goes on with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hub.domain.version import KeptPlan, MappingVersion, Phase, Rereading
from hub.errors import BadInput, NeedsPerson, NotFound, Refused
from hub.store import mappings
from sync_jobs import brakes, rereading
from sync_jobs.counts import Counts, Progress
from sync_jobs.hub import Hub
from sync_jobs.recording import Recorded
from sync_jobs.whatif import LISTED, EditPlan, plan_edit

TOLERANCE = 0.01
"""How far each count may have moved since the plan was made: this share of it, or `SLACK` where that is more."""
SLACK = 5
CLASSES = ("creates", "clears", "deletes", "merges")


@dataclass(frozen=True, slots=True)
class Published:
    """`plan` as it was when it was published; `counts`: what reading again did."""

    plan: EditPlan
    counts: Counts
    versions: Mapping[str, int] = field(default_factory=dict)


async def publish(
    hub: Hub,
    hash: str,
    *,
    allow: Collection[str] = (),
    progress: Progress | None = None,
) -> Published:
    """Publishes what the plan of that hash promised. Refused when the documents or the world moved since; NeedsPerson
    for a class of changes that was not allowed. Nothing is told to any system yet: that is the next push."""
    kept = await _kept(hub, hash)
    await rereading.finish(hub, progress=progress)
    versions = await _versions(hub, kept)
    plan = await plan_edit(hub, versions, limit=LISTED, progress=progress)
    _same_world(kept, plan)
    _allowed(plan, allow)
    counts = await _take_over(hub, plan, progress)
    return Published(plan, counts, {name: v.version for name, v in versions.items()})


async def _kept(hub: Hub, hash: str) -> KeptPlan:
    async with hub.database.read() as conn:
        kept = await mappings.plan(conn, hash)
    if kept is None:
        raise NotFound(f"there is no plan {hash}", mend="make one with `hub mappings plan NAME`")
    return kept


async def _versions(hub: Hub, kept: KeptPlan) -> dict[str, MappingVersion]:
    """The versions of the plan, as long as nobody touched them or published others since."""
    async with hub.database.read() as conn:
        published = await mappings.published(conn)
        found = {name: await mappings.get(conn, name, number) for name, number in kept.versions.items()}
    for name, version in found.items():
        now = published.get(name)
        if version is None or now is None:
            raise NotFound(f"{name} version {kept.versions[name]} is gone", mend="plan anew")
        if now.version != kept.bases[name]:
            raise Refused(
                f"{name}: the plan was made when version {kept.bases[name]} held, and {now.version} holds since",
                mend="plan anew",
            )
        if version.hash != kept.hashes[name]:
            raise Refused(f"{name} version {version.version} was changed after the plan", mend="plan anew")
    return {name: v for name, v in found.items() if v is not None}


def _same_world(kept: KeptPlan, plan: EditPlan) -> None:
    """The world may have moved a little since; beyond that a person should look again."""
    if plan.hash == kept.hash:
        return
    now = plan.counts
    moved = [
        f"{what}: {kept.counts.get(what, 0):,} planned, {now.get(what, 0):,} now"
        for what in sorted(kept.counts.keys() | now.keys())
        if abs(now.get(what, 0) - kept.counts.get(what, 0)) > max(SLACK, TOLERANCE * kept.counts.get(what, 0))
    ]
    if moved:
        raise Refused(
            f"the world moved since the plan was made ({'; '.join(moved)})",
            mend=f"look at it as it is now; its plan is {plan.hash}",
        )


def _allowed(plan: EditPlan, allow: Collection[str]) -> None:
    unknown = sorted(set(allow) - set(CLASSES))
    if unknown:
        raise BadInput(f"there is no class {', '.join(unknown)}", mend=f"classes: {', '.join(CLASSES)}")
    lacking = {name: n for name, n in plan.destructive.items() if name not in allow}
    if lacking:
        said = ", ".join(f"{n:,} {name}" for name, n in lacking.items())
        raise NeedsPerson(f"the plan holds {said}", mend=f"if that is meant, say --allow {','.join(plan.destructive)}")


async def _take_over(hub: Hub, plan: EditPlan, progress: Progress | None) -> Counts:
    now = hub.now_text()
    async with Recorded(hub, "publish", "", ", ".join(plan.versions)) as recorded:
        async with hub.database.write() as conn:
            for name, version in plan.versions.items():
                await mappings.publish(conn, name, version.version, now, plan.hash)
                await mappings.note(
                    conn, Rereading(name, plan.bases[name].version, version.version, Phase.RECORDS, "", now)
                )
            for connection, tally in plan.tallies.items():  # what a person agreed to here needs no second yes
                await brakes.allow(
                    conn, connection, {"creates": tally.creates, "clears": tally.clears, "removes": tally.removes}
                )
        await hub.wire()
        counts = await rereading.finish(hub, progress=progress)
        recorded.ended(counts, None)
    return counts
