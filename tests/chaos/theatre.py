"""Three systems with heavy faults, served from one thread, and an observer before each that writes down what is shown
and what is changed. People and requests take turns, so nothing happens unseen between a request's before and after."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import orjson
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from hub.domain.moments import iso
from hub.sdk.sandbox import Front, Sandbox, SandboxOptions
from tests.chaos.truth import Made, Told, Truth, Word

SYSTEMS = ("salesforce", "hubspot", "mailchimp")
"""In the order in which they are trusted."""
EMAIL = {"salesforce": "Email", "hubspot": "email", "mailchimp": "email_address"}
TEXTS: Mapping[str, Mapping[str, str]] = {
    "salesforce": {"given_name": "FirstName", "title": "Title", "city": "MailingCity"},
    "hubspot": {"given_name": "firstname", "title": "jobtitle", "city": "city"},
    "mailchimp": {"given_name": "merge_fields.FNAME"},
}
"""The fields that people edit: canonical -> the system's own, where the hub reads and writes it."""
READS = ("/search", "/batch/read", "/token", "/composite/sobjects/Contact")
"""Ends of paths by which POST only reads."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a system holds of a record."""

    email: str
    texts: Mapping[str, str | None]
    contactable: bool


@dataclass(slots=True)
class Ambush:
    """What happens to whoever sends the next write, once: `act` gets the port that the request came from, `before` the
    system does what it is asked, or `after`, when the answer is still held back."""

    act: Callable[[int], None] | None = None
    when: str = "after"

    def spring(self, scope: Scope, now: str) -> None:
        act = self.act
        if act is not None and now == self.when and scope.get("client"):
            self.act = None
            act(scope["client"][1])


@dataclass(slots=True)
class System:
    """One of them. `lock`: whoever changes something holds it."""

    name: str
    sandbox: Sandbox
    truth: Truth
    clock: Callable[[], float]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_shown: dict[str, float] = field(default_factory=dict)
    """Record id -> when the hub last was given an answer with it."""
    unread: dict[str, Word] = field(default_factory=dict)
    typed: dict[tuple[str, str], Word] = field(default_factory=dict)
    """(record, field) -> the last word there."""
    ambush: Ambush = field(default_factory=lambda: Ambush())
    by_people: dict[str, float] = field(default_factory=dict)
    """Records that people made, and when."""
    url: str = ""

    @property
    def front(self) -> Front:
        assert isinstance(self.sandbox.app, Front)
        return self.sandbox.app

    def held(self, remote_id: str) -> Held | None:
        raw = self.sandbox.people.get(remote_id)
        if raw is None:
            return None
        texts = {name: _at(raw, path) or None for name, path in TEXTS[self.name].items()}
        return Held(str(raw.get(EMAIL[self.name]) or "").strip().casefold(), texts, _contactable(self.name, raw))

    def all(self) -> dict[str, Held]:
        """Every living record, by id."""
        return {i: held for i in self.sandbox.people.ids() if (held := self.held(i)) is not None}

    def said(self, word: Word) -> None:
        """A person typed it just now."""
        old = self.typed.get((word.remote_id, word.field))
        if old is not None and old.value:
            self.unread.pop(old.value, None)
        self.typed[word.remote_id, word.field] = word
        self.truth.words.append(word)
        if word.value:
            self.unread[word.value] = word

    # --- what the hub does --------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        asked = self.clock()
        body = await _whole(receive)
        answer = _Answer(send)
        try:
            if scope["method"] == "GET" or scope["path"].endswith(READS):
                await self.front(scope, _again(body), answer.send)
            else:
                async with self.lock:
                    before = self.all()
                    try:
                        self.ambush.spring(scope, "before")
                        await self.front(scope, _again(body), answer.keep)
                    finally:
                        self._changed(asked, before, self.all())
                        self.ambush.spring(scope, "after")
                        await answer.release()
        finally:
            self.truth.count("API calls")
            self._shown(answer)

    def _shown(self, answer: _Answer) -> None:
        if not answer.whole or not answer.body:
            return
        now = self.clock()
        for remote_id in self.sandbox.people.ids():
            if f'"{remote_id}"'.encode() in answer.body:
                self.last_shown[remote_id] = now
        for value in [v for v in self.unread if v.encode() in answer.body]:
            self.unread.pop(value).shown = True

    def _changed(self, asked: float, before: Mapping[str, Held], after: Mapping[str, Held]) -> None:
        now = self.clock()
        for remote_id in after.keys() - before.keys():
            self._made(asked, now, remote_id, after[remote_id], before)
        for remote_id in before.keys() & after.keys():
            old, new = before[remote_id], after[remote_id]
            moved = [name for name in old.texts if old.texts[name] != new.texts[name]]
            for name in moved:
                self._overwritten(now, remote_id, name, old.texts[name])
            if old.contactable != new.contactable:
                told = Told(new.email, self.name, remote_id, new.contactable, False, asked, now)
                self.truth.told.append(told)
            if old != new:
                self.truth.count("writes")
                what = {name: new.texts[name] for name in moved} | {"contactable": new.contactable}
                self.truth.note(now, "hub wrote", self.name, remote_id, new.email, what)
        for remote_id in before.keys() - after.keys():
            self.truth.count("writes")
            self.truth.note(now, "hub removed", self.name, remote_id, before[remote_id].email)

    def _made(self, asked: float, now: float, remote_id: str, held: Held, before: Mapping[str, Held]) -> None:
        others = [i for i, h in before.items() if h.email == held.email]
        unseen = others and all(i in self.by_people and i not in self.last_shown for i in others)
        since = max(now - self.by_people[i] for i in others) if unseen else None
        self.truth.made.append(Made(held.email, self.name, remote_id, since))
        self.truth.told.append(Told(held.email, self.name, remote_id, held.contactable, True, asked, now))
        self.truth.count("writes")
        self.truth.note(now, "hub created", self.name, remote_id, held)

    def _overwritten(self, now: float, remote_id: str, name: str, value: str | None) -> None:
        word = self.unread.pop(value, None) if value else None
        if word is not None and (word.remote_id, word.field) == (remote_id, name):
            word.overwritten = now - self.last_shown.get(remote_id, float("-inf"))
            self.truth.note(now, "unread word overwritten", self.name, remote_id, name, value, word.overwritten)


