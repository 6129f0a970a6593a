"""A folder of this machine behind the same door as a vendor: `file:///path/to/folder` as a base URL.

    GET  /            JSON list of the folder's files: [{"name", "size", "modified", "etag"}], names sorted
    GET  /NAME        the file; `Range: bytes=a-b` gives 206 and Content-Range; `If-Match` 412 when it changed since;
                      `If-None-Match` 304 when it did not
    PUT  /NAME        replaces the whole file in one step; `If-Match: ETAG` 412 when it changed, `If-None-Match: *`
                      412 when it exists

Only regular files lying directly in the folder are served: no subfolder, no hidden file, no name that is not
UTF-8, nothing a link leads out to.
Refusals are JSON: {"code", "message"}; messages never quote a file's contents.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson

from hub.domain.moments import iso

FOLDER = "folder"
"""The host that stands for this machine in requests to a folder."""
CHUNK = 256 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
FILES_MAX = 10_000


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class FolderTransport(httpx.AsyncBaseTransport):
    """Answers requests for URLs below `root` (an unquoted path)."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._writing = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._answer(request)
        except _Refusal as refusal:
            body = orjson.dumps({"code": refusal.code, "message": str(refusal)})
            return _response(request, refusal.status, body, {"content-type": "application/json"})
        except OSError as error:
            status, code = _os_fault(error)
            body = orjson.dumps({"code": code, "message": f"the system says: {os.strerror(error.errno or 0)}"})
            return _response(request, status, body, {"content-type": "application/json"})

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        name = self._name(request.url)
        if request.method == "GET" and not name:
            return _response(request, 200, await asyncio.to_thread(self._listing), {"content-type": "application/json"})
        if request.method == "GET":
            return await asyncio.to_thread(_read, request, self._inside(name))
        if request.method == "PUT" and name:
            body = await request.aread()
            async with self._writing:
                return await asyncio.to_thread(_write, request, self._inside(name), body)
        raise _Refusal(405, "method", f"{request.method} is not possible here")

    def _name(self, url: httpx.URL) -> str:
        """The file's name; "" for the folder itself."""
        if url.host != FOLDER:
            raise _Refusal(403, "other_machine", "a folder on another machine cannot be reached: mount it first")
        path, root = url.path, str(self._root).rstrip("/")
        if path.rstrip("/") == root:
            return ""
        if not path.startswith(root + "/"):
            raise _Refusal(403, "outside", "the path leads out of the folder")
        name = path[len(root) + 1 :]
        if "/" in name or "\\" in name or "\x00" in name or name in (".", ".."):
            raise _Refusal(403, "outside", "only files that lie directly in the folder are served")
        if name.startswith("."):
            raise _Refusal(403, "hidden", "hidden files are not served")
        return name

    def _inside(self, name: str) -> Path:
        path = self._root / name
        if not self._leads_inside(path):
            raise _Refusal(403, "outside", "the file is a link that leads out of the folder")
        return path

    def _leads_inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self._root.resolve())
        except RuntimeError:  # a loop of links, before Python 3.13
            return False

    def _listing(self) -> bytes:
        files: list[dict[str, str | int]] = []
        with os.scandir(self._root) as entries:
            for entry in entries:
                found = self._served(entry)
                if found is None:
                    continue
                if len(files) >= FILES_MAX:
                    raise _Refusal(507, "too_many_files", f"the folder holds more than {FILES_MAX} files")
                files.append(
                    {"name": entry.name, "size": found.st_size, "modified": _modified(found), "etag": _etag(found)}
                )
        return orjson.dumps(sorted(files, key=lambda file: str(file["name"])))

    def _served(self, entry: os.DirEntry[str]) -> os.stat_result | None:
        """None for what is hidden, no file, unspeakable, a link in a circle or out of the folder, or just gone."""
        try:
            entry.name.encode()
            if entry.name.startswith(".") or not entry.is_file() or not self._leads_inside(Path(entry.path)):
                return None
            return entry.stat()
        except (OSError, UnicodeEncodeError):
            return None


def _read(request: httpx.Request, path: Path) -> httpx.Response:
    handle = _open(path)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _Refusal(403, "not_a_file", "only regular files are served")
        etag = _etag(found)
        expected = request.headers.get("if-match")
        if expected not in (None, "*", etag):
            raise _Refusal(412, "changed", "the file changed since it was last looked at")
        headers = {"etag": etag, "last-modified": _modified(found), "content-type": "application/octet-stream"}
        if request.headers.get("if-none-match") == etag:
            os.close(handle)
            return _response(request, 304, b"", headers)
        first, last = _span(request.headers.get("range"), found.st_size)
        partial = request.headers.get("range") is not None
        if partial:
            headers["content-range"] = f"bytes {first}-{last}/{found.st_size}"
        headers["content-length"] = str(last - first + 1)
        return httpx.Response(
            206 if partial else 200, headers=headers, stream=_Slice(handle, first, last - first + 1), request=request
        )
    except BaseException:
        os.close(handle)
        raise


def _open(path: Path) -> int:
    """Opens without waiting for the other end of a pipe."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))


def _span(asked: str | None, size: int) -> tuple[int, int]:
    """First and last byte, both included; a whole empty file is (0, -1)."""
    if asked is None:
        return 0, size - 1
    match = RANGE.match(asked.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        raise _Refusal(416, "range", "one range of bytes is understood: bytes=FIRST-LAST")
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start >= size or end < start:
        raise _Refusal(416, "range", f"the file has {size} bytes")
    return start, end


class _Slice(httpx.AsyncByteStream):
    """Bytes of an open file; closes it."""

    def __init__(self, handle: int, start: int, length: int) -> None:
        self._handle = handle
        self._start = start
        self._length = length
        self._open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position, end = self._start, self._start + self._length
        while position < end:
            chunk = await asyncio.to_thread(os.pread, self._handle, min(CHUNK, end - position), position)
            if not chunk:
                raise httpx.ReadError("the file became shorter while it was read")
            position += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            os.close(self._handle)


def _write(request: httpx.Request, path: Path, body: bytes) -> httpx.Response:
    """The new contents are on the disk before they take the place of the old ones."""
    before = _found(path)
    _check(request, before)
    handle, temporary = tempfile.mkstemp(prefix=".hub-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(stat.S_IMODE(before.st_mode) if before else 0o600)
        _check(request, _found(path))
        Path(temporary).replace(path.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return _response(request, 200 if before else 201, b"", {"etag": _etag(path.stat())})


def _found(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise _Refusal(403, "not_a_file", "only regular files can be replaced")
    return found


def _check(request: httpx.Request, found: os.stat_result | None) -> None:
    expected = request.headers.get("if-match")
    if expected is not None and (found is None or expected not in ("*", _etag(found))):
        raise _Refusal(412, "changed", "the file changed since it was last looked at")
    if request.headers.get("if-none-match") == "*" and found is not None:
        raise _Refusal(412, "exists", "there is a file of that name already")


def _etag(found: os.stat_result) -> str:
    return f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'


def _modified(found: os.stat_result) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return iso(datetime.fromtimestamp(found.st_mtime_ns / 1e9, UTC))


def _os_fault(error: OSError) -> tuple[int, str]:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return 404, "not_found"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EISDIR):
        return 403, "not_permitted"
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
        return 400, "bad_name"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return 507, "disk_full"
    return 500, "input_output"


def _response(request: httpx.Request, status: int, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=body, request=request)
