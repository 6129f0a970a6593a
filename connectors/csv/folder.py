"""The folder as the door shows it: a listing at "/", files below it by name, ETags that change with every change.

GET /      [{"name", "size", "modified", "etag"}, ...]
GET /NAME  with `Range` and `If-Match`, or `If-None-Match`
PUT /NAME  with `If-Match` or `If-None-Match: *`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from urllib.parse import quote

from hub.sdk.http import ContractBroken, Request, Response

CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
HIDDEN = (".", "~$", "#")
"""Beginnings of names that editors and spreadsheets give to files of their own."""


@dataclass(frozen=True, slots=True)
class File:
    name: str
    etag: str
    size: int
    modified: str

    @property
    def path(self) -> str:
        return path(self.name)

    def mark(self) -> str:
        """Twelve hex digits that stand for the file and its contents, six for the name first."""
        return f"{_short(self.name)}{_short(self.etag)}"


def path(name: str) -> str:
    return f"/{quote(name, safe='')}"


def _short(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def list_files() -> Request:
    return Request("GET", "/", repeatable=True)


def read_from(name: str, etag: str, offset: int, count: int) -> Request:
    """A piece of a file, refused by 412 when the file is not the same any more."""
    headers = (("Range", f"bytes={offset}-{offset + count - 1}"), ("If-Match", etag))
    return Request("GET", path(name), headers=headers, repeatable=True)


def listing(response: Response) -> list[File]:
    """The files of the folder, oldest first. Raises `ContractBroken` when it is not a listing."""
    said = response.json()
    if not isinstance(said, list):
        raise ContractBroken("expected a list of files from the folder")
    files: list[File] = []
    for item in said:
        match item:
            case {"name": str(name), "size": int(size), "etag": str(etag)}:
                files.append(File(name, etag, size, str(item.get("modified") or "")))
            case _:
                raise ContractBroken("expected every file of the folder with name, size and etag")
    return sorted(files, key=lambda file: (file.modified, file.name))


def chosen(files: Iterable[File], patterns: Iterable[str], without: str) -> list[File]:
    """The files to read: those that a pattern matches (whatever the case), less the hub's own."""
    wanted = [pattern.casefold() for pattern in patterns]
    return [
        file
        for file in files
        if file.name != without
        and not file.name.startswith(HIDDEN)
        and any(fnmatchcase(file.name.casefold(), pattern) for pattern in wanted)
    ]


def snapshot(reading: str, files: Iterable[File]) -> str:
    """What a walk saw, as a cursor keeps it: how files were read, and a mark per file."""
    return ";".join((reading, *(file.mark() for file in files)))


@dataclass(frozen=True, slots=True)
class News:
    """What became of the files since a snapshot. `whole`: all must be read, because rows may have vanished."""

    files: list[File]
    whole: bool


def news(known: str, reading: str, files: list[File]) -> News:
    """Nothing when nothing changed; the new files alone when only some were added; else all."""
    marks = known.split(";")
    if not known or marks[0] != reading:
        return News(files, whole=True)
    before, now = set(marks[1:]), {file.mark() for file in files}
    if before <= now:
        return News([file for file in files if file.mark() not in before], whole=False)
    return News(files, whole=True)


def span(response: Response, offset: int) -> tuple[bytes, int]:
    """The bytes from `offset` on, as far as the answer goes, and the size of the whole file."""
    match = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status == 206 and match and int(match[1]) == offset:
        return response.body, int(match[3])
    if response.status == 200:
        return response.body[offset:], len(response.body)
    raise ContractBroken(f"expected the bytes of a file from {offset:,} on, got HTTP {response.status}")
