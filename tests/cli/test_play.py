"""The demo, the sandboxes and the simulation, as a newcomer runs them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import pytest

from hub.operations import demo as demos
from hub.operations import sandboxes
from hub.operations.demo import Contest, OptOut
from hub.operations.sync import Synced
from hub.operations.verify import Verified
from hub.sdk.sandbox import SandboxOptions
from tests.cli.conftest import Hub

ROOT = Path(__file__).parents[2]


def test_the_demo_resolves_duplicates_settles_edits_and_comes_to_rest(hub: Hub) -> None:
    shown = hub("demo", "--people", "60", "--seed", "3", "--json")
    assert shown.code == 0, shown.out + shown.err
    done = shown.json
    assert (done["ok"], done["wrong"]) == (True, [])
    assert done["golden"] < done["records"]
    assert (done["second_run_writes"], done["verify"]["differ"]) == (0, 0)
    assert done["verify"]["agree"] > done["records"]
    assert set(done["connections"]) == {"salesforce", "hubspot", "mailchimp", "google_ads"}
    assert sum(c["created"] for c in done["connections"].values()) > 0
    assert done["connections"]["google_ads"]["created"] == 0
    assert sum(c["api_calls"] for c in done["connections"].values()) <= done["api_calls"]
    assert len(done["edits"]) >= 3
    for contest in done["edits"]:
        systems = [said["system"] for said in contest["said"]]
        assert contest["earlier"] == (contest["winner"] not in systems)
        assert contest["rule"] == "ranked"
    assert any(len(contest["said"]) > 1 for contest in done["edits"])
    assert done["opt_out"]["reached"]
    assert done["opt_out"]["missed"] == []


def test_the_story_is_told_on_stdout(hub: Hub) -> None:
    shown = hub("demo", "--people", "30")
    assert shown.code == 0, shown.out + shown.err
    for words in ("Four vendors", "the same person again", "nothing written yet", "allow-writes hubspot", "quiet",
                  "somebody types", "who won, and why", "0 differ", "0 writes", "all systems agree"):  # fmt: skip
        assert words in shown.out, words


def test_the_same_seed_gives_the_same_people() -> None:
    def people(name: str) -> list[object]:
        serving = sandboxes.start(name, SandboxOptions(seed=5, people=30))
        with serving.running:
            listed = serving.sandbox.people
            return [(listed.get(i) or {}).get("email") for i in listed.ids()]

    assert people("hubspot") == people("hubspot")


SYNCED = Synced(True, 1, True, {}, {}, {})
VERIFIED = Verified(True, 9, 0, 0, {}, (), {}, 1)
CONTEST = Contest("Ann", "con_1", "phone", (), "crm", False, "1", "ranked", "")


@pytest.mark.parametrize(
    ("sentence", "changed"),
    [
        ("failed", {"syncs": [Synced(False, 1, True, {}, {"crm": "no"}, {})]}),
        ("parked", {"syncs": [Synced(False, 1, True, {}, {}, {"crm": "brake"})]}),
        ("rest", {"again": Synced(True, 12, False, {}, {}, {})}),
        ("differ", {"found": Verified(False, 9, 1, 0, {}, (), {}, 1)}),
        ("could not be verified", {"found": Verified(False, 9, 0, 0, {}, (), {"crm": "no"}, 1)}),
        ("no duplicate", {"made": 10}),
        ("nobody was found", {"contests": []}),
        ("did not reach", {"opted": OptOut("Ann", "con_1", "mail", (), ("crm",))}),
    ],
)
def test_the_demo_is_not_ok_when_anything_is_wrong(sentence: str, changed: dict[str, object]) -> None:
    fine: dict[str, object] = {
        "syncs": [SYNCED], "records": 10, "made": 9, "contests": [CONTEST], "opted": None, "found": VERIFIED,
        "again": SYNCED,
    }  # fmt: skip
    assert demos._wrong(**fine) == []  # type: ignore[arg-type]
    assert sentence in " ".join(demos._wrong(**{**fine, **changed}))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["hubspot", "mailchimp", "salesforce", "google_ads"])
def test_a_sandbox_says_how_to_connect_and_stops_at_ctrl_c(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hub.cli", "sandbox", name, "--people", "20", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        text = b""
        assert process.stdout is not None
        while not text.endswith(b"\n}\n"):
            line = process.stdout.readline()
            assert line, "the sandbox ended"
            text += line
        up = orjson.loads(text)
        assert httpx.get(up["base_url"] + "/").status_code >= 400
        assert up["people"] > 0
        assert f"hub connections add {name} --connector {name} --base-url {up['base_url']}" in up["command"]
        assert all(value in up["command"] for value in up["secrets"].values())
    finally:
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        process.kill()
    assert process.returncode == 0


def test_the_printed_command_connects(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word of the printed command as a shell would split it."""
    for name in sandboxes.names():
        serving = sandboxes.start(name, SandboxOptions(people=20))
        with serving.running:
            words = shlex.split(serving.up.command)
            while "=" in words[0]:
                monkeypatch.setenv(*words.pop(0).split("=", 1))
            assert words.pop(0) == "hub"
            added = hub(*words)
            assert added.code == 0, added.err
            checked = hub("connections", "check", name)
            assert checked.code == 0, checked.err


def test_sandboxes_that_do_not_exist(hub: Hub) -> None:
    shown = hub("sandbox", "hubsport")
    assert shown.code == 1
    assert '"hubspot"' in shown.err
    assert hub("sandbox", "hubspot", "--faults", "some").code == 1


def test_a_simulation_is_the_same_for_the_same_seed(hub: Hub) -> None:
    one = hub("simulate", "--seed", "4", "--steps", "30", "--faults", "heavy", "--json")
    assert one.code == 0, one.out + one.err
    two = hub("simulate", "--seed", "4", "--steps", "30", "--faults", "heavy", "--json")
    assert one.json["trace"] == two.json["trace"]
    other = hub("simulate", "--seed", "5", "--steps", "30", "--faults", "heavy", "--json")
    assert other.json["trace"] != one.json["trace"]
    shown = hub("simulate", "--seed", "4", "--steps", "30", "--faults", "heavy", "--trace")
    assert "every law held" in shown.out
    assert one.json["trace"] in shown.out
