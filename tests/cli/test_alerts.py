"""`hub alerts` as an operator uses it, with somebody who is told."""

from __future__ import annotations

import http.server
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from sync_jobs import refusals
from tests.cli.conftest import Hub

PATH = "/hooks/5f2b9c"


@dataclass
class Ops:
    url: str = ""
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ops]:
    """A receiver that `HUB_ALERT_URL` names."""
    found = Ops()

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if found.status == 200:
                found.taken.append(orjson.loads(body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    monkeypatch.setenv("HUB_ALERT_URL", found.url)
    yield found
    server.shutdown()
    server.server_close()


def findings(hub: Hub) -> list[str]:
    """What `hub doctor` found of alerts."""
    return [f["found"] for f in hub("doctor", "--json").json["findings"] if f["what"] == "alerts"]


def test_from_the_trouble_to_the_message(hub: Hub, home: Path, ops: Ops) -> None:
    folder = home / "exports"
    folder.mkdir()
    (folder / "a.csv").write_text("id,email\n1,a@x.example\n")
    assert hub("connections", "add", "files", "--connector", "csv", "--base-url", f"file://{folder}").code == 0
    assert "nobody has looked yet" in hub("alerts").out
    assert any("nobody has looked for 15 minutes" in found for found in findings(hub))
    assert hub("sync").code == 0
    assert hub("alerts", "--look", "--json").json["open"] == []
    assert "nothing is wrong" in hub("alerts").out
    assert "nobody since" not in hub("status").out

    folder.rename(home / "gone")
    assert hub("sync").code == 1
    looked = hub("alerts", "--look", "--json")
    assert (looked.code, looked.json["began"], looked.json["messages"]) == (0, 1, 1)
    assert [a["key"] for a in looked.json["open"]] == ["failed/files"]
    assert [(m["event"], m["kind"], m["connection"]) for m in ops.taken] == [("began", "failed", "files")]
    assert hub("alerts", "--look", "--json").json["messages"] == 0
    assert "failed" in hub("alerts", "--all").out
    assert "1 open: `hub alerts`" in hub("status").out
    assert hub("status", "--json").json["alerts"][0].startswith("files is stopped")
    assert [found.startswith("1 open: files is stopped") for found in findings(hub)] == [True]


def test_the_address_is_shown_nowhere(hub: Hub, home: Path, ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_LEVEL", "debug")
    ops.status = 403
    said = []
    for command in (("--test",), ("--test", "--json"), ("--look",), (), ("--json",)):
        shown = hub("alerts", *command)
        said.append(shown.out + shown.err)
    shown = hub("settings", "--json")
    assert "HTTP 403" in said[0]
    assert "HTTP Request" in "".join(said), "the client's own line is there, without the address"
    assert "5f2b9c" not in "".join([*said, shown.out, shown.err])


def test_trying_whether_messages_arrive(hub: Hub, home: Path, ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub("alerts", "--test").code == 0
    monkeypatch.setenv("HUB_ALERT_FORMAT", "slack")
    assert hub("alerts", "--test", "--json").json == {"ok": True, "to": "slack"}
    assert [m.get("event", m.get("text")) for m in ops.taken] == [
        "test",
        "martech hub: this is a test of the hub's alerts",
    ]
    ops.status = 404
    shown = hub("alerts", "--test")
    assert shown.code == 1
    assert "did not take the message: HTTP 404" in shown.err
    monkeypatch.delenv("HUB_ALERT_URL")
    assert hub("alerts", "--test").code == 1
    assert hub("alerts", "--test", "--look").code == 1


def test_messages_that_are_refused_for_good_are_said(
    hub: Hub, home: Path, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub("connections", "add", "nowhere", "--connector", "csv", "--base-url", "http://127.0.0.1:9/").code == 0
    hub("connections", "pause", "nowhere")
    with sqlite3.connect(home / "hub.db") as conn:
        conn.execute("UPDATE connections SET state = 'broken', state_reason = '401'")
    ops.status = 400
    looked = hub("alerts", "--look", "--json")
    assert (looked.code, looked.json["ok"], looked.json["messages"], looked.json["untold"]) == (1, False, 0, 1)
    said = "refused by the receiver failed/nowhere began (HTTP 400, once since "
    assert said in hub("alerts").out
    assert hub("alerts", "--json").json["ok"] is False
    monkeypatch.setattr(refusals, "TIMES_ALONE", 2)
    with sqlite3.connect(home / "hub.db") as conn:
        conn.execute(
            'UPDATE settings SET value = replace(value, \'"again_at":"2\', \'"again_at":"1\') WHERE name = ?',
            (refusals.SETTING,),
        )
    assert hub("alerts", "--look").code == 0
    assert "given up failed/nowhere began (HTTP 400, 2 times since " in hub("alerts").out
    assert "the receiver refuses failed/nowhere began (HTTP 400)" in findings(hub)
    assert refusals.SETTING not in hub("settings").out


@pytest.mark.parametrize("told", [True, False])
def test_what_nobody_looked_at_for_long_is_not_said_to_be_well(
    hub: Hub, home: Path, ops: Ops, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    if not told:
        monkeypatch.delenv("HUB_ALERT_URL")
    assert hub("alerts", "--look").code == 0
    assert findings(hub) == ["none is open"]
    with sqlite3.connect(home / "hub.db") as conn:
        conn.execute("UPDATE settings SET value = '\"2026-01-01T00:00:00.000Z\"' WHERE name = 'alerts.looked_at'")
    said = hub("alerts").out
    assert "nothing is wrong" not in said
    assert "nobody has looked since" in said
    assert "nobody since 2026-01-01 00:00" in hub("status").out
    assert hub("status", "--json").json["unwatched"] == "2026-01-01T00:00:00.000Z"
    assert [found.endswith("nobody has looked for 15 minutes") for found in findings(hub)] == [True]
