"""The source that the whole-path benchmark reads: people in pages made beforehand, over HTTP on loopback.

It speaks the listing of the `unruly` connector. Run `python -m benchmarks.source PEOPLE PAGE`; prints its port, serves
until its standard input ends. A process of its own, so that neither its work nor its memory counts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import orjson
import uvicorn

Message = MutableMapping[str, Any]
FIRST = ("Anna", "Zoë", "Siobhán", "Bob", "Li", "José")
LAST = ("Smith", "O'Brien", "Müller", "Nowak", "Tran", "García")
TITLES = ("Head of Marketing", "cto", "  Sales lead", "", None, "VP Growth & Partnerships")
CITIES = ("Berlin", "São Paulo", "new york", None, "Łódź", "Tōkyō")


def person(number: int) -> dict[str, Any]:
    """One record. Every twentieth shares the address of the one before it: they are one person."""
    owner = number - 1 if number % 20 == 19 else number
    first, last = FIRST[owner % 6], LAST[owner % 5]
    return {
        "id": f"u{number:08d}",
        "email": f"{first}.{last}.{owner}@Example{owner % 97}.com".replace("'", ""),
        "name": f"{first} {last} {owner}",
        "title": TITLES[number % 6],
        "city": CITIES[number % 6],
        "phones": [f"+1415{5550000 + number:07d}"] if number % 3 else [],
        "opted_out": number % 50 == 0,
        "updated": f"2026-01-{1 + number // 3600 // 24 % 28:02d}T{number // 3600 % 24:02d}:00:00.000Z",
        "notes": f"Met at booth {number % 113}; wants the {number % 7}-seat offer, a call after the holidays.",
    }


def pages(people: int, size: int) -> dict[str, bytes]:
    """Bodies by the id after which they begin."""
    made: dict[str, bytes] = {}
    after = ""
    for start in range(0, people, size):
        rows = [person(n) for n in range(start, min(start + size, people))]
        following = {"updated": rows[-1]["updated"], "id": rows[-1]["id"]} if start + size < people else None
        made[after] = orjson.dumps({"people": rows, "next": following})
        after = rows[-1]["id"]
    return made


def app(bodies: dict[str, bytes]) -> Callable[..., Awaitable[None]]:
    """An ASGI app that looks pages up and does nothing else."""

    async def answer(scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return
        after = parse_qs(scope["query_string"].decode()).get("after", [""])[0]
        body = bodies[after]
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    bodies = pages(int(sys.argv[1]), int(sys.argv[2]))
    # The protocol is named, or asyncio would not set TCP_NODELAY, and every answer would wait 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app(bodies), log_level="error", access_log=False, lifespan="off")
    print(listener.getsockname()[1], flush=True)

    def until_the_end() -> None:
        sys.stdin.read()
        os._exit(0)

    Thread(target=until_the_end, daemon=True).start()
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
