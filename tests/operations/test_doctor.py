"""What `hub doctor` looks at, where homes differ."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from hub.operations.doctor import Finding, Health, examine

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
