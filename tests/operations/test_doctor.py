"""What `hub doctor` looks at, where homes differ."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from hub.operations.doctor import Finding, Health, examine
from sync_jobs.simulation.stage import Stage

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A disk with 64 MB; the folders of which it is asked."""
    asked: list[Path] = []

    def usage(folder: Path) -> Usage:
        asked.append(folder)
        return Usage(64 << 20, 0, 64 << 20)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setenv("HUB_SECRET_KEY", "correct horse battery staple")
    return asked


async def disk(home: Path) -> list[Finding]:
    return [finding for finding in (await examine(home)).findings if finding.what == "disk"]


async def test_the_small_home_of_a_container_is_no_trouble(
    tmp_path: Path, small: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub@127.0.0.1:1/hub")
    assert await disk(tmp_path) == []


async def test_the_disk_of_a_file_is_looked_at_wherever_the_file_is(
    tmp_path: Path, small: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{elsewhere}/hub.db")
    [found] = await disk(tmp_path)
    assert found.health is Health.WARNING
    assert small == [elsewhere]


async def environment(home: Path) -> list[str]:
    """What is said of variables, and what is to be done."""
    found = [f for f in (await examine(home)).findings if f.what == "environment"]
    assert all((f.health is Health.WELL) == (not f.mend) for f in found)
    return [f"{f.found.partition(' ')[0]}: {f.mend}" for f in found if f.mend]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("clean")
async def test_a_variable_that_nobody_reads_is_named_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()})
    await stage.close()
    assert await environment(tmp_path) == []
    for name in ("HUB_LISTEN", "HUB_SECRET_KEY_FILE", "HUB_TEST_WORLD", "HUB_ALPHA_TOKEN", "MY_HUB_X"):
        monkeypatch.setenv(name, "")
    assert await environment(tmp_path) == []
    for name in ("HUB_LISTENN", "HUB_ALPHA_TOKN", "HUB_ZZZQQQ"):
        monkeypatch.setenv(name, "hush")
    assert await environment(tmp_path) == [
        "HUB_ALPHA_TOKN: the nearest is HUB_ALPHA_TOKEN; otherwise unset it",
        "HUB_LISTENN: the nearest is HUB_LISTEN; otherwise unset it",
        "HUB_ZZZQQQ: unset it: `hub settings`",
    ]


@pytest.mark.usefixtures("clean")
async def test_where_the_store_does_not_open_only_what_looks_like_a_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub@127.0.0.1:1/hub")
    for name in ("HUB_SECRT_KEY", "HUB_CRM_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "hush")
    assert await environment(tmp_path) == ["HUB_SECRT_KEY: the nearest is HUB_SECRET_KEY; otherwise unset it"]
