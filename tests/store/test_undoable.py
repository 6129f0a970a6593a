"""What an undo asks of the store: who wrote what, by run, by record and by the sync that held it."""

from __future__ import annotations

from dataclasses import replace

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.plan import Op
from hub.domain.run import Run, RunState
from hub.store import attempts, runs
from hub.store.database import Database
from tests.store.test_attempts import FIRST


def at(minute: int) -> str:
    return f"2026-01-05T09:{minute:02d}:00.000Z"


def write(number: int, run: str, remote_id: str | None, **more: object) -> Attempt:
    done = {"op": Op.UPDATE, "state": AttemptState.APPLIED, "before": {"n": number}, "opened_at": at(number), **more}
    return replace(FIRST, id=f"a{number}", run_id=run, remote_id=remote_id, **done)  # type: ignore[arg-type]


WRITES = [
    write(1, "r1", "7"),
    write(2, "r1", "7", part="", state=AttemptState.SETTLED),
    write(3, "r1", "8", state=AttemptState.REFUSED),
    write(4, "r1", None, op=Op.CREATE, state=AttemptState.SETTLED),
    write(5, "r2", "7"),
    write(6, "r2", "9", stream="leads"),
    write(7, "r2", "7", state=AttemptState.IN_DOUBT),
    write(8, "r3", "7", entity_id="con_b"),
]


async def test_writes_are_found_by_run_by_record_and_by_entity(database: Database) -> None:
    async with database.write() as conn:
        await attempts.open(conn, WRITES)
        found = await attempts.written_by(conn, ["r1", "r2"])
        assert sorted(found, key=str) == sorted(
            [("crm", "contacts", "7"), ("crm", "contacts", None), ("crm", "leads", "9")], key=str
        )
        assert await attempts.written_by(conn, []) == []

        def of(*ids: str | None) -> object:
            return attempts.of_records(conn, ["r1", "r2"], "crm", "contacts", ids)

        assert [a.id for a in await of("7", "8")] == ["a1", "a2", "a5"]  # type: ignore[attr-defined]
        assert [a.id for a in await of("7", None)] == ["a1", "a2", "a4", "a5"]  # type: ignore[attr-defined]
        assert await of("7") == [WRITES[0], WRITES[1], WRITES[4]]  # type: ignore[misc]
        to = await attempts.written_to(conn, ["con_a"], "crm", "contacts")
        assert [a.id for a in to] == ["a1", "a2", "a5"]
        assert {a.before for a in to} == {None}
        assert replace(to[0], before=WRITES[0].before) == WRITES[0]


async def test_the_writes_of_one_job_are_told_apart(database: Database) -> None:
    async with database.write() as conn:
        for name, job in (("r1", "push"), ("r2", "undo"), ("r3", "undo")):
            await runs.start(conn, Run(name, job, at(0)))
        await attempts.open(conn, WRITES)
        assert [a.id for a in await attempts.of_job(conn, "undo", ["con_a"], "crm", "contacts")] == ["a5"]
        assert [a.id for a in await attempts.of_job(conn, "undo", ["con_a", "con_b"], "crm", "contacts")] == [
            "a5",
            "a8",
        ]


async def test_a_run_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    async with database.write() as conn:
        for number, name in enumerate(("run_ab1", "run_ab2", "run_b", "runxab1")):
            await runs.start(conn, Run(name, "push", at(number)))
        assert [r.id for r in await runs.beginning(conn, "run_ab")] == ["run_ab2", "run_ab1"]
        assert [r.id for r in await runs.beginning(conn, "run_b")] == ["run_b"]
        assert await runs.beginning(conn, "run%") == []
        assert await runs.beginning(conn, "nothing") == []


async def test_a_sync_holds_the_pushes_that_began_in_it_and_wrote(database: Database) -> None:
    async with database.write() as conn:
        for name, job, minute in (
            ("s1", "sync", 0), ("r1", "push", 1), ("idle", "push", 2), ("s2", "sync", 10), ("r2", "push", 11),
            ("s3", "sync", 20), ("r3", "push", 21), ("s4", "sync", 30), ("pull", "pull", 31),
        ):  # fmt: skip
            await runs.start(conn, Run(name, job, at(minute)))
        for name, minute in (("s1", 5), ("s3", 25), ("s4", 35)):  # s2 was killed
            await runs.finish(conn, name, RunState.DONE, at(minute))
        assert await runs.last_that_wrote(conn, "push") is None
        await attempts.open(conn, WRITES)

        async def of(name: str) -> list[str]:
            run = await runs.get(conn, name)
            assert run is not None
            return [r.id for r in await runs.writing_within(conn, run, "push")]

        assert [await of(name) for name in ("s1", "s2", "s3", "s4")] == [["r1"], ["r2"], ["r3"], []]
        last = await runs.last_that_wrote(conn, "push")
        assert last is not None
        whole = await runs.around(conn, last, "sync")
        assert (last.id, whole.id if whole else None) == ("r3", "s3")
        alone = Run("alone", "push", at(40))
        assert await runs.around(conn, alone, "sync") is None
