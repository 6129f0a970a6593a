"""Connections: adding, looking, checking, pausing, removing, and letting the hub write there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import connectors
from hub import settings as environment
from hub.domain.connection import Connection, ConnectionState
from hub.errors import BadInput, Refused
from hub.operations import forms
from hub.operations.faults import spoken
from hub.operations.nearest import unknown
from hub.operations.turns import sole_turn
from hub.sdk.connector import Account, Connector, Secret
from hub.sdk.streams import FieldInfo
from hub.store import connections as store
from hub.store import mappings
from hub.store import secrets as vault
from sync_jobs import brakes
from sync_jobs import discover as jobs
from sync_jobs.hub import Hub
from sync_jobs.reconcile import reconcile


@dataclass(frozen=True, slots=True)
class WayShown:
    """One way in which webhooks may come: what to tell the vendor, which secrets open it, whether it is open."""

    setup: str
    secrets: tuple[str, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class WebhookShown:
    """`url` is "" while HUB_PUBLIC_URL doesn't say under which address vendors reach the hub."""

    path: str
    url: str
    ready: bool
    ways: tuple[WayShown, ...]


@dataclass(frozen=True, slots=True)
class ConnectionShown:
    """A connection as people may see it: the names of its secrets, never their values."""

    name: str
    connector: str
    base_url: str
    state: str
    reason: str
    writes: bool
    rank: int
    settings: Mapping[str, Any]
    secrets: tuple[str, ...]
    account: str
    created_at: str
    webhook: WebhookShown
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connections:
    connections: tuple[ConnectionShown, ...]


