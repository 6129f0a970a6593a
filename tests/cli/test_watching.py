"""`hub status --watch`, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from hub.cli import standing
from hub.operations.status import ConnectionStatus, Status, StreamStatus
from tests.cli.conftest import Hub

PATIENCE = 60.0


def test_it_is_shown_anew_until_ctrl_c_and_what_was_seen_last_stays(hub: Hub, home: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hub.cli", "--home", str(home), "status", "--watch"]
    watching = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    shown, asked, deadline = "", False, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            shown += os.read(ours, 65_536).decode(errors="replace")
        except OSError:  # so a terminal ends on Linux
            break
        if not asked and shown.count("Ctrl-C ends") == 2:
            watching.send_signal(signal.SIGINT)
            asked = True
    os.close(ours)
    assert watching.wait(PATIENCE) == 0, shown
    assert asked
    assert "no connections yet" in shown.rpartition("Ctrl-C ends")[2]


def test_nobody_watches_a_file(hub: Hub, home: Path) -> None:
    for arguments in (("status", "--watch"), ("status", "--watch", "--json")):
        shown = hub(*arguments)
        assert shown.code == 1
        assert "--watch shows things on a terminal" in shown.err + shown.out


def text(status: Status, before: Status | None = None) -> str:
    console = Console(width=120, file=StringIO())
    with console.capture() as shown:
        console.print(standing.drawn(status, before))
    return shown.get()


def status(stream: StreamStatus) -> Status:
    one = ConnectionStatus("crm", "salesforce", "active", "", True, "", 0, (stream,))
    return Status(Path("/home"), {"contact": 5}, 0, 0, 0, (one,))


def test_what_moved_since_the_look_before_is_shown_beside_the_number() -> None:
    before = StreamStatus("contacts", 1_000, 40, 7, None, None)
    shown = text(status(replace(before, records=1_250, due=2)), status(before))
    assert "1,250 +250" in shown
    assert "2 -5" in shown
    assert "unheard" in shown


def test_what_is_not_heard_yet_has_a_column_while_there_is_any() -> None:
    stream = StreamStatus("contacts", 1_000, 0, None, None, None)
    assert "unheard" not in text(status(stream))
    assert "unheard" in text(status(replace(stream, unheard=3)))
