"""The command line as an operator uses it: real arguments in, exit code and output out, against real sandboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.cli.app import run
from hub.operations import sandboxes
from hub.operations.sandboxes import Serving
from hub.sdk.sandbox import SandboxOptions

PEOPLE = 40


@dataclass(frozen=True)
class Shown:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as its one JSON document."""
        return orjson.loads(self.out)


Hub = Callable[..., Shown]


@pytest.fixture
def hub(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    """Runs `hub ...` in an empty folder, with nothing of the hub's in the environment."""
    monkeypatch.delenv("HUB_HOME", raising=False)
    for name in ("HUB_SECRET_KEY", "HUB_DATABASE_URL", "HUB_MIGRATE", "HUB_LOG_LEVEL", "HUB_LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Shown:
        capfd.readouterr()
        code = run(arguments)
        shown = capfd.readouterr()
        return Shown(code, shown.out, shown.err)

    return command


@pytest.fixture
def home(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home, in which the commands work."""
    folder = tmp_path / "home"
    assert hub("init", str(folder)).code == 0
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, Serving]]:
    """HubSpot and Mailchimp with the same people."""
    options = SandboxOptions(seed=7, people=PEOPLE)
    serving = {name: sandboxes.start(name, options) for name in ("hubspot", "mailchimp")}
    yield serving
    for one in serving.values():
        one.running.stop()


def connect(hub: Hub, monkeypatch: pytest.MonkeyPatch, serving: Serving, name: str | None = None) -> Shown:
    """Connects a sandbox as its own instructions say: secrets in the environment, settings as options."""
    up = serving.up
    name = name or up.name
    for secret, value in up.secrets.items():
        monkeypatch.setenv(f"HUB_{name}_{secret}".upper().replace("-", "_"), value)
    options = [word for key, value in sandboxes.as_said(up.settings).items() for word in ("--set", f"{key}={value}")]
    return hub("connections", "add", name, "--connector", up.name, "--base-url", up.base_url, *options, "--json")