@dataclass(frozen=True, slots=True)
class SettingShown:
    """`default` as text; "" when there is none."""

    name: str
    required: bool
    means: str
    default: str


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A connector as an operator chooses one. Which secrets it takes can depend on its settings."""

    name: str
    title: str
    api_version: str
    base_url: str
    streams: tuple[str, ...]
    sinks: tuple[str, ...]
    settings: tuple[SettingShown, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    connectors: tuple[CatalogueEntry, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """Who answered."""

    ok: bool
    connection: str
    account: Account


@dataclass(frozen=True, slots=True)
class Discovered:
    """The fields that each stream of the connection has now. `changes`: what is different there since the last look,
    or still broken, and what was done about it."""

    connection: str
    streams: Mapping[str, Sequence[FieldInfo]]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    ok: bool
    connection: str


async def named(hub: Hub, name: str) -> Connection:
    """The connection of that name; NotFound names the nearest."""
    async with hub.database.read() as conn:
        known = {c.name: c for c in await store.all(conn)}
    if name not in known:
        raise unknown("connection", name, known)
    return known[name]


async def add(
    hub: Hub,
    name: str,
    connector: str,
    *,
    base_url: str | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    ask: Callable[[Secret], str | None] = forms.nobody_to_ask,
) -> ConnectionShown:
    """Keeps a new connection, read-only at first. Everything is checked before anything is kept."""
    forms.check_name(name)
    chosen = forms.connector(connector)
    async with hub.database.read() as conn:
        if await store.get(conn, name) is not None:
            raise BadInput(f'there is a connection "{name}" already', mend="choose another name, or remove that one")
    url, warnings = _base_url(base_url or chosen.default_base_url)
    form = forms.settings(chosen.settings, settings or {})
    kept = forms.secrets(name, chosen.all_secrets(form), secrets or {}, ask)
    implied = None if base_url else chosen.home(form, kept)
    connection = Connection(
        name=name,
        connector=connector,
        base_url=implied or url,
        settings=form.model_dump(mode="json"),
        writes=False,
        rank=chosen.rank,
        created_at=hub.now_text(),
    )
    async with hub.database.write() as conn:
        await store.add(conn, connection)
        await vault.put(conn, hub.vault, name, kept, hub.now_text())
    await hub.wire()
    return await shown(hub, name, warnings)


async def change(
    hub: Hub,
    name: str,
    *,
    base_url: str | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> ConnectionShown:
    """Changes an address, settings and secrets; what is not said stays. Stored settings that the connector no longer
    knows are dropped, with a warning. The fetched token is forgotten, so that the next call proves the new secrets."""
    before = await named(hub, name)
    chosen = forms.connector(before.connector)
    url, warnings = _base_url(base_url or before.base_url)
    dropped = sorted(key for key in before.settings if key not in chosen.settings.model_fields)
    kept = {key: value for key, value in before.settings.items() if key not in dropped}
    form = forms.settings(chosen.settings, settings or {}, kept)
    said = forms.known_secrets(chosen.all_secrets(form), secrets or {})
    async with hub.database.write() as conn:
        await store.put(conn, replace(before, base_url=url, settings=form.model_dump(mode="json")))
        await vault.put(conn, hub.vault, name, said, hub.now_text())
        await vault.drop_token(conn, name)
    await hub.rewire(name)
    warnings += tuple(f"the setting {key} is unknown to the connector now, and was dropped" for key in dropped)
    return await shown(hub, name, warnings)


async def all_(hub: Hub) -> Connections:
    """Every connection, by name."""
    async with hub.database.read() as conn:
        rows = await store.all(conn)
        return Connections(tuple([_shown(hub, row, await vault.names(conn, row.name)) for row in rows]))


async def shown(hub: Hub, name: str, warnings: tuple[str, ...] = ()) -> ConnectionShown:
    """One connection. NotFound."""
    row = await named(hub, name)
    async with hub.database.read() as conn:
        return _shown(hub, row, await vault.names(conn, name), warnings)


async def check(hub: Hub, name: str) -> Checked:
    """Asks the vendor who we are there, and keeps the answer. A broken connection that answers is active again."""
    connection = await named(hub, name)
    with spoken(name):
        account = await jobs.check(hub, name)
    if connection.state is ConnectionState.BROKEN:
        async with hub.database.write() as conn:
            await store.set_state(conn, name, ConnectionState.ACTIVE)
    await hub.wire()  # by the account it is known whose limits its calls count against
    return Checked(True, name, account)


async def discover(hub: Hub, name: str, stream: str | None = None) -> Discovered:
    """The fields of every stream, or of one, as the vendor describes them now."""
    connection = await named(hub, name)
    streams = forms.connector(connection.connector).streams
    if stream is not None and stream not in streams:
        raise unknown(f"stream of {name}", stream, streams)
    with spoken(name):
        found = await jobs.discover(hub, name)
    shown = {s: tuple(fields) for s, fields in found.fields.items() if stream in (None, s)}
    return Discovered(name, shown, tuple(found.notes))


async def pause(hub: Hub, name: str) -> ConnectionShown:
    """Neither reads nor writes there until it is resumed."""
    return await _set_state(hub, name, ConnectionState.PAUSED, "paused by an operator")


async def resume(hub: Hub, name: str) -> ConnectionShown:
    """Goes on with a paused or broken connection."""
    return await _set_state(hub, name, ConnectionState.ACTIVE, "")


async def _set_state(hub: Hub, name: str, state: ConnectionState, reason: str) -> ConnectionShown:
    await named(hub, name)
    async with hub.database.write() as conn:
        await store.set_state(conn, name, state, reason)
    await hub.wire()
    return await shown(hub, name)


async def set_writes(
    hub: Hub, name: str, allowed: bool, *, beyond_brakes: Mapping[str, int] | None = None
) -> ConnectionShown:
    """Lets the hub write there, or not. `beyond_brakes`: how many creates, clears and removes the next run may do
    although its brakes would stop it, once."""
    connection = await named(hub, name)
    chosen = forms.connector(connection.connector)
    if allowed and not chosen.sinks:
        raise Refused(f"{chosen.title} is only read by the hub: there is nothing to allow")
    async with hub.database.write() as conn:
        await store.allow_writes(conn, name, allowed)
        if beyond_brakes:
            await brakes.allow(conn, name, beyond_brakes)
    await hub.wire()
    return await shown(hub, name)


async def remove(hub: Hub, name: str) -> Removed:
    """Forgets the account, its secrets, its mapping documents and what was read there. Nothing changes at the vendor;
    what its people said stays in the golden records until other news comes, and what they said of consent for good."""
    await named(hub, name)
    async with sole_turn(hub):  # what a worker reads there meanwhile would stay behind
        await _hear(hub, name)
        async with hub.database.hearing() as conn:
            await store.remove(conn, name)
            await mappings.forget(conn, name)
    await hub.wire()
    return Removed(True, name)


async def _hear(hub: Hub, name: str) -> None:
    """An opt-out that was read and not heard yet would be lost with the rest. Where the connection cannot be made
    ready, nobody can tell what its records say."""
    wired = hub.wired.get(name)
    if wired is None:
        return
    for stream in wired.streams():
        await reconcile(hub, wired, stream)


def catalogue() -> Catalogue:
    """The connectors there are, with the settings and secrets they take."""
    return Catalogue(tuple(_entry(forms.connector(name)) for name in forms.vendors()))


def _entry(c: Connector) -> CatalogueEntry:
    settings = tuple(
        SettingShown(name, field.is_required(), field.description or "", _default(field.is_required(), field.default))
        for name, field in c.settings.model_fields.items()
    )
    return CatalogueEntry(c.name, c.title, c.api_version, c.default_base_url, c.streams, c.sinks, settings)


def _default(required: bool, value: Any) -> str:
    if required or value in (None, "", ()):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _base_url(text: str) -> tuple[str, tuple[str, ...]]:
    """The URL without its last slash, and what to warn of. Secrets must not hide in it. A folder may be a path."""
    if text.startswith(("/", "~", ".")):
        text = Path(text).expanduser().resolve().as_uri()
    parts = urlsplit(text)
    if parts.scheme == "file":
        if not Path(parts.path).is_dir():
            raise BadInput(f"there is no folder {parts.path}", mend="write it as file:///home/anna/exports")
        return text.rstrip("/"), ()
    if parts.scheme not in ("http", "https"):
        raise BadInput(
            "--base-url is needed here, with its scheme"
            if not text
            else "--base-url has no scheme that the hub speaks",
            mend="write it as https://api.example.com, or file:///home/anna/exports for a folder",
        )
    if not parts.hostname:
        raise BadInput("--base-url names no host", mend="write it as https://api.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            "--base-url holds more than scheme, host, port and path",
            mend="give user names, passwords and tokens as settings and secrets: URLs end in logs",
        )
    warnings: tuple[str, ...] = ()
    if parts.scheme == "http" and not _loopback(parts.hostname):
        warnings = (f"{parts.hostname} is reached over plain http: its secrets can be read on the way",)
    return text.rstrip("/"), warnings


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(hub: Hub, connection: Connection, secrets: Sequence[str], warnings: tuple[str, ...] = ()) -> ConnectionShown:
    account = connection.account or {}
    return ConnectionShown(
        name=connection.name,
        connector=connection.connector,
        base_url=connection.base_url,
        state="unusable" if connection.name in hub.unusable else connection.state.value,
        reason=hub.unusable.get(connection.name, connection.state_reason),
        writes=connection.writes,
        rank=connection.rank,
        settings=connection.settings,
        secrets=tuple(sorted(secrets)),
        account=account.get("title") or account.get("key") or "",
        created_at=connection.created_at,
        webhook=_webhook(connection, secrets),
        warnings=warnings,
    )


def _webhook(connection: Connection, secrets: Sequence[str]) -> WebhookShown:
    """A connector that is no longer there has no ways. The vendor's own comes first."""
    there = connection.connector in connectors.names()
    hooks = connectors.load(connection.connector).hooks if there else ()
    given = dict.fromkeys(secrets, "given")
    ways = tuple(WayShown(h.setup, tuple(s.name for s in h.secrets), h.ready(given)) for h in reversed(hooks))
    path = f"/webhooks/{connection.name}"
    public = environment.load().public_url
    return WebhookShown(path, public and public + path, any(way.ready for way in ways), ways)
