"""The systemd units: systemd reads them, and finds little that they leave open."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.reading import DEPLOY, unknown

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
HARDENED = ("ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "PrivateDevices=yes", "UMask=0077")
EXPOSED_MOST = 20
"""Tenths, in systemd's own reckoning from 0 to 10: 1.3 as they are, 9.6 for a unit that says nothing."""


@pytest.fixture
def analyze() -> str:
    """systemd's own checker. Where it is missing, the tests that don't need it still hold the units together."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd is not installed here")
    return found


def copied(unit: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    """The unit with a program that is there, as systemd looks whether it is."""
    text = unit.read_text().replace("/opt/hub/.venv/bin/hub", "/bin/true")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / unit.name).write_text(text)
    return folder / unit.name


def verified(analyze: str, path: Path) -> str:
    """What systemd complains of."""
    done = subprocess.run([analyze, "verify", "--man=no", str(path)], capture_output=True, text=True)
    return done.stderr if done.returncode or path.name in done.stderr else ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_it_without_a_complaint(unit: Path, analyze: str, tmp_path: Path) -> None:
    assert verified(analyze, copied(unit, tmp_path)) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ProtectSystem=strict", "ProtectSystems=strict"),
        ("Type=exec", "Type=exe"),
        ("Restart=on-failure", "Restart=sometimes"),
        ("ExecStart=/bin/true up", ""),
    ],
)
def test_a_unit_that_is_wrong_is_noticed(before: str, after: str, analyze: str, tmp_path: Path) -> None:
    assert verified(analyze, copied(DEPLOY / "systemd/hub-up.service", tmp_path, (before, after)))


def exposed(analyze: str, path: Path, most: int) -> bool:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", f"--threshold={most}", str(path)], capture_output=True
    )
    return done.returncode != 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_leaves_little_open(unit: Path, analyze: str, tmp_path: Path) -> None:
    path = copied(unit, tmp_path)
    assert not exposed(analyze, path, EXPOSED_MOST)
    assert exposed(analyze, path, 1)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_says_what_the_hub_needs(unit: Path) -> None:
    text = unit.read_text()
    assert not unknown(text)
    lines = set(text.splitlines())
    assert lines >= set(HARDENED)
    assert lines >= {"User=hub", "KillSignal=SIGTERM", "TimeoutStopSec=30", "Restart=on-failure"}
    writes = re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)
    assert writes == (["/srv/hub"] if unit.name == "hub-up.service" else [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_is_started_again_however_long_it_cannot_start(unit: Path) -> None:
    """By default, and with any limit of starts, systemd gives up, and a hub that nobody looks at stays dead."""
    lines = set(unit.read_text().splitlines())
    assert {"Restart=on-failure", "StartLimitIntervalSec=0"} <= lines


def test_the_roles_are_there() -> None:
    started = {
        unit.name: re.findall(r"^ExecStart=/opt/hub/.venv/bin/hub (.*)$", unit.read_text(), re.M) for unit in UNITS
    }
    assert started == {
        "hub-up.service": ["up"],
        "hub-web.service": ["web"],
        "hub-worker@.service": ["worker"],
    }
