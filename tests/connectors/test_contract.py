"""What every connector owes, whoever its vendor is: asked of each folder, with the mappings of the library.

What a vendor's answers mean is tested beside this file, folder by folder.
"""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import connectors
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind, Status
from hub.domain.plan import Op, Write
from hub.sdk.connector import Connector
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.sandbox import Sandbox, SandboxOptions, serve
from hub.sdk.sinks import Sink
from hub.sdk.streams import Cursor, Page, Stream
from hub.sdk.world import EPOCH
from hub.transport.client import Caller, Failed
from hub.transport.tokens import MemoryTokens
from mappings import library
from mappings.lens import Lens

NAMES = connectors.names()
ROOT = Path(connectors.__file__).parent
TESTS = Path(__file__).parent
PEOPLE = 40
PAGES_MAX = 500
NOW = EPOCH
MAPPED = [(c, s) for c, s in sorted(library.names()) if c in NAMES]
SINKS = [(c, s) for c, s in MAPPED if s in connectors.load(c).sinks]
ALIVE = [n for n in NAMES if connectors.load(n).default_base_url.startswith("http")]
"""Connectors whose vendor is a server; a folder knows no token."""


def document(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def sandbox_of(name: str, clock: Any = lambda: NOW) -> Sandbox:
    found: Sandbox = import_module(f"connectors.{name}.sandbox").sandbox(SandboxOptions(3, PEOPLE, "none", clock))
    return found


def settings_of(name: str) -> Any:
    return connectors.load(name).settings.model_validate(dict(sandbox_of(name).connection().settings))


def stream_of(name: str, stream: str) -> tuple[Stream, Lens]:
    lens = library.load(name, stream)
    return connectors.load(name).stream(stream, settings_of(name), lens.reads), lens


def sink_of(name: str, sink: str) -> tuple[Sink, Lens]:
    lens = library.load(name, sink)
    return connectors.load(name).sink(sink, settings_of(name), lens.reads), lens


# --- the folder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_folder_has_the_same_files(name: str) -> None:
    folder = ROOT / name
    for file in ("__init__.py", "streams.py", "sinks.py", "faults.py", "quality.yaml", "README.md"):
        assert (folder / file).is_file(), file
    assert (folder / "sandbox.py").is_file() or (folder / "sandbox" / "__init__.py").is_file()
    assert "## The sandbox" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_names_its_connector_and_is_played(name: str) -> None:
    samples = sorted((ROOT / name / "samples").glob("*.yaml"))
    played = (TESTS / name / "test_samples.py").read_text(encoding="utf-8")
    assert samples
    for path in samples:
        assert document(path)["connector"] == name
        assert f'"{path.stem}"' in played or "glob(" in played, f"{path.name} is not played"


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_graded_and_says_how(name: str) -> None:
    said = document(ROOT / name / "quality.yaml")
    assert said["connector"] == name
    assert {"samples", "sandbox", "secrets_hidden", "complete_enumeration", "incremental", "deletes"} <= set(
        said["rules"]
    )
    for rule, graded in said["rules"].items():
        assert set(graded) <= {"grade", "how", "rests_on"}, rule
        assert graded["grade"] in ("done", "todo", "exempt"), rule
        assert len(graded["how"]) > 10, rule


CLOCKS = {"now", "utcnow", "today"}


@pytest.mark.parametrize("name", NAMES)
def test_a_connector_never_asks_for_the_time_nor_opens_anything(name: str) -> None:
    """Sandboxes are servers; all else computes. Imports are watched by import-linter, calls are watched here."""
    for path in sorted((ROOT / name).glob("*.py")):
        if path.name == "sandbox.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in CLOCKS | {"open", "print", "read_text"}, f"{path.name}:{node.lineno} calls {called}"


# --- the value --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_connector_is_well_formed(name: str) -> None:
    connector = connectors.load(name)
    assert isinstance(connector, Connector)
    assert connector.name == name
    assert connector.title
    assert connector.api_version
    assert urlsplit(connector.default_base_url).scheme in ("http", "https", "file", ""), (
        "a folder has no address of its own"
    )
    assert len(set(connector.streams)) == len(connector.streams) > 0
    assert set(connector.sinks) <= set(connector.streams), "a sink has the name of its stream"
    assert 0 < connector.rank <= 100
    for limit in connector.limits:
        assert limit.seconds > 0
        told = connector.meters is not Connector.__dataclass_fields__["meters"].default
        assert limit.calls > 0 or limit.concurrent > 0 or told, "it limits something"
        assert 0 < limit.share <= 1
        assert not limit.midnight or limit.seconds == 86_400
    with pytest.raises(FrozenInstanceError):
        connector.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", NAMES)
def test_settings_forbid_what_they_do_not_know_and_explain_what_they_do(name: str) -> None:
    model = connectors.load(name).settings
    assert issubclass(model, BaseModel)
    needs = dict(sandbox_of(name).connection().settings)
    settings = model.model_validate(needs)
    assert model.model_validate(settings.model_dump(mode="json")) == settings, "what is stored reads back"
    with pytest.raises(ValidationError):
        model.model_validate({**needs, "no_such_setting": 1})
    with pytest.raises(ValidationError):
        setattr(settings, next(iter(model.model_fields)), None)
    undescribed = [field for field, info in model.model_fields.items() if not info.description]
    assert not undescribed, "operators see no meaning of these"


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_named_and_never_shown(name: str) -> None:
    connector, settings = connectors.load(name), settings_of(name)
    names = [secret.name for secret in connector.secrets(settings)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", n) for n in names)
    given = dict(sandbox_of(name).connection().secrets)
    assert {s.name for s in connector.secrets(settings) if s.required} <= set(given)
    assert set(given) <= set(names), "the sandbox hands out secrets that the connector doesn't take"
    shown = repr(connector.auth(settings, given))
    assert not [n for n, secret in given.items() if secret in shown]


@pytest.mark.parametrize("name", NAMES)
def test_the_library_maps_every_stream_and_only_those(name: str) -> None:
    assert {s for c, s in MAPPED if c == name} == set(connectors.load(name).streams)


# --- streams ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "which"), MAPPED)
def test_a_stream_is_made_for_its_mapping(name: str, which: str) -> None:
    stream, lens = stream_of(name, which)
    assert (stream.name, stream.entity) == (which, lens.entity)
    assert isinstance(stream.sees_deletes, bool)
    assert stream.describe() is None or stream.describe().repeatable  # type: ignore[union-attr]


@pytest.mark.parametrize("cursor", [None, Cursor("2026-01-01T00:00:00.000Z", "")], ids=["everything", "changes"])
@pytest.mark.parametrize(("name", "which"), MAPPED)
def test_positions_are_plain_and_requests_are_pure(name: str, which: str, cursor: Cursor | None) -> None:
    stream, _ = stream_of(name, which)
    position = stream.start(cursor, NOW)
    assert position == stream.start(cursor, NOW)
    assert orjson.loads(orjson.dumps(position)) == position, "a crash resumes from JSON"
    before = deepcopy(position)
    first, second = stream.request(position), stream.request(orjson.loads(orjson.dumps(position)))
    assert first == second
    assert position == before
    assert first.repeatable, "a read may be sent again"
    assert first.path.startswith(("/", "http://", "https://"))


def pairs(said: Any, *, stream: str = "") -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(stream, position, response) wherever a sample shows all three."""
    if isinstance(said, list):
        for item in said:
            yield from pairs(item, stream=stream)
    elif isinstance(said, dict):
        stream = said.get("stream", stream)
        if stream and "position" in said and "response" in said:
            yield stream, said["position"], said["response"]
        else:
            for item in said.values():
                yield from pairs(item, stream=stream)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_of_a_sample_points_at_itself(name: str) -> None:
    connector = connectors.load(name)
    for path in sorted((ROOT / name / "samples").glob("*.yaml")):
        said = document(path)
        for which, position, answer in pairs(said):
            if which not in connector.streams or not 200 <= answer["status"] < 300:
                continue
            settings = connector.settings.model_validate(said.get("settings", {}))
            stream = connector.stream(which, settings, said.get("fields", ()))
            body = orjson.dumps(answer["json"]) if "json" in answer else answer["text"].encode()
            try:
                page = stream.page(dict(position), Response(answer["status"], body, answer.get("headers", {})))
            except ContractBroken:
                continue
            assert page.next != position or page.wait, (path.name, position)


# --- sinks ------------------------------------------------------------------------------------------------------


def writes(name: str, which: str, number: int) -> list[Write]:
    """Updates of one group, in the vendor's words, as the writer would make them."""
    sink, lens = sink_of(name, which)
    values = {"title": "Chief", "given_name": "Ann", "name": "Spring", "budget_minor": 500, "status": "active"}
    told = {field: value for field, value in values.items() if field in lens.policy.fields}
    made = []
    for n in range(number):
        payload = lens.put(told, {}, None).values
        key = Key(lens.policy.create_key, f"p{n}@people.example")
        made.append(Write(Op.UPDATE, f"id{n}", key, payload, str(n), entity_id=f"con_{n}"))
    assert len({sink.group(w) for w in made}) == 1
    return made[: sink.batch_max]


@pytest.mark.parametrize(("name", "which"), SINKS)
def test_a_sink_says_what_it_can_and_asks_purely(name: str, which: str) -> None:
    sink, lens = sink_of(name, which)
    assert sink.name == which
    assert sink.batch_max >= 1
    assert sink.look_max >= 1
    for op in Op:
        assert isinstance(sink.supports(op, ""), bool)
    look = sink.read(["1"])
    assert look == sink.read(["1"])
    assert look.repeatable
    assert sink.lookup([Key(lens.policy.create_key, "ann@people.example")]).repeatable


BROKEN = {
    "a page": b"<html><body>down for maintenance</body></html>",
    "cut short": b'{"results": [{"id": "1',
    "another form": b'{"surprise": true}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("name", "which"), SINKS)
def test_a_broken_answer_is_never_taken_for_a_success(name: str, which: str, size: int, body: bytes) -> None:
    sink, _ = sink_of(name, which)
    batch = writes(name, which, size)
    try:
        outcomes = sink.outcomes(batch, Response(200, body))
    except ContractBroken:
        return
    assert len(outcomes) == len(batch)
    assert not [o for o in outcomes if o.status is Status.APPLIED]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("name", "which"), SINKS)
def test_a_refused_batch_has_an_outcome_for_each_write(name: str, which: str, size: int, status: int) -> None:
    sink, _ = sink_of(name, which)
    batch = writes(name, which, size)
    try:
        outcomes = sink.outcomes(batch, Response(status, orjson.dumps({"message": "no"})))
    except ContractBroken:
        return
    assert len(outcomes) == len(batch)
    assert all(o.status is not Status.APPLIED for o in outcomes)
    if len(batch) == 1:
        assert outcomes[0].status is not Status.SPLIT, "one write can't be halved"


# --- faults -----------------------------------------------------------------------------------------------------

ANN = "ann.o'neil@people.example"
"""The apostrophe is legal in an address, and where many a pattern stops."""
ASKED = Request("GET", "/anything")


@pytest.mark.parametrize("name", ALIVE)
def test_what_http_says_is_understood(name: str) -> None:
    classify = connectors.load(name).classify
    nothing = Response(200, b"{}", {"content-type": "application/json"})
    assert classify(ASKED, nothing) is None
    expected = {401: FaultKind.UNAUTHORISED, 429: FaultKind.RATE_LIMITED}
    expected |= dict.fromkeys((500, 502, 503, 504), FaultKind.TRANSIENT)
    faults = {status: classify(ASKED, Response(status, b"{}")) for status in expected}
    assert {status: fault and fault.kind for status, fault in faults.items()} == expected


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_quotes_nobody(name: str, status: int) -> None:
    words = dict.fromkeys(("message", "detail", "error_description", "context"), f"{ANN} is wrong")
    for body in (
        {**words, "title": "X", "category": "X", "error": "X"},
        [{**words, "errorCode": "X"}],
        {"error": {**words, "status": "X"}, "errors": [words]},
    ):
        fault = connectors.load(name).classify(ASKED, Response(status, orjson.dumps(body)))
        assert fault is None or not re.search(r"ann\.|neil|people\.", fault.message + fault.code)


# --- against the sandbox ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """A connection to a served sandbox, with a clock that stands still unless a wait moves it."""

    sandbox: Sandbox
    settings: Any
    caller: Caller
    clock: list[datetime]

    async def walk(self, stream: Stream, cursor: Cursor | None) -> tuple[list[Record], list[Page]]:
        position: Mapping[str, Any] | None = stream.start(cursor, self.clock[0])
        records: list[Record] = []
        pages: list[Page] = []
        while position is not None:
            assert len(pages) < PAGES_MAX, "the walk goes in circles"
            at = orjson.loads(orjson.dumps(position))
            page = stream.page(at, await self.caller.send(stream.request(at)))
            assert page.next != position or page.wait, "the page points at itself"
            self.clock[0] += timedelta(seconds=page.wait)
            pages.append(page)
            records += page.records
            position = page.next
        return records, pages


@pytest.fixture
async def line(name: str) -> AsyncIterator[Line]:
    clock = [NOW]
    sandbox = sandbox_of(name, lambda: clock[0])
    running = serve(sandbox.app)
    connector, needs = connectors.load(name), sandbox.connection()
    settings = connector.settings.model_validate(dict(needs.settings))

    async def sleep(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    caller = Caller(
        connector,
        needs.base_url or running.url,
        connector.auth(settings, needs.secrets),
        MemoryTokens(),
        clock=lambda: clock[0],
        sleep=sleep,
    )
    yield Line(sandbox, settings, caller, clock)
    await caller.close()
    running.stop()


@pytest.mark.parametrize("name", NAMES)
async def test_the_sandbox_says_who_it_is(name: str, line: Line) -> None:
    connector = connectors.load(name)
    account = connector.account(await line.caller.send(connector.check(line.settings)))
    assert account.key


@pytest.mark.parametrize("name", ALIVE)
async def test_a_wrong_secret_is_refused_as_the_operators_to_mend(name: str, line: Line) -> None:
    connector, needs = connectors.load(name), line.sandbox.connection()
    pem = {n: secret for n, secret in needs.secrets.items() if "-----BEGIN" in secret}
    wrong = dict.fromkeys(needs.secrets, "x" * 40) | pem
    running = serve(line.sandbox.app)
    caller = Caller(
        connector, running.url, connector.auth(line.settings, wrong), MemoryTokens(), clock=lambda: line.clock[0]
    )
    try:
        with pytest.raises(Failed) as failed:
            await caller.send(connector.check(line.settings))
    finally:
        await caller.close()
        running.stop()
    assert failed.value.fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED)


@pytest.mark.parametrize(("name", "which"), MAPPED)
async def test_a_full_walk_ends_and_can_be_read(name: str, which: str, line: Line) -> None:
    lens = library.load(name, which)
    stream = connectors.load(name).stream(which, line.settings, lens.reads)
    records, pages = await line.walk(stream, None)
    assert all(page.cursor is None and not page.complete for page in pages[:-1]), "only the last page says so"
    assert pages[-1].cursor is not None
    assert all(record.id and orjson.dumps(record.raw) for record in records)
    for record in records:
        lens.get(record.raw, record.modified_at)
    again, _ = await line.walk(stream, None)
    assert {r.id for r in again} == {r.id for r in records}, "nothing happened in between"


@pytest.mark.parametrize(("name", "which"), MAPPED)
async def test_a_walk_by_changes_goes_on_from_the_cursor(name: str, which: str, line: Line) -> None:
    stream = connectors.load(name).stream(which, line.settings, library.load(name, which).reads)
    everything, pages = await line.walk(stream, None)
    cursor = pages[-1].cursor
    assert cursor is not None
    line.clock[0] += timedelta(hours=1)
    changed, later = await line.walk(stream, cursor)
    assert {r.id for r in changed} <= {r.id for r in everything}
    assert later[-1].cursor is not None
    assert later[-1].cursor.at >= cursor.at, "a cursor never goes back"


@pytest.mark.parametrize(("name", "which"), SINKS)
async def test_a_look_shows_what_a_walk_showed(name: str, which: str, line: Line) -> None:
    connector, lens = connectors.load(name), library.load(name, which)
    records, _ = await line.walk(connector.stream(which, line.settings, lens.reads), None)
    alive = [r for r in records if not r.gone]
    sink = connector.sink(which, line.settings, lens.reads)
    for record in alive[: min(3, sink.look_max)]:
        found = sink.found([record.id], await line.caller.send(sink.read([record.id])))
        assert [r.id for r in found.records] == [record.id]
        assert lens.get(found.records[0].raw, None).values == lens.get(record.raw, None).values
        assert not found.missing


@pytest.mark.parametrize("name", NAMES)
async def test_the_sandbox_counts_its_calls_and_its_people(name: str, line: Line) -> None:
    stream = connectors.load(name).streams[0]
    await line.walk(connectors.load(name).stream(stream, line.settings, library.load(name, stream).reads), None)
    assert line.sandbox.name == name
    if line.sandbox.connection().base_url == "":
        assert sum(line.sandbox.calls.values()) > 0
    for remote_id in line.sandbox.people.ids()[:3]:
        assert line.sandbox.people.get(remote_id) is not None
    assert line.sandbox.people.get("no-such-id") is None
