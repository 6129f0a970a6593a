"""Whether the home is well: each thing looked at, what was found, and how to mend what is not."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

from hub import settings
from hub.domain.connection import ConnectionState
from hub.domain.moments import iso
from hub.domain.run import RunState
from hub.errors import HubError
from hub.operations import alerts, forms
from hub.operations import home as homes
from hub.operations.faults import spoken
from hub.operations.mappings import health
from hub.operations.nearest import nearest
from hub.store import attempts, issues
from hub.store import runs as run_store
from sync_jobs import drifts
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

STUCK_AFTER = timedelta(hours=1)
FREE_LEAST = 500 * 1024 * 1024
SKEW_MOST = timedelta(seconds=60)
MOST_RUNS = 1_000
OF_TESTS = f"{settings.PREFIX}TEST_"
MISSPELT = 0.8
"""How much like a setting a variable looks that is one with an error in it."""


class Health(StrEnum):
    WELL = "well"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `found` is a sentence; `mend` is empty when all is well."""

    what: str
    health: Health
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Doctor:
    """`ok` is False when anything failed; warnings alone leave it True."""

    ok: bool
    home: Path
    findings: tuple[Finding, ...]


async def examine(home: Path) -> Doctor:
    """Looks at everything, one thing after the other; what fails stops only what needs it."""
    findings = [_key_file(home), *_disk(home)]
    try:
        async with homes.opened(home) as hub:
            findings.append(
                Finding("database", Health.WELL, f"{hub.database.dialect}; opens, and its schema is up to date")
            )
            findings += _environment(hub)
            findings += await _runs(hub)
            findings.append(await _issues(hub))
            findings += await _alerts(hub)
            findings += await _mappings(hub)
            for wired in hub.wired.values():
                findings += await _connection(hub, wired)
            findings += [
                Finding(f"connection {name}", Health.FAILED, why, "mend its settings or mapping documents")
                for name, why in hub.unusable.items()
            ]
            if not hub.wired and not hub.unusable:
                findings.append(
                    Finding("connections", Health.WARNING, "none yet", "`hub connections add NAME --connector ...`")
                )
    except HubError as error:
        findings.append(Finding("database", Health.FAILED, error.message, error.mend))
        findings += _environment(None)
    return Doctor(all(f.health is not Health.FAILED for f in findings), home, tuple(findings))


