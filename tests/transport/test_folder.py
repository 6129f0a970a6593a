"""A folder behind the same door: listing, ranges, safe replacement, and no way out."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hub.sdk.auth import NoAuth
from hub.sdk.http import Request, Response, get
from hub.transport.client import Caller
from hub.transport.tokens import MemoryTokens
from tests.transport.shop import Clock, connector

ROWS = b"email,name\n" + b"".join(b"p%d@a.example,P%d\n" % (n, n) for n in range(20_000))


class Desk:
    """A caller on a folder with spaces in its name, and a file beside it that nobody may see."""

    def __init__(self, beside: Path) -> None:
        self.root = beside / "my exports ä"
        self.root.mkdir()
        (beside / "secret.txt").write_text("secret")
        (self.root / "people.csv").write_bytes(ROWS)
        clock = Clock()
        files = replace(connector(), classify=lambda request, response: None)
        self.caller = Caller(files, self.root.as_uri() + "/", NoAuth(), MemoryTokens(), clock=clock, sleep=clock.sleep)

    async def get(self, path: str, **headers: str) -> Response:
        return await self.send(get(path), **headers)

    async def put(self, path: str, body: bytes, **headers: str) -> Response:
        return await self.send(Request("PUT", path, body=body), **headers)

    async def send(self, request: Request, **headers: str) -> Response:
        for name, value in headers.items():
            request = request.with_header(name.replace("_", "-"), value)
        return await self.caller.send(request)

    def names(self) -> list[str]:
        return sorted(p.name for p in self.root.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_the_list_shows_plain_files_alone(desk: Desk, tmp_path: Path) -> None:
    (desk.root / ".hidden").write_text("x")
    (desk.root / "more").mkdir()
    (desk.root / "Café.csv").write_text("ü")
    (desk.root / "way-out.csv").symlink_to(tmp_path / "secret.txt")
    (desk.root / "loop.csv").symlink_to(desk.root / "loop.csv")
    (desk.root / "same.csv").symlink_to(desk.root / "people.csv")
    os.mkfifo(desk.root / "pipe.csv")
    Path(os.fsdecode(bytes(desk.root) + b"/\xff.csv")).write_text("x")
    listed = (await desk.get("/")).json()
    assert [f["name"] for f in listed] == ["Café.csv", "people.csv", "same.csv"]
    assert listed[1]["size"] == len(ROWS)
    assert listed[1]["modified"].endswith("Z")
    assert (await desk.get("/people.csv")).headers["etag"] == listed[1]["etag"]


async def test_ranges_cut_anywhere_make_the_whole(desk: Desk) -> None:
    parts, start = [], 0
    while True:
        answer = await desk.get("/people.csv", Range=f"bytes={start}-{start + 99_999}")
        if answer.status == 416:
            break
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(answer.body) - 1}/{len(ROWS)}"
        parts.append(answer.body)
        start += len(answer.body)
    assert b"".join(parts) == ROWS
    assert (await desk.get("/people.csv", Range="bytes=-5")).body == ROWS[-5:]
    assert (await desk.get("/people.csv", Range="bytes=10-")).body == ROWS[10:]
    assert (await desk.get("/people.csv")).body == ROWS


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=9-3", "lines=1-2", "bytes=0-1,4-5", "bytes=-0"])
async def test_other_ranges_are_refused(desk: Desk, asked: str) -> None:
    assert (await desk.get("/people.csv", Range=asked)).status == 416


async def test_an_empty_file_is_a_file(desk: Desk) -> None:
    (desk.root / "empty.csv").touch()
    answer = await desk.get("/empty.csv")
    assert (answer.status, answer.body) == (200, b"")


async def test_a_read_notices_that_the_file_changed(desk: Desk) -> None:
    etag = (await desk.get("/people.csv")).headers["etag"]
    assert (await desk.get("/people.csv", If_None_Match=etag)).status == 304
    (desk.root / "people.csv").write_bytes(ROWS + b"x")
    assert (await desk.get("/people.csv", Range="bytes=0-9", If_Match=etag)).status == 412
    assert (await desk.get("/people.csv", If_None_Match=etag)).status == 200


async def test_a_file_is_replaced_whole_and_only_if_nobody_else_did(desk: Desk) -> None:
    path = desk.root / "people.csv"
    path.chmod(0o640)
    etag = (await desk.get("/people.csv")).headers["etag"]
    written = await desk.put("/people.csv", b"new", If_Match=etag)
    assert (written.status, path.read_bytes(), path.stat().st_mode & 0o777) == (200, b"new", 0o640)
    assert written.headers["etag"] == (await desk.get("/people.csv")).headers["etag"] != etag
    assert (await desk.put("/people.csv", b"newer", If_Match=etag)).status == 412
    assert (await desk.put("/people.csv", b"newer", If_None_Match="*")).status == 412
    assert (await desk.put("/gone.csv", b"newer", If_Match=etag)).status == 412
    assert path.read_bytes() == b"new"
    assert (await desk.put("/fresh.csv", b"1", If_None_Match="*")).status == 201
    assert desk.names() == ["fresh.csv", "people.csv"], "no leftovers"


async def test_a_link_inside_the_folder_stays_a_link(desk: Desk) -> None:
    (desk.root / "link.csv").symlink_to(desk.root / "people.csv")
    assert (await desk.put("/link.csv", b"new")).status == 200
    assert (desk.root / "link.csv").is_symlink()
    assert (desk.root / "people.csv").read_bytes() == b"new"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/more/../../secret.txt",
        "/%00",
        "/way-out.csv",
        "/loop.csv",
        "/.hidden",
        "/more/x.csv",
        "/pipe.csv",
        "/more",
        "//etc/passwd",
    ],
)
async def test_there_is_no_way_out(desk: Desk, tmp_path: Path, path: str) -> None:
    (desk.root / "more").mkdir()
    (desk.root / "more" / "x.csv").write_text("deep")
    (desk.root / ".hidden").write_text("x")
    (desk.root / "way-out.csv").symlink_to(tmp_path / "secret.txt")
    (desk.root / "loop.csv").symlink_to(desk.root / "loop.csv")
    os.mkfifo(desk.root / "pipe.csv")
    assert (await desk.get(path)).status == 403
    assert (await desk.put(path, b"mine")).status == 403
    assert (tmp_path / "secret.txt").read_text() == "secret"
    whole = "file://" + str(tmp_path / "secret.txt")
    assert (await desk.get(whole)).status == 403
    assert (await desk.get("file://elsewhere/share/a.csv")).status == 403


async def test_refusals_say_why(desk: Desk) -> None:
    missing = await desk.get("/nothing.csv")
    assert (missing.status, json.loads(missing.body)["code"]) == (404, "not_found")
    assert (await desk.get("/" + "x" * 300)).status == 400
    assert (await desk.send(Request("DELETE", "/people.csv"))).status == 405


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    clock = Clock()
    base = (tmp_path / "none").as_uri()
    caller = Caller(connector(), base, NoAuth(), MemoryTokens(), clock=clock, sleep=clock.sleep)
    assert (await caller.send(get("/"))).status == 404
