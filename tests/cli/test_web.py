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

from hub import __version__
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
        [present] = hub("status", "--json").json["workers"]
        assert (present["role"], present["process"], present["release"]) == ("web", process.pid, __version__)
        assert "taken by 1 on" in hub("status").out
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert hub("status", "--json").json["workers"] == []
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


def test_a_connection_says_where_its_webhooks_go_and_what_opens_them(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_CRM_TOKEN", "t")
    added = hub("connections", "add", "crm", "-c", "hubspot", "--json")
    assert added.json["webhook"]["ready"] is False
    shown = hub("connections", "show", "crm")
    assert "/webhooks/crm" in shown.out
    assert "hub connections change crm --secret client_secret=-" in shown.out

    monkeypatch.setenv("HUB_PUBLIC_URL", "https://hub.example/")
    monkeypatch.setenv("HUB_MAIL_API_KEY", "k-us6")
    monkeypatch.setenv("HUB_MAIL_WEBHOOK_URL_SECRET", SECRET)
    added = hub("connections", "add", "mail", "-c", "mailchimp", "--set", "audience_id=57afe96172")
    assert "https://hub.example/webhooks/mail" in added.out
    shown = hub("connections", "show", "mail", "--json")
    ways = {tuple(way["secrets"]): way["ready"] for way in shown.json["webhook"]["ways"]}
    assert ways == {("webhook_signing_secret", "webhook_url_secret"): True, ("webhook_secret",): False}
    assert SECRET not in shown.out + added.out


def test_a_secret_of_a_webhook_that_could_be_guessed_is_refused(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_CRM_TOKEN", "t")
    monkeypatch.setenv("HUB_CRM_WEBHOOK_SECRET", "hunter2")
    shown = hub("connections", "add", "crm", "-c", "hubspot")
    assert (shown.code, "hunter2" in shown.out + shown.err) == (1, False)
    assert "at least 24" in shown.err
    monkeypatch.delenv("HUB_CRM_WEBHOOK_SECRET")
    assert hub("connections", "add", "crm", "-c", "hubspot").code == 0
    shown = hub("connections", "change", "crm", "--secret", "webhook_secret=hunter2")
    assert (shown.code, "hunter2" in shown.out) == (1, False)
    assert hub("connections", "show", "crm", "--json").json["secrets"] == ["token"]


def test_a_sandbox_without_webhooks_says_so(hub: Hub) -> None:
    shown = hub("sandbox", "csv", "--webhooks", "http://127.0.0.1:1/webhooks/x")
    assert shown.code == 1
    assert "sends no webhooks" in shown.err
