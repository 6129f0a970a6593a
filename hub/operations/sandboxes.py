"""Sandboxes: stateful imitations of the vendors, over real HTTP on this machine, for first days and for tests."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hub.errors import BadInput
from hub.operations.forms import variable, vendors
from hub.operations.nearest import unknown
from hub.sdk.sandbox import Running, Sandbox, SandboxOptions, serve


@dataclass(frozen=True, slots=True)
class SandboxUp:
    """A sandbox that runs. Its secrets open nothing but itself, so they may be shown; `command` connects a hub."""

    name: str
    base_url: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    people: int
    command: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Serving:
    """The running server with what is behind it."""

    up: SandboxUp
    sandbox: Sandbox = field(repr=False)
    running: Running = field(repr=False)


def names() -> tuple[str, ...]:
    """The connectors that have a sandbox."""
    return tuple(n for n in vendors() if find_spec(f"connectors.{n}.sandbox") is not None)


def start(name: str, options: SandboxOptions, port: int = 0) -> Serving:
    """Builds the sandbox and serves it on a loopback port (0: a free one)."""
    if name not in names():
        raise unknown("sandbox", name, names())
    sandbox: Sandbox = import_module(f"connectors.{name}.sandbox").sandbox(options)
    if options.webhooks and not hasattr(sandbox, "tell"):
        raise BadInput(f"the sandbox {name} sends no webhooks", mend="leave --webhooks out")
    running = serve(sandbox.app, port)
    needs = sandbox.connection()
    return Serving(
        SandboxUp(
            name=name,
            base_url=running.url,
            settings=needs.settings,
            secrets=needs.secrets,
            people=len(sandbox.people.ids()),
            command=_command(name, running.url, needs.settings, needs.secrets),
        ),
        sandbox,
        running,
    )


def as_said(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as an operator would type them after --set; empty ones are left out."""
    return {name: _typed(value) for name, value in settings.items() if value not in (None, "", (), [])}


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def _command(name: str, url: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    """The whole command, ready to be pasted: secrets by environment, so that they stay out of the process list."""
    words = [f"{variable(name, secret)}={shlex.quote(value)}" for secret, value in secrets.items()]
    words += ["hub", "connections", "add", name, "--connector", name, "--base-url", url]
    for setting, value in as_said(settings).items():
        words += ["--set", shlex.quote(f"{setting}={value}")]
    return " ".join(words)
