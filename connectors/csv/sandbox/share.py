"""The folder over HTTP (RFC 9110: ranges and conditional requests), as the hub's own door serves it from the disk."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.domain.moments import iso


def share(folder: Path) -> Starlette:
    def files(_request: Request) -> Response:
        paths = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
        return JSONResponse([_entry(path) for path in paths])

    def read(request: Request) -> Response:
        path = folder / request.path_params["name"]
        return _read(path, request) if path.is_file() else _refusal(404, "not_found", "there is no such file")

    async def write(request: Request) -> Response:
        return _write(folder / request.path_params["name"], request, await request.body())

    return Starlette(
        routes=[
            Route("/", files, methods=["GET"]),
            Route("/{name}", read, methods=["GET"]),
            Route("/{name}", write, methods=["PUT"]),
        ]
    )


def _entry(path: Path) -> dict[str, object]:
    found = path.stat()
    modified = iso(datetime.fromtimestamp(found.st_mtime, UTC))
    return {"name": path.name, "size": found.st_size, "modified": modified, "etag": _etag(found)}


def _etag(found: os.stat_result) -> str:
    return f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=status)


def _read(path: Path, request: Request) -> Response:
    body, etag = path.read_bytes(), _etag(path.stat())
    if request.headers.get("if-match") not in (None, "*", etag):
        return _refusal(412, "changed", "the file changed since it was last looked at")
    headers = {"ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked is None:
        return Response(body, headers=headers, media_type="text/csv")
    first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
    if first >= len(body):
        return _refusal(416, "range", f"the file has {len(body)} bytes")
    headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return Response(body[first : last + 1], 206, headers, "text/csv")


def _write(path: Path, request: Request, body: bytes) -> Response:
    etag = _etag(path.stat()) if path.is_file() else None
    match = request.headers.get("if-match")
    if match is not None and (etag is None or match not in ("*", etag)):
        return _refusal(412, "changed", "the file changed since it was last looked at")
    if request.headers.get("if-none-match") == "*" and etag is not None:
        return _refusal(412, "exists", "there is a file of that name already")
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(body)
    part.replace(path)
    return Response(status_code=200 if etag else 201, headers={"ETag": _etag(path.stat())})
