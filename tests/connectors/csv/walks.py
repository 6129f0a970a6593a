"""Walks over a real folder through the hub's own door to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.csv import CONNECTOR
from hub.domain.observation import Record
from hub.sdk.http import Request, Response
from hub.sdk.streams import Complaint, Cursor, Page
from hub.transport.addresses import Addresses
from hub.transport.wire import Wire

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass
class Folder:
    """A folder and what was asked of it."""

    path: Path
    settings: dict[str, Any] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def put(self, name: str, content: str | bytes, encoding: str = "utf-8") -> None:
        body = content.encode(encoding) if isinstance(content, str) else content
        (self.path / name).write_bytes(body)

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        base = self.path.as_uri()
        wire = Wire(Addresses(base, ""), None)
        response = await wire.exchange(request, base + request.path)
        await wire.close()
        fault = CONNECTOR.classify(request, response)
        assert fault is None, fault
        return response

    async def pages(self, stream: str = "contacts", cursor: Cursor | None = None) -> list[Page]:
        files = CONNECTOR.stream(stream, CONNECTOR.settings(**self.settings), ())
        position: dict[str, Any] | None = files.start(cursor, NOW)
        found: list[Page] = []
        while position is not None:
            assert len(found) < 1000
            page = files.page(position, await self.send(files.request(position)))
            assert page.next != position
            found.append(page)
            position = orjson.loads(orjson.dumps(page.next))
        return found

    async def walk(self, stream: str = "contacts", cursor: Cursor | None = None) -> Walk:
        pages = await self.pages(stream, cursor)
        return Walk(
            [record for page in pages for record in page.records],
            [complaint for page in pages for complaint in page.complaints],
            pages[-1],
            whole=any(page.whole for page in pages),
        )


@dataclass
class Walk:
    records: list[Record]
    complaints: list[Complaint]
    last: Page
    whole: bool

    @property
    def raws(self) -> list[dict[str, Any]]:
        return [dict(record.raw) for record in self.records]

    @property
    def emails(self) -> list[str]:
        return [record.raw["email"] for record in self.records]

    @property
    def said(self) -> list[str]:
        return [complaint.message for complaint in self.complaints]
