"""A worker in a process of its own, for tests of leases: `python -m tests.sync_jobs.leaseholder HOME URL WHAT`.

Says on stdout, one word a line, how far it is. It notes what it keeps as settings named `PID-N`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from hub.errors import LeaseLost, Refused
from hub.store import settings
from sync_jobs.hub import Hub
from sync_jobs.lease import held

NAME = "home"
TERM = timedelta(seconds=1)
TURNS = 12


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def stand_still() -> None:
    """Stops this process, all threads of it, until somebody sends it SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


async def note(hub: Hub, n: int, *, pause: bool = False) -> None:
    async with hub.database.write() as conn:
        await settings.put(conn, f"{os.getpid()}-{n}", n)
        if pause:
            stand_still()


async def pausing(hub: Hub, *, inside: bool) -> None:
    """Writes, stands still between two writes or in the middle of one, and writes on."""
    try:
        async with held(hub, NAME, term=TERM):
            await note(hub, 1)
            say("working")
            if not inside:
                stand_still()
            await note(hub, 2, pause=inside)
            say("kept")
    except LeaseLost:
        say("lost")


async def working(hub: Hub) -> None:
    """Takes the lease as soon as it can, writes, and works until its input ends."""
    while True:
        try:
            async with held(hub, NAME, term=TERM) as lease:
                await note(hub, lease.token)
                say("working")
                await asyncio.to_thread(sys.stdin.read)
                await note(hub, 100)
                say("kept")
                return
        except Refused:
            await asyncio.sleep(0.05)


async def counting(hub: Hub) -> None:
    """Adds one to a number, again and again, by reading it in one transaction and writing it in another."""
    turns = 0
    while turns < TURNS:
        try:
            async with held(hub, NAME, term=TERM * 30):
                async with hub.database.read() as conn:
                    number = await settings.get(conn, "number", 0)
                await asyncio.sleep(0.005)
                async with hub.database.write() as conn:
                    await settings.put(conn, "number", number + 1)
                turns += 1
        except Refused:
            await asyncio.sleep(0.01)
    say("done")


async def main(home: str, url: str, what: str) -> None:
    async with await Hub.open(Path(home), database_url=url) as hub:
        if what == "count":
            await counting(hub)
        elif what == "work":
            await working(hub)
        else:
            await pausing(hub, inside=what == "pause inside")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
