"""What waits for a person. The same trouble is one issue, however often it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, case, func, literal_column, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.issue import Issue, IssueState
from hub.domain.keys import Address
from hub.errors import NotFound, Refused
from hub.store.addresses import at_bound, bound
from hub.store.dialect import Upsert, one_of
from hub.store.tables import issues

T = issues.c
COLUMNS = tuple(str(c.name) for c in issues.columns if c.name not in ("id", "closed_at", "answer"))


def _again(old: Any, new: Any) -> dict[str, Any]:
    """A closed issue opens again, without its old answer; an answered one keeps the answer until it is acted on."""
    closed = old.state == literal_column("'closed'")
    return {
        "state": case((closed, literal_column("'open'")), else_=old.state),
        "answer": case((closed, null()), else_=old.answer),
        "opened_at": case((closed, new.opened_at), else_=old.opened_at),
        "closed_at": null(),
        "times": old.times + new.times,
        **{
            name: new[name] for name in ("summary", "detail", "connection", "stream", "remote_id", "entity_id", "field")
        },
    }


_raise = Upsert(issues, _again, columns=COLUMNS, keys=("dedupe",))


async def raise_(conn: AsyncConnection, issue: Issue) -> int:
    """Opens an issue, or bumps the one with the same `dedupe` (and opens it again when it was closed). Its id."""
    await raise_all(conn, [issue])
    return int((await conn.execute(select(T.id).where(T.dedupe == issue.dedupe))).scalar_one())


async def raise_all(conn: AsyncConnection, rows: Sequence[Issue]) -> None:
    """The same for many."""
    latest: dict[str, Issue] = {}
    for issue in rows:
        before = latest.get(issue.dedupe)
        latest[issue.dedupe] = issue if before is None else replace(issue, times=before.times + issue.times)
    await _raise(
        conn,
        [
            {
                "kind": issue.kind,
                "dedupe": issue.dedupe,
                "connection": issue.connection,
                "stream": issue.stream,
                "remote_id": issue.remote_id,
                "entity_id": issue.entity_id,
                "field": issue.field,
                "state": IssueState.OPEN,
                "summary": issue.summary,
                "detail": issue.detail,
                "times": issue.times,
                "opened_at": issue.opened_at,
            }
            for issue in latest.values()
        ],
    )


async def revise(conn: AsyncConnection, issue: Issue) -> None:
    """Says something else of an issue that isn't closed: its summary and detail; it is no other trouble by that."""
    await conn.execute(
        update(issues)
        .where(T.dedupe == issue.dedupe, T.state != IssueState.CLOSED)
        .values(summary=issue.summary, detail=issue.detail)
    )


async def close(conn: AsyncConnection, dedupes: Sequence[str], now: str | None = None) -> int:
    """Closes the issues with these names, whether answered or mended by itself; how many were not closed before."""
    if not dedupes:
        return 0
    done = await conn.execute(
        update(issues)
        .where(one_of(conn, T.dedupe, sorted(set(dedupes))), T.state != IssueState.CLOSED)
        .values(state=IssueState.CLOSED, closed_at=now)
    )
    return done.rowcount


async def close_for(
    conn: AsyncConnection, kinds: Sequence[str], addresses: Address | Sequence[Address], now: str | None = None
) -> None:
    """Closes the issues of these kinds about these records: the trouble is over."""
    wanted = [addresses] if isinstance(addresses, Address) else sorted(set(addresses))
    if not kinds or not wanted:
        return
    await conn.execute(
        update(issues)
        .where(at_bound(issues), T.state != IssueState.CLOSED, one_of(conn, T.kind, sorted(set(kinds))))
        .values(state=IssueState.CLOSED, closed_at=bindparam("a_now")),
        [bound(address, a_now=now) for address in wanted],
    )


async def list_(
    conn: AsyncConnection,
    *,
    state: IssueState | None = IssueState.OPEN,
    kind: str | None = None,
    connection: str | None = None,
    entity_id: str | None = None,
    limit: int = 100,
    after: int = 0,
) -> list[Issue]:
    """Issues by id, beginning after `after`; in any state with None."""
    chosen = select(issues).where(T.id > after).order_by(T.id).limit(limit)
    for column, value in ((T.state, state), (T.kind, kind), (T.connection, connection), (T.entity_id, entity_id)):
        if value is not None:
            chosen = chosen.where(column == value)
    return [Issue(**row) for row in map(_plain, (await conn.execute(chosen)).mappings())]


async def about(
    conn: AsyncConnection, kind: str, connection: str, stream: str, remote_ids: Sequence[str]
) -> list[Issue]:
    """The issues of a kind about these records that are not closed."""
    chosen = select(issues).where(
        T.state != IssueState.CLOSED,
        T.kind == kind,
        T.connection == connection,
        T.stream == stream,
        one_of(conn, T.remote_id, sorted(set(remote_ids))),
    )
    return [Issue(**row) for row in map(_plain, (await conn.execute(chosen)).mappings())]


async def holding(conn: AsyncConnection, entity_ids: Sequence[str], connection: str, stream: str) -> set[str]:
    """Those of the entities about which something at this sink waits for a person."""
    chosen = select(T.entity_id).where(
        T.state != IssueState.CLOSED,
        T.connection == connection,
        T.stream == stream,
        one_of(conn, T.entity_id, sorted(set(entity_ids))),
    )
    return set((await conn.execute(chosen)).scalars())


async def get(conn: AsyncConnection, issue_id: int) -> Issue | None:
    row = (await conn.execute(select(issues).where(T.id == issue_id))).mappings().first()
    return None if row is None else Issue(**_plain(row))


async def answer(conn: AsyncConnection, issue_id: int, said: Any) -> Issue:
    """Keeps what a person decided (JSON), for the hub to act on. NotFound, or Refused for a closed issue."""
    issue = await get(conn, issue_id)
    if issue is None:
        raise NotFound(f"There is no issue {issue_id}.", mend="`hub issues list` shows the open ones.")
    if issue.state is IssueState.CLOSED:
        raise Refused(f"Issue {issue_id} is closed already.", mend="It opens again by itself if the trouble returns.")
    await conn.execute(update(issues).where(T.id == issue_id).values(state=IssueState.ANSWERED, answer=said))
    return replace(issue, state=IssueState.ANSWERED, answer=said)


async def count(conn: AsyncConnection, *, state: IssueState = IssueState.OPEN) -> dict[str, dict[str, int]]:
    """How many issues there are in a state: connection -> kind -> number."""
    found = await conn.execute(
        select(T.connection, T.kind, func.count()).where(T.state == state).group_by(T.connection, T.kind)
    )
    result: dict[str, dict[str, int]] = {}
    for connection, kind, number in found:
        result.setdefault(connection, {})[kind] = number
    return result


def _plain(row: Any) -> dict[str, Any]:
    return {**row, "state": IssueState(row["state"])}
