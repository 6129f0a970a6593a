"""What walks read, and what they may conclude."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from connectors.csv import CONNECTOR
from connectors.csv.faults import Unusable
from connectors.csv.sandbox import CsvSandbox, sandbox
from hub.domain.outcome import FaultKind
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.sandbox import SandboxOptions, serve
from tests.connectors.csv.walks import NOW, Folder


def gets(folder: Folder) -> list[str]:
    asked = [request.path for request in folder.asked]
    folder.asked.clear()
    return asked


async def test_an_unchanged_folder_is_not_read(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    folder.put("b.csv", "email\nb@x.example\n")
    first = await folder.walk()
    assert first.last.complete
    assert sorted(gets(folder)) == ["/", "/a.csv", "/b.csv"]
    again = await folder.walk(cursor=first.last.cursor)
    assert gets(folder) == ["/"]
    assert again.records == []
    assert not again.last.complete
    assert again.last.cursor == first.last.cursor


async def test_an_added_file_is_read_alone(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    first = await folder.walk()
    gets(folder)
    folder.put("b.csv", "email\nb@x.example\n")
    second = await folder.walk(cursor=first.last.cursor)
    assert gets(folder) == ["/", "/b.csv"]
    assert second.emails == ["b@x.example"]
    assert not second.last.complete
    assert not second.whole


@pytest.mark.parametrize("change", ["edit", "remove", "rename", "settings"])
async def test_a_changed_folder_is_read_whole(folder: Folder, change: str) -> None:
    folder.put("a.csv", "email\na@x.example\nc@x.example\n")
    folder.put("b.csv", "email\nb@x.example\n")
    first = await folder.walk()
    if change == "edit":
        folder.put("a.csv", "email\na@x.example\n")
    elif change == "remove":
        (folder.path / "a.csv").unlink()
    elif change == "rename":
        (folder.path / "a.csv").rename(folder.path / "z.csv")
    else:
        folder.settings = {"time_zone": "Europe/Berlin"}
    walk = await folder.walk(cursor=first.last.cursor)
    assert walk.whole
    assert walk.last.complete
    assert "b@x.example" in walk.emails


async def test_an_empty_folder_proves_nothing(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    first = await folder.walk()
    (folder.path / "a.csv").unlink()
    walk = await folder.walk(cursor=first.last.cursor)
    assert not walk.last.complete
    assert not (await folder.walk()).last.complete


async def test_a_file_cut_to_nothing_proves_nothing(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    folder.put("b.csv", "")
    walk = await folder.walk()
    assert walk.said == ["b.csv: the file is empty; was it cut short?"]
    assert not walk.last.complete


async def test_malformed_rows_are_told_with_file_and_line_and_the_rest_goes_on(folder: Folder) -> None:
    rows = [
        "Email,First Name,Note",
        "a@x.example,A,fine",
        "b@x.example,B",
        'c@x.example,C,"open',
        "d@x.example,D,fine",
        "e@x.example,E\x00,nul",
        "f@x.example,F,one,too many",
        f'g@x.example,G,"{"x" * 10_000_000}"',
        'h@x.example,H,"two\nlines"',
    ]
    body = "\n".join(rows).encode() + b"\ni@x.example,\xff\xfe,bytes\nj@x.example,J\xc3\xb6rg,last"
    folder.put("nasty.csv", body)
    walk = await folder.walk()
    assert [email[0] for email in walk.emails] == ["a", "d", "h", "j"]
    assert [said.split(":")[0] for said in walk.said] == [
        "nasty.csv, line 3",
        "nasty.csv, line 4",
        "nasty.csv, line 6",
        "nasty.csv, line 7",
        "nasty.csv, line 8",
        "nasty.csv, line 11",
    ]
    assert not walk.last.complete
    assert not any("@" in said for said in walk.said)


async def test_complaints_of_one_file_are_bounded(folder: Folder) -> None:
    folder.put("bad.csv", "Email,Name\n" + "only one field\n" * 5_000 + "a@x.example,A\n")
    walk = await folder.walk()
    assert walk.emails == ["a@x.example"]
    assert len(walk.said) == 201
    assert walk.said[-1].startswith("bad.csv, in all: 4800 more rows")


async def test_a_file_that_changes_under_our_hands(folder: Folder) -> None:
    rows = "".join(f"p{n:07d}@x.example,{'n' * 80}\n" for n in range(30_000))
    folder.put("big.csv", f"Email,Note\n{rows}")
    files = CONNECTOR.stream("contacts", CONNECTOR.settings(), ())
    position: dict[str, Any] | None = files.start(None, NOW)
    seen: list[str] = []
    step = 0
    while position is not None:
        response = await folder.send(files.request(position))
        page = files.page(position, response)
        seen += [record.id for record in page.records]
        position = page.next
        step += 1
        if step == 2:
            folder.put("big.csv", f"Email,Note\n{rows}late@x.example,x\n")
    assert seen[-1] == "email:big:late@x.example"
    assert len(set(seen)) == 30_001
    assert page.complete


async def test_a_folder_that_never_rests_is_given_up(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    files = CONNECTOR.stream("contacts", CONNECTOR.settings(), ())

    async def read() -> None:
        position: dict[str, Any] | None = files.start(None, NOW)
        for step in range(50):
            assert position is not None
            position = files.page(position, await folder.send(files.request(position))).next
            folder.put("a.csv", f"email\na{step}@x.example\n")
            os.utime(folder.path / "a.csv", ns=(step, step))

    with pytest.raises(Unusable, match="faster") as caught:
        await read()
    assert caught.value.fault().kind is FaultKind.MISCONFIGURED


async def test_a_file_that_vanishes_under_our_hands(folder: Folder) -> None:
    folder.put("a.csv", "email\na@x.example\n")
    folder.put("b.csv", "email\nb@x.example\n")
    files = CONNECTOR.stream("contacts", CONNECTOR.settings(), ())
    page = files.page(files.start(None, NOW), await folder.send(get("/")))
    (folder.path / "a.csv").unlink()
    (folder.path / "b.csv").unlink()
    assert page.next is not None
    again = files.page(page.next, await folder.send(files.request(page.next)))
    assert again.next is not None
    assert again.next["stage"] == "list"
    assert not again.complete


async def test_memory_is_flat_in_the_size_of_the_file(tmp_path: Path) -> None:
    header, rows = "Email,First Name,Last Name,City,Note\n", 120_000
    with (tmp_path / "big.csv").open("w") as file:
        file.write(header)
        for n in range(rows):
            file.write(f'person{n}@x.example,First{n},"Last, {n}",Berlin,{"note " * 8}\n')
    assert (tmp_path / "big.csv").stat().st_size > 10_000_000
    folder = Folder(tmp_path)
    files = CONNECTOR.stream("contacts", CONNECTOR.settings(page_kib=1024), ())
    position: dict[str, Any] | None = files.start(None, NOW)
    count, sizes = 0, []
    tracemalloc.start()
    while position is not None:
        page = files.page(position, await folder.send(files.request(position)))
        folder.asked.clear()
        count += len(page.records)
        position = page.next
        sizes.append(len(orjson.dumps(position)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == rows
    assert peak < 40_000_000
    assert max(sizes) < 1_000


async def test_only_the_named_files(folder: Folder) -> None:
    folder.settings = {"files": "crm-*.csv, extra.tsv"}
    folder.put("CRM-1.csv", "email\na@x.example\n")
    folder.put("extra.tsv", "email\tname\nb@x.example\tB\n")
    folder.put("other.csv", "email\nc@x.example\n")
    folder.put("~$crm-1.csv", "lock")
    folder.put("hub-contacts.csv", "hub_id,email\ncon_1,d@x.example\n")
    walk = await folder.walk()
    assert sorted(walk.emails) == ["a@x.example", "b@x.example"]


async def test_names_with_spaces_and_signs(folder: Folder) -> None:
    for name in ("a b (1).csv", "ä#?&%.csv", "Kontakte 100%.csv"):
        folder.put(name, f"email\n{len(name)}@x.example\n")
    walk = await folder.walk()
    assert walk.said == []
    assert len(walk.records) == 3


async def test_too_many_files(folder: Folder) -> None:
    for n in range(501):
        folder.put(f"f{n}.csv", "email\n")
    with pytest.raises(Unusable, match="501 files"):
        await folder.walk()


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 404, FaultKind.MISCONFIGURED),
        ("/", 403, FaultKind.MISCONFIGURED),
        ("/x.csv", 403, FaultKind.MISCONFIGURED),
        ("/x.csv", 404, None),
        ("/x.csv", 412, None),
        ("/x.csv", 304, None),
        ("/x.csv", 507, FaultKind.MISCONFIGURED),
        ("/x.csv", 500, FaultKind.TRANSIENT),
        ("/x.csv", 429, FaultKind.RATE_LIMITED),
        ("/", 401, FaultKind.UNAUTHORISED),
        ("/", 200, None),
    ],
)
def test_faults(path: str, status: int, kind: FaultKind | None) -> None:
    fault = CONNECTOR.classify(get(path), Response(status, b'{"code":"c","message":"m"}'))
    assert (fault.kind if fault else None) == kind


@pytest.mark.parametrize(
    "body", [b"{}", b"<html>", b'[{"name":"a.csv"}]', b"[1]", b'[{"name":"a.csv","size":"1","etag":"x"}]']
)
def test_a_listing_that_is_none(body: bytes) -> None:
    files = CONNECTOR.stream("contacts", CONNECTOR.settings(), ())
    with pytest.raises(ContractBroken):
        files.page(files.start(None, NOW), Response(200, body))


def test_settings_refuse_what_leads_out_of_the_folder() -> None:
    for bad in (
        {"files": "../x.csv"},
        {"files": ""},
        {"target_file": "a/b.csv"},
        {"target_file": ".hidden"},
        {"encoding": "klingon"},
        {"delimiter": "x"},
        {"time_zone": "Mars"},
        {"page_kib": 1},
        {"colour": "red"},
    ):
        with pytest.raises(ValidationError):
            CONNECTOR.settings(**bad)


# -- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.fixture
def exports() -> Any:
    made = sandbox(SandboxOptions(seed=5, people=1500, clock=lambda: NOW))
    yield made
    made.close()


async def test_the_sandbox_is_read_as_it_is(exports: CsvSandbox) -> None:
    folder = Folder(exports.folder)
    assert exports.connection().base_url == f"file://{exports.folder}"
    walk = await folder.walk()
    assert walk.said == []
    assert walk.last.complete
    assert sorted(record.id for record in walk.records) == exports.people.ids()
    assert len(walk.records) == len(SandboxOptions(seed=5, people=1500).the_world().appearances("csv"))
    assert {record.raw["source"] for record in walk.records} == {"hubspot", "salesforce", "mailchimp"}
    for record in walk.records:
        assert exports.people.get(record.id) == record.raw
    denied = [record for record in walk.records if record.raw["email_consent"] == "denied"]
    assert len(denied) > 5
    assert {record.raw["source"] for record in denied} == {"hubspot", "salesforce", "mailchimp"}


async def test_what_clerks_do_is_seen(exports: CsvSandbox) -> None:
    folder = Folder(exports.folder)
    first = await folder.walk()
    people = exports.people
    by_shape = {shape: next(i for i in people.ids() if i.startswith(shape)) for shape in ("hubspot", "salesforce")}
    subscribed = next(r.id for r in first.records if r.raw.get("status") == "subscribed")
    people.edit(by_shape["hubspot"], {"first_name": "Renamed"})
    people.opt_out(by_shape["salesforce"])
    people.opt_out(subscribed)
    made = people.create({"email": "new@x.example", "last_name": "New"})
    gone = [i for i in people.ids() if i.startswith("hubspot")][5]
    people.delete(gone)
    walk = await folder.walk(cursor=first.last.cursor)
    shown = {record.id: record.raw for record in walk.records}
    assert shown[by_shape["hubspot"]]["first_name"] == "Renamed"
    assert shown[by_shape["hubspot"]]["modified_at"] == "2026-01-05T09:00:00.000Z"
    assert shown[by_shape["salesforce"]]["email_consent"] == "denied"
    assert (shown[subscribed]["email_consent"], shown[subscribed]["consent_at"]) == (
        "denied",
        "2026-01-05T09:00:00.000Z",
    )
    assert shown[made]["email"] == "new@x.example"
    assert gone not in shown
    assert walk.whole
    assert walk.last.complete


async def test_the_share_answers_as_the_door_does(exports: CsvSandbox) -> None:
    """Two servers of one folder, written apart: the same requests, the same statuses, bodies and ranges."""
    folder = Folder(exports.folder)
    name = "/Contact.csv"
    etag = (await folder.send(get(name))).headers["etag"]
    requests = [
        Request("GET", "/"),
        Request("GET", name),
        Request("GET", name, headers=(("Range", "bytes=10-19"),)),
        Request("GET", name, headers=(("Range", "bytes=99999999-99999999"),)),
        Request("GET", name, headers=(("If-Match", '"other"'),)),
        Request("GET", name, headers=(("If-Match", etag), ("Range", "bytes=0-5"))),
        Request("GET", name, headers=(("If-None-Match", etag),)),
        Request("GET", "/nothing.csv"),
        Request("PUT", name, headers=(("If-None-Match", "*"),), body=b"x"),
        Request("PUT", name, headers=(("If-Match", '"other"'),), body=b"x"),
        Request("PUT", "/new.csv", headers=(("If-Match", "*"),), body=b"x"),
    ]
    with serve(exports.app) as running:
        client = httpx.AsyncClient(base_url=running.url)
        for request in requests:
            ours = await folder.send(request)
            theirs = await client.request(
                request.method, request.path, headers=list(request.headers), content=request.body
            )
            assert (ours.status, ours.headers.get("content-range")) == (
                theirs.status_code,
                theirs.headers.get("content-range"),
            ), request
            if ours.ok:
                assert ours.body == theirs.content or orjson.loads(ours.body) == theirs.json()
                assert ours.headers.get("etag") == theirs.headers.get("etag")
        await client.aclose()
    assert exports.calls["GET /{name}"] >= 6
