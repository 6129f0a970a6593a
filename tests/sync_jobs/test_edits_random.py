"""Law 3 on random edits of mappings: applying a plan changes exactly the cells it lists; the plan after it is empty."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML

from hub.domain.plan import Op
from hub.domain.version import MappingVersion
from hub.errors import BadInput
from hub.store import mappings
from mappings.document import parse
from mappings.loops import loops
from sync_jobs import plan as plans
from sync_jobs.publish import CLASSES, publish
from sync_jobs.runner import sync
from sync_jobs.simulation.people import Crowd
from sync_jobs.simulation.stage import Stage
from sync_jobs.whatif import EditPlan, plan_edit
from tests.sim.acting import settle

EDITS = 6
LEVELS = ("gold", "silver", "bronze", "Gold ", "tin")
TABLES = ({"gold": "a", "silver": "b"}, {"gold": "b", "silver": "a"}, {"gold": "a", "silver": "a", "bronze": "c"})
NORMALISERS: tuple[list[str], ...] = ([], ["trim"], ["trim", "upper"], ["trim", "lower"], ["collapse_spaces"])
WORDS = ("title", "city", "given_name")


def written(document: dict[str, Any]) -> str:
    text = StringIO()
    YAML().dump(document, text)
    return text.getvalue()


def mutated(document: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The document with one thing changed."""
    new: dict[str, Any] = YAML(typ="safe").load(written(document))
    new.pop("examples", None)
    fields = new["fields"]
    kind = chance.randrange(9)
    name = chance.choice([n for n in WORDS if n in fields] or ["email"])
    if kind == 0 and name != "email":
        fields[name]["normalise"] = chance.choice(NORMALISERS)
        fields[name].pop("compare", None)
    elif kind == 1 and name != "email":
        fields[name]["direction"] = chance.choice(["in", "out", "both"])
    elif kind == 2 and name != "email":
        fields[name]["weight"] = chance.choice(["owner", "ranked", "if_empty", "never"])
    elif kind == 3 and {"title", "city"} <= fields.keys():
        fields["title"]["path"], fields["city"]["path"] = fields["city"]["path"], fields["title"]["path"]
    elif kind == 4:
        gone = chance.choice(["title", "city"])
        if fields.pop(gone, None) is None:
            fields[gone] = {"path": gone}
    elif kind == 5:
        fields["custom.level"] = {"path": "level", "kind": "text", "table": dict(chance.choice(TABLES))}
    elif kind == 6:
        fields.pop("custom.level", None)
    elif kind == 7 and name != "email":
        fields[name]["overwrite"] = chance.random() < 0.5
    else:
        new["scope"] = chance.choice(
            [{"where": [{"path": "name", "present": True}]}, {"where": [{"path": "city", "present": True}]}]
        )
    return new


async def drafted(stage: Stage, chance: Random) -> dict[str, MappingVersion]:
    """Drafts of one or two documents; none where they would not compile or never settle."""
    assert stage.hub is not None
    hub = stage.hub
    async with hub.database.read() as conn:
        published = await mappings.published(conn)
    chosen = chance.sample(sorted(stage.vendors), chance.choice([1, 1, 1, 2]))
    texts = {
        f"{n}/people": written(mutated(YAML(typ="safe").load(published[f"{n}/people"].text), chance)) for n in chosen
    }
    held = {name: parse(v.text, name) for name, v in published.items() if "/" in name}
    try:
        compiled = {name: parse(text, name) for name, text in texts.items()}
    except BadInput:
        return {}
    if loops(held | compiled):
        return {}
    made = {}
    async with hub.database.write() as conn:
        for name, text in texts.items():
            made[name] = await mappings.add_draft(
                conn, name, text, compiled[name].hash, who="test", why="", at=hub.now_text()
            )
    return made


def raws(stage: Stage) -> dict[tuple[str, str], dict[str, Any]]:
    return {(n, i): dict(v.get(i) or {}) for n, v in stage.vendors.items() for i in v.ids()}


