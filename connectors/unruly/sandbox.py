"""The vendor itself, with manners that can be set: what it rewrites, hides, forbids, forgets and mixes up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.unruly.streams import NAMES
from hub.domain.moments import iso
from hub.sdk.sandbox import SandboxConnection, SandboxOptions, with_faults
from hub.sdk.world import Appearance

TOKEN = "unruly-token"  # noqa: S105 a token of a made-up vendor
TITLE_MAX = 200
KINDS = {name: "boolean" if name == "opted_out" else "string" for name in NAMES}


@dataclass(frozen=True, slots=True)
class Manners:
    """`case`: what it does to texts (keep, upper, lower, mirror). `unique_email`: refuses a second record with an
    address. `whole_batches`: one invalid record refuses its batch without a word which. `whole_seconds`: times
    without milliseconds. `mints_ids`: a merge makes a record with a new id that answers for the old ones. `lag`:
    seconds until the listing shows a write. `describes`: it lists its fields, shows those that it is asked for, and
    refuses to be asked for one that it doesn't have."""

    case: str = "keep"
    trims: bool = False
    unique_email: bool = False
    upserts_by_key: bool = False
    shows_record: bool = True
    shows_deletes: bool = True
    whole_batches: bool = False
    whole_seconds: bool = False
    mints_ids: bool = False
    lag: float = 0.0
    describes: bool = False


