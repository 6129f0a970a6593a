"""Exports: golden records and facts as files, streamed from one view of the store."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hub.domain.entities import ENTITIES, FACT, Kind
from hub.domain.golden import Golden
from hub.errors import BadInput
from hub.operations.nearest import unknown
from hub.operations.spreadsheets import SHEETS, Row
from hub.store import facts as fact_store
from hub.store import golden as golden_store
from sync_jobs.counts import Progress, Silent
from sync_jobs.hub import Hub

BATCH = 1_000
WHAT = {"contacts": "contact", "campaigns": "campaign", "facts": "fact"}
COLUMN = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "integer",
    Kind.MONEY: "integer",
    Kind.NUMBER: "number",
    Kind.TEXT_SET: "texts",
}
STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class Exported:
    ok: bool
    what: str
    format: str
    rows: int
    file: Path


async def export(hub: Hub, what: str, form: str, out: Path, progress: Progress | None = None) -> Exported:
    """Writes every live record. `out` "-" is stdout; a file appears whole or not at all, readable by its owner only
    (it holds personal data)."""
    if what not in WHAT:
        raise unknown("export", what, WHAT)
    if form not in SHEETS:
        raise unknown("format", form, SHEETS)
    if form == "parquet" and out == STDOUT:
        raise BadInput("Parquet is no text for a screen", mend="add --out FILE.parquet")
    watching = progress or Silent()
    rows = 0
    async with hub.database.read() as conn:
        if WHAT[what] == "fact":
            columns, batches = _fact_columns(), _facts(fact_store.current(conn, batch=BATCH))
            total = None
        else:
            entity = WHAT[what]
            total = await golden_store.count(conn, entity)
            columns = await _columns(golden_store.each(conn, entity, BATCH), entity)
            batches = _goldens(golden_store.each(conn, entity, BATCH))
        with target(out) as file:
            sheet = SHEETS[form](file, columns)
            async for batch in batches:
                sheet.write(batch)
                rows += len(batch)
                watching.update("export", what, form, {"done": rows}, total)
            sheet.close()
    return Exported(True, what, form, rows, out)


@contextmanager
def target(out: Path) -> Iterator[BinaryIO]:
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(out.name + ".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise BadInput(
            f"{out} cannot be written: {error.strerror}", mend="name a file in a folder that exists"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


async def _columns(batches: AsyncIterator[list[Golden]], entity: str) -> dict[str, str]:
    """Column -> kind: the entity's fields, its consents, then every custom field that any record holds."""
    definition = ENTITIES[entity]
    columns = {"id": "text"}
    columns |= {name: COLUMN.get(field.kind, "text") for name, field in definition.fields.items()}
    for channel in definition.channels:
        columns |= {f"consent.{channel}": "text", f"consent.{channel}.since": "text"}
    custom: set[str] = set()
    async for batch in batches:
        for golden in batch:
            custom.update(name for name in golden.values if name not in columns)
    return columns | dict.fromkeys(sorted(custom), "text")


async def _goldens(batches: AsyncIterator[list[Golden]]) -> AsyncIterator[list[Row]]:
    async for batch in batches:
        yield [_row(golden) for golden in batch]


def _row(golden: Golden) -> Row:
    row: dict[str, Any] = {"id": golden.entity_id, **golden.values}
    for channel, consent in golden.consent.items():
        row[f"consent.{channel}"] = consent.state.value
        row[f"consent.{channel}.since"] = consent.at
    return row


def _fact_columns() -> dict[str, str]:
    columns = {"connection": "text", "stream": "text"}
    columns |= {name: COLUMN.get(field.kind, "text") for name, field in FACT.fields.items()}
    return columns | {"known_from": "text"}


async def _facts(batches: AsyncIterator[list[Any]]) -> AsyncIterator[list[Row]]:
    async for batch in batches:
        yield [
            {"connection": k.connection, "stream": k.stream, **asdict(k.fact), "known_from": k.known_from}
            for k in batch
        ]
