"""Requests and responses as values: a connector computes them, the transport sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import orjson

from hub.domain.outcome import Fault, FaultKind

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to be.

    `path` begins with "/" and is joined to the connection's base URL (or to the one its token names), or is a whole
    URL. `bucket` names the limit it counts against, and `cost` says for how many calls. `repeatable` says that sending
    it twice does no more than once (reads, upserts by key, deletes): such a request may be sent again when its answer
    was lost.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    bucket: str = "default"
    repeatable: bool = False
    cost: int = 1

    def with_header(self, name: str, value: str) -> Request:
        kept = tuple(h for h in self.headers if h[0].lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))


def get(path: str, query: Mapping[str, str] | None = None, *, bucket: str = "default") -> Request:
    return Request("GET", path, tuple((query or {}).items()), bucket=bucket, repeatable=True)


def send_json(
    method: str,
    path: str,
    body: object,
    *,
    query: Mapping[str, str] | None = None,
    bucket: str = "default",
    repeatable: bool = False,
) -> Request:
    return Request(
        method,
        path,
        tuple((query or {}).items()),
        (("Content-Type", JSON),),
        orjson.dumps(body),
        bucket,
        repeatable,
    )


def send_form(path: str, form: Mapping[str, str], *, repeatable: bool = True) -> Request:
    return Request(
        "POST",
        path,
        headers=(("Content-Type", "application/x-www-form-urlencoded"),),
        body=urlencode(form).encode(),
        repeatable=repeatable,
    )


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The parsed body. Raises `ContractBroken` when it is not JSON: an HTML page, a cut answer."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ContractBroken(f"the answer (HTTP {self.status}) is not JSON: {describe(self)}") from error

    def json_or_none(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


def describe(response: Response) -> str:
    """What an unexpected body looks like, without quoting it: it may hold personal data."""
    head = response.body[:200].lstrip().lower()
    if not head:
        return "empty body"
    if head.startswith((b"<!doctype html", b"<html", b"<head")):
        return f"an HTML page of {len(response.body)} bytes (a proxy, a login page, a maintenance page?)"
    if head.startswith((b"{", b"[")):
        return f"JSON that ends too early or is malformed, {len(response.body)} bytes"
    return f"{len(response.body)} bytes that do not look like JSON"


class ContractBroken(Exception):
    """The vendor answered with something its API does not promise. The stream stops; nothing of the page is kept.

    The text names what was expected and the form of what came, never the contents.
    """

    def fault(self) -> Fault:
        return Fault(FaultKind.CONTRACT, "contract", str(self))
