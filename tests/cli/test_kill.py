"""Law 5 with a real process: killed without warning again and again, nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from hub.operations.sandboxes import Serving
from tests.cli.conftest import Hub, connect
from tests.cli.test_main_job import systems

__all__ = ["systems"]

KILLS = 6
ROOT = Path(__file__).resolve().parents[2]


def total(systems: dict[str, Serving]) -> int:
    return sum(one.sandbox.calls.total() for one in systems.values())


def killed(home: Path, systems: dict[str, Serving], after: int) -> bool:
    """Runs `hub sync` in a process of its own and kills it once the vendors saw `after` more calls. False: it ended
    before."""
    goal = total(systems) + after
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hub.cli", "--home", str(home), "sync", "--until-quiet", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and total(systems) < goal and time.monotonic() < deadline:
        time.sleep(0.002)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def test_a_sync_that_is_killed_again_and_again_ends_as_if_it_never_was(
    hub: Hub, home: Path, systems: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DOUBT_SECONDS", "1")  # these vendors work on nothing that nobody waits for
    for serving in systems.values():
        assert connect(hub, monkeypatch, serving).code == 0
    for name in systems:
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    chance = Random(5)
    deaths = sum(killed(home, systems, chance.randrange(1, 9)) for _ in range(KILLS))
    assert deaths >= 3, "it was never in the middle of anything"
    done = hub("sync", "--until-quiet", "--json")
    assert done.code == 0, done.err + done.out
    verified = hub("verify", "--json")
    assert verified.code == 0, verified.out
    assert verified.json["differ"] == 0
    for serving in systems.values():
        people = serving.sandbox.people
        records = [people.get(i) or {} for i in people.ids()]
        addresses = Counter(str(r.get("email") or r.get("email_address") or i) for i, r in enumerate(records))
        assert [a for a, n in addresses.items() if n > 1] == []
    again = hub("sync", "--json")
    assert sum(c["counts"]["created"] + c["counts"]["updated"] for c in again.json["connections"].values()) == 0
