"""A temporary folder of exports, and somebody who exports anew after every change.

The folder is real: connect the hub to it by `file://`. The same folder is served over HTTP, too, with the same listing,
ranges and conditions.

exports.py  the vendors' files from the seeded world      people.py  who edits rows      share.py  the folder over HTTP
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import Counter
from pathlib import Path

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from connectors.csv.sandbox.exports import exports
from connectors.csv.sandbox.people import Clerks
from connectors.csv.sandbox.share import share
from hub.sdk.sandbox import Front, SandboxConnection, SandboxOptions


class CsvSandbox:
    """`folder` is the directory of the files; it goes with the sandbox: by `close`, or when the process ends."""

    name = "csv"

    def __init__(self, options: SandboxOptions) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-csv-sandbox-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.people = Clerks(self.folder, exports(options.the_world().appearances("csv")), options.clock)
        self._front = Front(share(self.folder), options, too_many=_too_many)

    @property
    def app(self) -> ASGIApp:
        return self._front

    @property
    def calls(self) -> Counter[str]:
        return self._front.calls

    def connection(self) -> SandboxConnection:
        return SandboxConnection(base_url=self.folder.as_uri())

    def close(self) -> None:
        self._remove()


def _too_many() -> Response:
    return JSONResponse({"code": "busy", "message": "too many requests"}, status_code=429, headers={"Retry-After": "1"})


def sandbox(options: SandboxOptions) -> CsvSandbox:
    """A fresh folder for the world of the options."""
    return CsvSandbox(options)