def _key_file(home: Path) -> Finding:
    """The master key must be readable by its owner only."""
    path = home / homes.KEY_FILE
    if not path.exists():
        if homes.key_in_environment():
            return Finding("master key", Health.WELL, "given by HUB_SECRET_KEY")
        return Finding(
            "master key",
            Health.FAILED,
            f"{path} is missing, and HUB_SECRET_KEY is not set",
            "restore the file from your backup, or set HUB_SECRET_KEY to what it was",
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("master key", Health.FAILED, f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
    return Finding("master key", Health.WELL, f"{path.name}, mode {mode:o}")


def _environment(hub: Hub | None) -> list[Finding]:
    """Variables that look like the hub's and that nobody reads: a typo leaves a setting at its default, silently.
    Without a hub, when nobody knows what may be a connection's secret, those that nearly are a setting."""
    known = {*settings.variables(), *(_secrets_of(hub) if hub is not None else ())}
    ours = [name for name in sorted(os.environ) if name.startswith(settings.PREFIX) and not name.startswith(OF_TESTS)]
    unfit = tuple(forms.variable(name, "") for name in hub.unusable) if hub is not None else ()
    bare = {name.removeprefix(settings.PREFIX) for name in known}
    findings = []
    for name in ours:
        word = name.removeprefix(settings.PREFIX)
        near = nearest(word, bare, likeness=0.5 if hub is not None else MISSPELT)
        if name in known or name.startswith(unfit) or (hub is None and near is None):
            continue
        said = f"{name} is neither a setting nor a secret of a connection that there is, and is not read"
        mend = f"the nearest is {settings.PREFIX}{near}; otherwise unset it" if near else "unset it: `hub settings`"
        findings.append(Finding("environment", Health.WARNING, said, mend))
    return findings or [Finding("environment", Health.WELL, "every HUB_ variable is one that is read")]


def _secrets_of(hub: Hub) -> set[str]:
    return {
        forms.variable(wired.name, secret.name)
        for wired in hub.wired.values()
        for secret in wired.connector.all_secrets(wired.settings)
    }


def _disk(home: Path) -> list[Finding]:
    """Where the store is a file: its disk. A server's is its own affair; a home is then a few files, or none."""
    url = homes.address(home)
    if not url.startswith("sqlite"):
        return []
    database = Path(url.partition(":///")[2])
    if not database.parent.is_dir():
        return []  # opening it says so
    free = shutil.disk_usage(database.parent).free
    held = database.stat().st_size if database.exists() else 0
    found = f"{free / 1e9:,.1f} GB free; the database holds {held / 1e6:,.1f} MB"
    if free < max(FREE_LEAST, held):
        mend = "make room: a sync needs at least as much as the database holds"
        return [Finding("disk", Health.WARNING, found, mend)]
    return [Finding("disk", Health.WELL, found)]


async def _runs(hub: Hub) -> list[Finding]:
    """Runs that began long ago and never ended, and writes whose process died."""
    before = iso(hub.clock() - STUCK_AFTER)
    async with hub.database.read() as conn:
        running = await run_store.recent(conn, MOST_RUNS, state=RunState.RUNNING)
        stale = await attempts.stale_open(conn, before)
    stuck = [r for r in running if r.started_at < before]
    findings = [Finding("runs", Health.WELL, "none is stuck")]
    if stuck:
        where = ", ".join(sorted({f"{r.job} {r.connection}/{r.stream}" for r in stuck})[:5])
        findings = [
            Finding(
                "runs",
                Health.WARNING,
                f"{len(stuck)} began over an hour ago and never ended: {where}",
                "if no hub is at work, they were killed; `hub sync` takes up what they left",
            )
        ]
    if stale:
        findings.append(
            Finding(
                "writes",
                Health.WARNING,
                f"{len(stale)} were sent and nobody saw the answer",
                "`hub sync` looks each of them up before it writes again",
            )
        )
    return findings


async def _issues(hub: Hub) -> Finding:
    async with hub.database.read() as conn:
        waiting = sum(sum(kinds.values()) for kinds in (await issues.count(conn)).values())
    if waiting:
        return Finding("issues", Health.WARNING, f"{waiting:,} wait for a person", "`hub issues list`")
    return Finding("issues", Health.WELL, "none")


async def _alerts(hub: Hub) -> list[Finding]:
    """What is open, and whether who is to be told of it hears."""
    found = await alerts.alerts(hub)
    findings = [] if found.stale else [Finding("alerts", Health.WELL, "none is open")]
    if found.open:
        said = "; ".join(alert.summary for alert in found.alerts[:3]) + ("; ..." if found.open > 3 else "")
        findings = [Finding("alerts", Health.WARNING, f"{found.open:,} open: {said}", "`hub alerts`")]
    if found.told.failed:
        said = f"nobody could be told since {found.told.since[:16].replace('T', ' ')} UTC: {found.told.failed}"
        findings.append(Finding("alerts", Health.WARNING, said, "check HUB_ALERT_URL, then `hub alerts --test`"))
    if not_taken := [*found.told.refused, *found.told.given_up]:
        said = f"the receiver refuses {', '.join(f'{one.what} ({one.why})' for one in not_taken[:3])}"
        findings.append(Finding("alerts", Health.WARNING, said, "check HUB_ALERT_FORMAT; `hub alerts` says more"))
    if found.stale or (found.told.to and found.looked_at is None):
        whose = "HUB_ALERT_URL is to be told, and " if found.told.to else ""
        mend = "run `hub worker` or `hub up`, or `hub alerts --look` by a timer"
        findings.append(Finding("alerts", Health.WARNING, f"{whose}nobody has looked for 15 minutes", mend))
    return findings


async def _mappings(hub: Hub) -> list[Finding]:
    """Documents: files that nobody reads any more, records still to be read again, drafts that wait."""
    what = "mappings"
    findings = [
        Finding(
            what,
            Health.WARNING,
            f"{path} says something else than {name} that holds; it was read when that was first made",
            f"`hub mappings edit {name} --file {path}` makes a draft of it, or take the file away",
        )
        for name, path in (await health.files(hub)).items()
    ]
    findings += [
        Finding(
            what,
            Health.WARNING,
            f"{name} was published, and its records are still to be read again",
            "`hub sync` goes on with it" if ready else "it goes on when the connection can be used again",
        )
        for name, ready in (await health.reading(hub)).items()
    ]
    for name, drafts in (await health.waiting(hub)).items():
        said = ", ".join(f"{d.version} by {d.who}{' (stale)' if d.stale else ''}" for d in drafts)
        count = "a draft waits" if len(drafts) == 1 else f"{len(drafts)} drafts wait"
        findings.append(
            Finding(what, Health.WARNING, f"{name}: {count}: {said}", f"`hub mappings plan {name}`, or drop")
        )
    return findings or [Finding(what, Health.WELL, "no draft waits")]


async def _connection(hub: Hub, wired: Wired) -> list[Finding]:
    """Whether the vendor answers, and whether its clock agrees with ours: signatures and cursors rest on that."""
    what = f"connection {wired.name}"
    connection = wired.connection
    if connection.state is ConnectionState.PAUSED:
        return [Finding(what, Health.WARNING, "paused", f"`hub connections resume {wired.name}`")]
    try:
        with spoken(wired.name):
            response = await wired.caller.send(wired.connector.check(wired.settings))
            account = wired.connector.account(response)
    except HubError as error:
        return [Finding(what, Health.FAILED, error.message, error.mend)]
    findings = [Finding(what, Health.WELL, f"answers as {account.title or account.key}")]
    if connection.state is ConnectionState.BROKEN:
        findings = [
            Finding(
                what,
                Health.FAILED,
                f"answers, but was stopped: {connection.state_reason}",
                f"`hub connections resume {wired.name}`",
            )
        ]
    findings += await _fields(hub, wired.name)
    return findings + _clock(wired.name, response.headers.get("date"), hub.clock())


async def _fields(hub: Hub, name: str) -> list[Finding]:
    """Fields that rest because they changed there."""
    async with hub.database.read() as conn:
        rests = await drifts.of(conn, name)
    if not rests:
        return []
    paths = ", ".join(f"{h.stream}: {h.path}" for h in rests[:5]) + (", ..." if len(rests) > 5 else "")
    count = "1 changed" if len(rests) == 1 else f"{len(rests)} changed"
    return [Finding(f"fields of {name}", Health.WARNING, f"{count} there and rests: {paths}", "`hub issues list`")]


def _clock(name: str, said: str | None, now: datetime) -> list[Finding]:
    """The Date header of the answer against our clock."""
    if not said:
        return []
    try:
        skew = parsedate_to_datetime(said) - now
    except (TypeError, ValueError):
        return []
    if abs(skew) <= SKEW_MOST:
        return []
    way = "ahead of" if skew > timedelta(0) else "behind"
    return [
        Finding(
            f"clock of {name}",
            Health.WARNING,
            f"{abs(skew).total_seconds():,.0f} s {way} this machine's",
            "set this machine's clock by NTP: tokens and cursors go by it",
        )
    ]
