"""`hub web`: a process of its own, which takes webhooks until it is asked to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from hub.store import hints
from tests.cli.conftest import Hub
from tests.stores import opened
from tests.web.conftest import SECRET, relayed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_takes_webhooks_and_ends_when_it_is_asked_to(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "exports"
    folder.mkdir()
    monkeypatch.setenv("HUB_SHOP_WEBHOOK_SECRET", SECRET)
    assert hub("connections", "add", "shop", "-c", "csv", "--base-url", str(folder)).code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "web", "--json"],
        env={**os.environ, "HUB_LISTEN": f"127.0.0.1:{free_port()}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    timer = threading.Timer(120, process.kill)
    timer.start()
    try:
        said = process.stdout.readline()
        while not said.endswith("\n}\n"):
            piece = process.stdout.readline()
            assert piece, said
            said += piece
        up = orjson.loads(said)
        assert up["webhooks"] == {"shop": "/webhooks/shop"}
        text, headers = relayed({"stream": "contacts", "ids": ["a 1"]}, datetime.now(UTC))
        answer = httpx.post(up["url"] + "/webhooks/shop", content=text, headers=headers, timeout=60)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        timer.cancel()
        process.kill()
        process.stdout.close()

    async def kept() -> list[str]:
        async with opened(f"sqlite:///{home / 'hub.db'}") as database, database.read() as conn:
            return [n.remote_id for n in await hints.of(conn, "shop", "contacts", 10)]

    assert asyncio.run(kept()) == ["a 1"]


def test_a_store_that_does_not_fit_is_refused_before_anybody_is_answered(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "c29tZXRoaW5nIGVsc2UgdGhhdCBpcyAzMiBieXRlcyE=")
    shown = hub("web", "--listen", "127.0.0.1:0")
    assert shown.code == 1
    assert "does not open this store's secrets" in shown.err