@dataclass(slots=True)
class Unruly:
    """People by id; `log` names every write of the hub (op, id)."""

    options: SandboxOptions
    manners: Manners = Manners()
    prefix: str = "u"
    people_by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    before_write: Callable[[], None] | None = None
    serial: int = 0
    lock: RLock = field(default_factory=RLock)
    kinds: dict[str, str] = field(default_factory=lambda: dict(KINDS))
    """Its fields and their types."""
    name: str = "unruly"

    @property
    def people(self) -> Unruly:
        """What persons do here is part of the vendor itself."""
        return self

    @property
    def app(self) -> ASGIApp:
        routes = [
            Route("/me", self._me),
            Route("/fields", self._fields),
            Route("/people", self._list),
            Route("/people/read", self._read, methods=["POST"]),
            Route("/people/find", self._find, methods=["POST"]),
            Route("/people/write", self._write, methods=["POST"]),
        ]
        return with_faults(Starlette(routes=routes), self.options, too_many=_too_many)

    def connection(self) -> SandboxConnection:
        m = self.manners
        settings = {
            "upserts_by_key": m.upserts_by_key,
            "shows_record": m.shows_record,
            "sees_deletes": m.shows_deletes,
            "describes": m.describes,
        }
        return SandboxConnection(settings=settings, secrets={"token": TOKEN})

    # --- what persons do there --------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        with self.lock:
            return [i for i, p in self.people_by_id.items() if not p.get("deleted")]

    def find(self, email: str) -> str | None:
        return next((i for i in self.ids() if _address(self.people_by_id[i].get("email")) == _address(email)), None)

    def get(self, remote_id: str) -> dict[str, Any] | None:
        with self.lock:
            person = self.people_by_id.get(self.aliases.get(remote_id, remote_id))
            return None if person is None or person.get("deleted") else dict(person)

    def create(self, fields: Mapping[str, Any]) -> str:
        with self.lock:
            self.serial += 1
            remote_id = f"{self.prefix}{self.serial:05d}"
            person: dict[str, Any] = {
                "email": None,
                "name": None,
                "title": None,
                "city": None,
                "phones": [],
                "opted_out": False,
            }
            self.people_by_id[remote_id] = {"id": remote_id, **person, **self._kept(fields), "updated": self._now()}
            return remote_id

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self.lock:
            self.people_by_id[remote_id].update(self._kept(fields), updated=self._now())

    def delete(self, remote_id: str) -> None:
        with self.lock:
            self.people_by_id[remote_id].update(deleted=True, updated=self._now())

    def opt_out(self, remote_id: str) -> None:
        self.edit(remote_id, {"opted_out": True})

    def merge(self, winner: str, loser: str) -> str:
        with self.lock:
            denied = any(self.people_by_id[i].get("opted_out") for i in (winner, loser))
            if not self.manners.mints_ids:
                self.people_by_id[loser].update(deleted=True, merged_into=winner, updated=self._now())
                self.people_by_id[winner].update(updated=self._now(), opted_out=denied)
                return winner
            fields = {k: v for k, v in self.people_by_id[winner].items() if k not in ("id", "aliases")}
            old = [winner, loser, *self.people_by_id[winner].get("aliases", ())]
            for gone in (winner, loser):
                del self.people_by_id[gone]
            minted = self.create({})
            self.people_by_id[minted].update(fields, updated=self._now(), aliases=sorted(old), opted_out=denied)
            self.aliases.update(dict.fromkeys(old, minted))
            return minted

    def remove_field(self, name: str) -> None:
        """An administrator takes a field away; what people hold there stays."""
        with self.lock:
            del self.kinds[name]

    def add_field(self, name: str, kind: str = "string", *, blank: bool = False) -> None:
        """An administrator makes a field, or brings one back: as it was, or `blank` for everybody."""
        with self.lock:
            self.kinds[name] = kind
            for person in self.people_by_id.values():
                person[name] = None if blank else person.get(name)

    # --- the API ------------------------------------------------------------------------------------------------

    def _now(self) -> str:
        moment = self.options.clock()
        return iso(moment.replace(microsecond=0) if self.manners.whole_seconds else moment)

    def _kept(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            if isinstance(value, str) and name in ("name", "title", "city"):
                value = value.strip() if self.manners.trims else value
                value = {"upper": value.upper(), "lower": value.lower(), "mirror": value[::-1]}.get(
                    self.manners.case, value
                )
            kept[name] = value
        return kept

    def _denied(self, request: Request) -> JSONResponse | None:
        self.calls[f"{request.method} {request.url.path}"] += 1
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "unauthorised"}, 401)
        return None

    async def _me(self, request: Request) -> JSONResponse:
        return self._denied(request) or JSONResponse({"account": self.prefix})

    def _unknown(self, asked: list[str]) -> JSONResponse | None:
        """Refuses to be asked for a field that isn't there."""
        missing = [name for name in asked if name and name not in self.kinds and self.manners.describes]
        return JSONResponse({"error": "no_such_field", "field": missing[0]}, 400) if missing else None

    def _shown(self, person: Mapping[str, Any], asked: Collection[str] = ()) -> dict[str, Any]:
        """A person without the fields that were taken away, and without those that nobody asked for by name."""
        fields = self.kinds.keys() & {*asked} if any(asked) else self.kinds.keys()
        return {n: v for n, v in person.items() if n in fields or (n not in KINDS and n not in self.kinds)}

    async def _fields(self, request: Request) -> JSONResponse:
        if denied := self._denied(request):
            return denied
        with self.lock:
            return JSONResponse({"fields": [{"name": name, "type": kind} for name, kind in self.kinds.items()]})

    async def _list(self, request: Request) -> JSONResponse:
        if denied := self._denied(request):
            return denied
        q = request.query_params
        asked = q.get("fields", "").split(",")
        if unknown := self._unknown(asked):
            return unknown
        visible = iso(self._visible())
        with self.lock:
            rows = sorted(
                (p["updated"], i)
                for i, p in self.people_by_id.items()
                if p["updated"] >= q["since"]
                and (p["updated"], i) > (q["since"], q["after"])
                and p["updated"] <= min(q["until"], visible)
                and (self.manners.shows_deletes or not p.get("deleted"))
            )
            limit = int(q["limit"])
            page = rows[:limit]
            following = {"updated": page[-1][0], "id": page[-1][1]} if len(rows) > limit else None
            return JSONResponse(
                {"people": [self._shown(self.people_by_id[i], asked) for _, i in page], "next": following}
            )

    def _visible(self) -> datetime:
        return self.options.clock() - timedelta(seconds=self.manners.lag)

    async def _read(self, request: Request) -> JSONResponse:
        if denied := self._denied(request):
            return denied
        said = await request.json()
        ids = said["ids"]
        with self.lock:
            shown = [self._shown(p, said.get("show", ())) for p in (self.get(i) for i in ids) if p]
            return JSONResponse({"people": shown, "missing": [i for i in ids if self.get(i) is None]})

    async def _find(self, request: Request) -> JSONResponse:
        if denied := self._denied(request):
            return denied
        said = await request.json()
        emails = {_address(e) for e in said["emails"]}
        with self.lock:
            found = [p for i in self.ids() if _address((p := self.people_by_id[i]).get("email")) in emails]
            return JSONResponse({"people": [self._shown(p, said.get("show", ())) for p in found]})

    async def _write(self, request: Request) -> JSONResponse:
        if denied := self._denied(request):
            return denied
        said = await request.json()
        writes = said["writes"]
        if self.before_write is not None:
            self.before_write()
        with self.lock:
            bad = [w for w in writes if len(str(w["fields"].get("title") or "")) > TITLE_MAX]
            if bad and self.manners.whole_batches:
                return JSONResponse({"error": "invalid", "field": "title" if len(writes) == 1 else ""}, 400)
            results = [self._apply(w, w in bad) for w in writes]
            shown = [r | {"person": self._shown(r["person"], said.get("show", ()))} for r in results if "person" in r]
            return JSONResponse({"results": [*shown, *(r for r in results if "person" not in r)]})

    def _apply(self, write: dict[str, Any], bad: bool) -> dict[str, Any]:
        result: dict[str, Any] = {"token": write["token"]}
        if bad:
            return {**result, "status": "invalid", "field": "title"}
        missing = [name for name in write["fields"] if name not in self.kinds]
        if missing and self.manners.describes:
            return {**result, "status": "no_such_field", "field": missing[0]}
        if write["op"] == "create":
            return {**result, **self._create(write["fields"])}
        remote_id = self.aliases.get(write["id"], write["id"])
        if self.get(remote_id) is None:
            return {**result, "status": "gone"}
        if write["op"] == "remove":
            self.delete(remote_id)
        else:
            self.edit(remote_id, write["fields"])
        self.log.append((write["op"], remote_id))
        return {**result, **self._ok(remote_id)}

    def _create(self, fields: dict[str, Any]) -> dict[str, Any]:
        existing = self.find(str(fields.get("email", "")))
        if existing and self.manners.upserts_by_key:
            self.edit(existing, fields)
            self.log.append(("upsert", existing))
            return self._ok(existing)
        if existing and self.manners.unique_email:
            return {"status": "exists", "id": existing}
        remote_id = self.create(fields)
        self.log.append(("create", remote_id))
        return self._ok(remote_id)

    def _ok(self, remote_id: str) -> dict[str, Any]:
        shown = {"person": self._shown(self.get(remote_id) or {})} if self.manners.shows_record else {}
        return {"status": "ok", "id": remote_id, **shown}


def _too_many() -> JSONResponse:
    return JSONResponse({"error": "slow_down"}, 429, {"Retry-After": "1"})


def _fields(seen: Appearance) -> dict[str, Any]:
    return {
        "email": seen.email or None,
        "name": f"{seen.given} {seen.family}".strip(),
        "title": seen.title,
        "city": seen.city,
        "phones": [seen.phone] if seen.phone else [],
        "opted_out": seen.opted_out,
    }


def _address(typed: object) -> str:
    """An address as the vendor looks it up: without regard to case and to spaces around it."""
    return str(typed or "").strip().casefold()


def sandbox(options: SandboxOptions) -> Unruly:
    """With good manners, and the people whom the world shows to a folder of files."""
    vendor = Unruly(options)
    for seen in options.the_world().appearances("csv"):
        remote_id = vendor.create(_fields(seen))
        vendor.people_by_id[remote_id]["updated"] = iso(seen.modified)
    return vendor