def moved(
    before: dict[tuple[str, str], dict[str, Any]], after: dict[tuple[str, str], dict[str, Any]]
) -> set[tuple[str, str, str]]:
    """(connection, record, remote field) of what changed in records that were there before and are now."""
    return {
        (*where, name)
        for where in before.keys() & after.keys()
        for name in before[where].keys() | after[where].keys()
        if name != "updated" and before[where].get(name) != after[where].get(name)
    }


def promised(stage: Stage, plan: EditPlan) -> set[tuple[str, str, str]]:
    """The same, of what the plan lists, in the words of the documents that hold now."""
    assert stage.hub is not None
    found = set()
    for change in plan.rows:
        if change.op is Op.UPDATE and change.remote_id is not None:
            here = stage.hub.wired[change.connection].lenses[change.stream]
            payload = here.put(
                {c.field: c.after for c in change.cells if not c.field.startswith("consent.")},
                {
                    c.field.removeprefix("consent."): str(c.after)
                    for c in change.cells
                    if c.field.startswith("consent.")
                },
            )
            found |= {(change.connection, change.remote_id, path) for path in payload.values}
    return found


async def people(stage: Stage, chance: Random, acts: int) -> None:
    crowd = Crowd(stage, chance, persons=6)
    for _ in range(acts):
        crowd.act()
        there = crowd.pick()
        if there is not None and chance.random() < 0.5:
            stage.vendors[there[0]].edit(there[1], {"level": chance.choice(LEVELS)})
        stage.step(60)
    await settle(stage)


async def history(seed: int, home: Path) -> int:
    """Plays random edits; answers how many cells they moved."""
    chance = Random(seed)
    stage = await Stage.set(home, chance, "none")
    cells = 0
    for vendor in stage.vendors.values():
        vendor.add_field("level")
    try:
        await people(stage, chance, 25)
        for _ in range(EDITS):
            versions = await drafted(stage, chance)
            if versions:
                cells += await publish_one(stage, versions)
                await people(stage, chance, chance.randrange(4))
    finally:
        await stage.close()
    return cells


async def publish_one(stage: Stage, versions: dict[str, MappingVersion]) -> int:
    hub = stage.hub
    assert hub is not None
    plan = await plan_edit(hub, versions, limit=None)
    before = raws(stage)
    logs = {n: len(v.log) for n, v in stage.vendors.items()}
    await publish(hub, plan.hash, allow=CLASSES)
    report = await sync(hub, until_quiet=True, sleep=stage._sleep)
    assert report.quiet, (report.faults, report.parked)
    after = raws(stage)
    promise = promised(stage, plan)
    said = "\n".join(f"{n}: {v.text}" for n, v in versions.items())
    assert moved(before, after) <= promise, said
    written_to = {(n, i) for n, v in stage.vendors.items() for op, i in v.log[logs[n] :] if op == "update"}
    assert written_to == {(c, i) for c, i, _ in promise}, said
    created = {
        n: len([1 for op, _ in v.log[logs[n] :] if op in ("create", "upsert")]) for n, v in stage.vendors.items()
    }
    wanted = {
        n: len({c.entity_id for c in plan.rows if c.connection == n and c.op is Op.CREATE}) for n in stage.vendors
    }
    assert created == wanted, said
    assert (await plans.plan(hub)).total == 0
    return sum(len(c.cells) for c in plan.rows)


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(10, 150))])
async def test_a_plan_lists_exactly_what_publishing_changes(seed: int, tmp_path: Path) -> None:
    await history(seed, tmp_path)


async def test_the_random_edits_move_something(tmp_path: Path) -> None:
    """A test of the test: edits that never moved a cell would prove nothing."""
    moved = 0
    for seed in (101, 102, 103):
        home = tmp_path / str(seed)
        home.mkdir()
        moved += await history(seed, home)
    assert moved >= 5
