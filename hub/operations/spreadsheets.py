"""Rows into files: CSV that is safe to open in a spreadsheet, JSON lines, Parquet; batch by batch."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, BinaryIO, Protocol, TypeAlias

import orjson

from hub.errors import BadInput

Row: TypeAlias = Mapping[str, Any]

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_HARMLESS = re.compile(r"[+-]?\d[\d .()/-]*")


def safe_cell(text: str) -> str:
    """A text that no spreadsheet will run as a formula: what begins like one gets an apostrophe before it, as OWASP's
    advice on CSV injection says. Signed numbers and telephone numbers stay as they are."""
    if text.startswith(_STARTS) and not _HARMLESS.fullmatch(text):
        return "'" + text
    return text


class Sheet(Protocol):
    """Where rows go. `columns` are known beforehand; a row may lack some."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


class CsvSheet:
    """UTF-8 with a header line, RFC 4180 quoting; many-valued fields joined with ";", true and false in words."""

    def __init__(self, out: BinaryIO, columns: Mapping[str, str]) -> None:
        self._text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        self._columns = tuple(columns)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._writer.writerow([safe_cell(name) for name in self._columns])

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.writerows([_cell(row.get(name)) for name in self._columns] for row in rows)

    def close(self) -> None:
        self._text.detach()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (tuple, list)):
        return safe_cell(";".join(str(item) for item in value))
    return safe_cell(str(value))


class JsonlSheet:
    """One JSON object a line. A field that nobody ever said anything of is left out; an erased one is null."""

    def __init__(self, out: BinaryIO, columns: Mapping[str, str]) -> None:
        self._out = out

    def write(self, rows: Sequence[Row]) -> None:
        self._out.write(b"".join(orjson.dumps(dict(row)) + b"\n" for row in rows))

    def close(self) -> None:
        self._out.flush()


class ParquetSheet:
    """One row group a batch. Types follow the fields' kinds; times stay ISO text."""

    def __init__(self, out: BinaryIO, columns: Mapping[str, str]) -> None:
        try:
            self._arrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ImportError:
            raise BadInput(
                "Parquet needs the package pyarrow, which is not installed",
                mend="`pip install pyarrow` into the hub's environment, or choose --format csv or jsonl",
            ) from None
        kinds = {
            "text": self._arrow.string(),
            "integer": self._arrow.int64(),
            "number": self._arrow.float64(),
            "boolean": self._arrow.bool_(),
            "texts": self._arrow.list_(self._arrow.string()),
        }
        self._schema = self._arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._columns = columns
        self._writer = parquet.ParquetWriter(out, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        arrays = {name: [_typed(row.get(name), kind) for row in rows] for name, kind in self._columns.items()}
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _typed(value: Any, kind: str) -> Any:
    """The value in the column's type; what does not fit becomes null rather than stop an export."""
    if value is None:
        return None
    if kind == "texts":
        return [str(item) for item in value] if isinstance(value, (tuple, list)) else [str(value)]
    if kind == "text":
        return ";".join(value) if isinstance(value, (tuple, list)) else str(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if kind == "integer" else float(value)


SHEETS: dict[str, type[CsvSheet] | type[JsonlSheet] | type[ParquetSheet]] = {
    "csv": CsvSheet,
    "jsonl": JsonlSheet,
    "parquet": ParquetSheet,
}
