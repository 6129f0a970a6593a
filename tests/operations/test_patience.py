"""A process that works for good waits for a store that is just starting; a command says at once that it is away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hub.errors import HubError
from hub.operations import home as homes
from sync_jobs.hub import Hub

REFUSED = "[Errno 111] Connect call failed"


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home on a file."""
    monkeypatch.setattr(homes, "AGAIN", 0.01)
    return (await homes.init(tmp_path / "home")).home


class Starting:
    """In the place of `Hub.open`: refused so many times, then the real one."""

    def __init__(self, times: float, error: Exception) -> None:
        self.tries = 0
        self.times = times
        self.error = error
        self.open = Hub.open

    async def __call__(self, *said: object, **named: object) -> Hub:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error
        return await self.open(*said, **named)  # type: ignore[arg-type]


async def test_it_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = Starting(2, ConnectionRefusedError(REFUSED))
    monkeypatch.setattr(Hub, "open", starting)
    with capture_logs() as lines:
        async with homes.opened(home, patient=asyncio.Event()) as hub:
            assert (hub.home, starting.tries) == (home, 3)
    assert [line["event"] for line in lines] == ["waiting for the store"], "said once"


async def test_a_command_does_not_wait(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = Starting(1, ConnectionRefusedError(REFUSED))
    monkeypatch.setattr(Hub, "open", starting)
    with pytest.raises(HubError, match="cannot be used"):
        async with homes.opened(home):
            pass
    assert starting.tries == 1


async def test_what_does_not_pass_is_said_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = Starting(1, HubError("the store is of a newer release"))
    monkeypatch.setattr(Hub, "open", starting)
    with pytest.raises(HubError, match="newer release"):
        async with homes.opened(home, patient=asyncio.Event()):
            pass
    assert starting.tries == 1


async def test_patience_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "PATIENCE", 0.05)
    monkeypatch.setattr(Hub, "open", Starting(float("inf"), ConnectionRefusedError(REFUSED)))
    with pytest.raises(HubError, match="cannot be used"):
        async with homes.opened(home, patient=asyncio.Event()):
            pass


async def test_who_is_asked_to_end_waits_no_longer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "AGAIN", 30.0)
    monkeypatch.setattr(Hub, "open", Starting(float("inf"), ConnectionRefusedError(REFUSED)))
    asked = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, asked.set)
    began = time.monotonic()
    with pytest.raises(HubError, match="cannot be used"):
        async with homes.opened(home, patient=asked):
            pass
    assert time.monotonic() - began < 20
