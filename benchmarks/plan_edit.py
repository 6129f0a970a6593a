"""The plan of an edit over many contacts in three systems: how long, in how much memory, and against what floor.

A settled store is made once: three sandboxes (Salesforce, HubSpot, Mailchimp) of a few people are synced until quiet
over HTTP, and the rows of everybody whom the hub knows are copied under new ids until there are `--contacts` of them.
Then edits of single fields are planned, each in a process of its own:

- `table`: one row of HubSpot's value table for the lifecycle stage means another stage;
- `direction`: Salesforce's job title is only read from now on;
- `normaliser`: HubSpot's company name is read in upper case, which touches everybody who has one.

The floor beside each, in the same run: sqlite3 reads the observations of that one stream and orjson parses them. The
plan can't do with less than that where a reading changed.

Run `python -m benchmarks.plan_edit` (`--contacts 100000`, `--people 400`, `--json`; `--check` ends with 1 when the
plan of the table edit over a million contacts would take a minute or more, or 500 MB). `--keep FILE` keeps the store
there and uses it again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from benchmarks.whole_path import ROOT, Watch, peak_mb

SYSTEMS = ("salesforce", "hubspot", "mailchimp")
SECONDS_MAX = 60.0
MEMORY_MAX = 500.0
MILLION = 1_000_000
ID = {
    "golden": ("entity_id",),
    "links": ("entity_id", "remote_id"),
    "link_keys": ("entity_id", "remote_id", "key"),
    "tellings": ("entity_id",),
    "observations": ("remote_id",),
}
EDITS: dict[str, tuple[str, str, str]] = {
    "table": ("hubspot/contacts", "evangelist: evangelist", "evangelist: customer"),
    "direction": ("salesforce/contacts", "title: {path: Title", "title: {direction: in, path: Title"),
    "normaliser": (
        "hubspot/contacts",
        "company_name: {path: company, empty: is_null}",
        "company_name: {path: company, empty: is_null, normalise: [trim, upper]}",
    ),
}


# --- making the store -----------------------------------------------------------------------------------------------


async def settled(home: Path, people: int) -> None:
    """A home whose three systems agree."""
    from hub.operations import connections as ops
    from hub.operations import home as homes
    from hub.operations import stage as stages
    from hub.store import connections
    from sync_jobs import brakes
    from sync_jobs.runner import sync

    with stages.staged(people, 7) as on:
        await homes.init(home, alone=True)
        async with homes.opened(home, alone=True) as hub:
            await stages.connect(hub, on)
            await ops.remove(hub, "google_ads")
            async with hub.database.write() as conn:
                for row in await connections.all(conn):
                    await brakes.allow(conn, row.name, {"creates": 10**9, "clears": 10**9, "removes": 10**9})
            await sync(hub)
            for name in SYSTEMS:
                await ops.set_writes(hub, name, True)
            for _ in range(4):
                async with hub.database.write() as conn:
                    for row in await connections.all(conn):
                        await brakes.allow(conn, row.name, {"creates": 10**9, "clears": 10**9, "removes": 10**9})
                if (await sync(hub, until_quiet=True)).quiet:
                    return
        raise SystemExit("the systems never settled")


def multiplied(file: Path, contacts: int) -> tuple[int, int]:
    """Copies everybody under new ids until there are `contacts` of them. (contacts, observations)"""
    with closing(sqlite3.connect(file)) as store:
        store.execute("PRAGMA journal_mode = OFF")
        store.execute("PRAGMA synchronous = OFF")
        store.execute("PRAGMA cache_size = -3000000")
        store.execute("DELETE FROM golden WHERE entity <> 'contact'")
        have = store.execute("SELECT count(*) FROM golden").fetchone()[0]
        names = {t: [row[1] for row in store.execute(f"PRAGMA table_info({t})")] for t in ID}
        for table in ID:
            store.execute(f"CREATE TEMP TABLE one_{table} AS SELECT * FROM {table}")
        for copy in range(1, max(contacts // have, 1)):
            for table, ids in ID.items():
                told = ", ".join(f"\"{c}\" || '~{copy:04}'" if c in ids else f'"{c}"' for c in names[table])
                store.execute(f"INSERT INTO {table} SELECT {told} FROM one_{table}")
            store.commit()
        store.execute("ANALYZE")
        store.commit()
        return (
            store.execute("SELECT count(*) FROM golden").fetchone()[0],
            store.execute("SELECT count(*) FROM observations").fetchone()[0],
        )


# --- measuring, each in a process of its own ------------------------------------------------------------------------


async def planned(home: Path, edit: str) -> dict[str, Any]:
    from hub.operations import home as homes
    from hub.store import mappings
    from mappings.document import parse
    from sync_jobs.whatif import plan_edit

    name, old, new = EDITS[edit]
    async with homes.opened(home, alone=True) as hub:
        async with hub.database.write() as conn:
            text = (await mappings.published(conn))[name].text
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
            draft = await mappings.add_draft(conn, name, text, parse(text, name).hash, who="bench", why="", at="")
        watch = Watch()
        plan = await plan_edit(hub, {name: draft})
        seconds, work = watch.read()
    return {
        "seconds": seconds,
        "cpu_seconds": work,
        "memory_mb": round(peak_mb(), 1),
        "judged": plan.judged,
        "rows": plan.total,
        "golden": sum(plan.golden.values()),
        "api_calls": sum(s.calls for s in plan.shares.values()),
    }


def floor(home: Path, stream: str) -> dict[str, Any]:
    """Reads and parses the observations of one stream."""
    connection, _, name = stream.partition("/")
    watch, read = Watch(), 0
    with closing(sqlite3.connect(home / "hub.db")) as store:
        for (raw,) in store.execute(
            "SELECT raw FROM observations WHERE connection = ? AND stream = ? ORDER BY remote_id", (connection, name)
        ):
            read += len(orjson.loads(raw)) > 0
    seconds, work = watch.read()
    return {"seconds": seconds, "cpu_seconds": work, "records": read}


def alone(home: Path, what: str, edit: str) -> dict[str, Any]:
    """One measurement in a fresh process."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.plan_edit", "--one", what, "--edit", edit, "--keep", str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(ran.stderr)
    found: dict[str, Any] = orjson.loads(ran.stdout.splitlines()[-1])
    return found


