"""Versions of mapping documents, the plans of their edits, and what is to be read again after publishing.

Invariant: of a name at most one version is published; a version's text never changes once it was published.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.version import OPEN, KeptPlan, MappingVersion, Phase, Rereading, VersionState
from hub.errors import NotFound, Refused
from hub.store.dialect import Upsert
from hub.store.tables import mapping_plans, mapping_versions, rereadings

T = mapping_versions.c
R = rereadings.c
_put = Upsert(mapping_versions)
_keep_plan = Upsert(mapping_plans)
_note = Upsert(rereadings)


async def add(conn: AsyncConnection, version: MappingVersion) -> MappingVersion:
    """Keeps a further version of a name; its number is the next one, whatever `version.version` says."""
    last = await conn.execute(select(func.max(T.version)).where(T.name == version.name))
    numbered = replace(version, version=(last.scalar_one() or 0) + 1)
    await _put(conn, [asdict(numbered)])
    return numbered


async def add_draft(
    conn: AsyncConnection, name: str, text: str, hash: str, *, who: str, why: str, at: str
) -> MappingVersion:
    """A draft made from the published version. NotFound when there is none of that name."""
    held = (await published(conn)).get(name)
    if held is None:
        raise NotFound(f"there is no published mapping {name}")
    return await add(conn, MappingVersion(name, 0, VersionState.DRAFT, held.version, text, hash, who, why, at))


async def rewrite(conn: AsyncConnection, version: MappingVersion, text: str, hash: str, at: str) -> MappingVersion:
    """Gives a draft another text; its checks have to pass anew. Refused for what is a draft no more."""
    if not version.open:
        raise Refused(f"{version.name} version {version.version} is {version.state}: its text stays as it is")
    new = replace(version, text=text, hash=hash, at=at, state=VersionState.DRAFT)
    await _put(conn, [asdict(new)])
    return new


async def mark(conn: AsyncConnection, name: str, version: int, state: VersionState) -> None:
    """Moves a draft to validated, back, or dropped."""
    await conn.execute(
        update(mapping_versions).where(T.name == name, T.version == version, T.state.in_(OPEN)).values(state=state)
    )


async def get(conn: AsyncConnection, name: str, version: int) -> MappingVersion | None:
    found = await conn.execute(select(mapping_versions).where(T.name == name, T.version == version))
    row = found.mappings().first()
    return None if row is None else _version(row)


async def published(conn: AsyncConnection) -> dict[str, MappingVersion]:
    """The version of every name that jobs work by."""
    found = await conn.execute(select(mapping_versions).where(T.state == VersionState.PUBLISHED).order_by(T.name))
    return {row["name"]: _version(row) for row in found.mappings()}


async def drafts(conn: AsyncConnection, name: str | None = None) -> list[MappingVersion]:
    """Versions still to be published, by name and number."""
    chosen = select(mapping_versions).where(T.state.in_(OPEN)).order_by(T.name, T.version)
    if name is not None:
        chosen = chosen.where(T.name == name)
    return [_version(row) for row in (await conn.execute(chosen)).mappings()]


async def history(conn: AsyncConnection, name: str) -> list[MappingVersion]:
    """Every version of a name, the latest first."""
    found = await conn.execute(select(mapping_versions).where(T.name == name).order_by(T.version.desc()))
    return [_version(row) for row in found.mappings()]


async def publish(conn: AsyncConnection, name: str, version: int, at: str, plan: str) -> None:
    """Makes it the one that jobs work by; the one before is retired."""
    await conn.execute(
        update(mapping_versions)
        .where(T.name == name, T.state == VersionState.PUBLISHED)
        .values(state=VersionState.RETIRED)
    )
    await conn.execute(
        update(mapping_versions)
        .where(T.name == name, T.version == version)
        .values(state=VersionState.PUBLISHED, published_at=at, plan=plan)
    )


async def forget(conn: AsyncConnection, connection: str) -> None:
    """Forgets every document of a connection that is removed."""
    for table in (mapping_versions, rereadings):
        await conn.execute(delete(table).where(table.c.name.startswith(f"{connection}/", autoescape=True)))


async def keep_plan(conn: AsyncConnection, plan: KeptPlan) -> None:
    await _keep_plan(conn, [asdict(plan)])


async def plan(conn: AsyncConnection, hash: str) -> KeptPlan | None:
    row = (await conn.execute(select(mapping_plans).where(mapping_plans.c.hash == hash))).mappings().first()
    return None if row is None else KeptPlan(**row)


async def pending(conn: AsyncConnection) -> list[Rereading]:
    """What is still to be read again, by name."""
    found = await conn.execute(select(rereadings).order_by(R.name))
    return [Rereading(**{**row, "phase": Phase(row["phase"])}) for row in found.mappings()]


async def note(conn: AsyncConnection, rereading: Rereading) -> None:
    """Begins a re-reading, or notes how far it is."""
    await _note(conn, [asdict(rereading)])


async def done(conn: AsyncConnection, name: str) -> None:
    """The re-reading of a name is finished."""
    await conn.execute(delete(rereadings).where(R.name == name))


def _version(row: RowMapping) -> MappingVersion:
    return MappingVersion(**{**row, "state": VersionState(row["state"])})