class Theatre:
    """The systems while they are served. `play` runs beside them, in their thread, until the block ends."""

    def __init__(self, seed: int, play: Callable[[Theatre], Awaitable[None]]) -> None:
        self.truth = Truth()
        self.began = time.monotonic()
        self.epoch = datetime.now(UTC)
        self.stopping = threading.Event()
        self.ambush = Ambush()
        options = SandboxOptions(seed=seed, people=0, faults="heavy")
        self.systems = {
            name: System(
                name,
                import_module(f"connectors.{name}.sandbox").sandbox(options),
                self.truth,
                self.clock,
                ambush=self.ambush,
            )
            for name in SYSTEMS
        }
        self._play = play
        self._ready = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="theatre", daemon=True)

    def clock(self) -> float:
        """Seconds since the curtain rose."""
        return time.monotonic() - self.began

    def moment(self, at: float) -> str:
        """A time of the theatre as the store writes times."""
        return iso(self.epoch + timedelta(seconds=at))

    def calm(self) -> None:
        for system in self.systems.values():
            system.front.calm = True

    def __enter__(self) -> Theatre:
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError(f"the theatre did not open: {self._failed}")
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._thread.join(30)
        if self._failed:
            raise RuntimeError("the theatre failed") from self._failed[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed.append(error)
            self._ready.set()

    async def _serve(self) -> None:
        servers = []
        for system in self.systems.values():
            bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            bound.bind(("127.0.0.1", 0))
            system.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            config = uvicorn.Config(
                system, log_config=None, log_level="critical", access_log=False, lifespan="off", ws="none",
                timeout_graceful_shutdown=1,
            )  # fmt: skip
            servers.append((uvicorn.Server(config), bound))
        serving = [asyncio.create_task(server.serve(sockets=[bound])) for server, bound in servers]
        while not all(server.started for server, _ in servers):  # noqa: ASYNC110 uvicorn has no event for it
            await asyncio.sleep(0.01)
        self._ready.set()
        playing = asyncio.ensure_future(self._play(self))
        while not self.stopping.is_set():
            if playing.done():
                playing.result()
            await asyncio.sleep(0.05)
        playing.cancel()
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*serving)


class _Answer:
    """Passes an answer on, at once or when it is released. `whole`: it can be understood."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: list[Message] = []
        self._json = False
        self._ended = False
        self.body = b""

    async def keep(self, message: Message) -> None:
        self._kept.append(message)

    async def release(self) -> None:
        while self._kept:
            await self.send(self._kept.pop(0))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kinds = [v for k, v in message.get("headers", ()) if k.lower() == b"content-type"]
            self._json = bool(kinds) and b"json" in kinds[0]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self._ended = not message.get("more_body", False)
        await self._send(message)

    @property
    def whole(self) -> bool:
        if not self._ended or not self._json:
            return False
        try:
            orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return False
        return True


async def _whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            return body


def _again(body: bytes) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.sleep(3600)
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _contactable(system: str, raw: Mapping[str, Any]) -> bool:
    if system == "salesforce":
        return not raw.get("HasOptedOutOfEmail")
    if system == "hubspot":
        return str(raw.get("hs_email_optout") or "").lower() != "true"
    return raw.get("status") in ("subscribed", "pending")


def _at(raw: Mapping[str, Any], path: str) -> str:
    value: Any = raw
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return str(value or "")