def measured(home: Path, edits: list[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for edit in edits:
        found[edit] = alone(home, "plan", edit)
        found[edit]["floor"] = alone(home, "floor", edit)
        found[edit]["ratio"] = round(found[edit]["cpu_seconds"] / max(found[edit]["floor"]["cpu_seconds"], 0.001), 1)
    return found


def main() -> int:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--contacts", type=int, default=50_000)
    said.add_argument("--people", type=int, default=400)
    said.add_argument("--edits", nargs="*", choices=sorted(EDITS), default=["table", "direction", "normaliser"])
    said.add_argument("--keep", type=Path)
    said.add_argument("--json", action="store_true")
    said.add_argument("--check", action="store_true")
    said.add_argument("--one", choices=("plan", "floor"), help=argparse.SUPPRESS)
    said.add_argument("--edit", choices=sorted(EDITS), help=argparse.SUPPRESS)
    args = said.parse_args()
    if args.one:
        home = args.keep
        one = asyncio.run(planned(home, args.edit)) if args.one == "plan" else floor(home, EDITS[args.edit][0])
        print(orjson.dumps(one).decode())
        return 0
    with TemporaryDirectory(prefix="hub-bench-") as folder:
        home = args.keep or Path(folder) / "home"
        if not (home / "hub.db").exists():
            began = time.monotonic()
            asyncio.run(settled(home, args.people))
            contacts, records = multiplied(home / "hub.db", args.contacts)
            size = shutil.disk_usage(home).total and (home / "hub.db").stat().st_size / 1e9
            print(
                f"a store of {contacts:,} contacts, {records:,} records in {len(SYSTEMS)} systems, {size:.1f} GB, "
                f"made in {time.monotonic() - began:.0f} s",
                file=sys.stderr,
            )
        with closing(sqlite3.connect(home / "hub.db")) as store:
            contacts = store.execute("SELECT count(*) FROM golden").fetchone()[0]
        found = measured(home, args.edits)
    if args.json:
        print(orjson.dumps({"contacts": contacts, "edits": found}, option=orjson.OPT_INDENT_2).decode())
    else:
        report(contacts, found)
    table = found.get("table")
    if not args.check or table is None:
        return 0
    slow = table["seconds"] * MILLION / contacts >= SECONDS_MAX
    return int(slow or (contacts >= MILLION and table["memory_mb"] >= MEMORY_MAX))


def report(contacts: int, found: dict[str, dict[str, Any]]) -> None:
    print(f"plan of a one-field edit, {contacts:,} contacts in {len(SYSTEMS)} systems")
    for edit, m in found.items():
        share = m["judged"] / contacts
        print(
            f"  {edit:<11} {m['seconds']:7.1f} s  ({m['seconds'] * MILLION / contacts:6.1f} s a million)  "
            f"{m['memory_mb']:5.0f} MB  {share:6.1%} of the people judged, {m['rows']:,} rows, "
            f"{m['api_calls']:,} API calls;  reading and parsing the stream alone {m['floor']['seconds']:.1f} s, "
            f"{m['ratio']:.1f} times that"
        )


if __name__ == "__main__":
    sys.exit(main())
