"""Answers of the sandbox: JSON, and problem documents as Mailchimp's error glossary has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import orjson
from starlette.responses import Response

ERRORS = "https://mailchimp.com/developer/marketing/docs/errors/"


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` None: nothing (204). `raw` instead of a body for what is not JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    media: str = "application/json; charset=utf-8"

    def response(self) -> Response:
        if self.raw is not None:
            return Response(self.raw, self.status, dict(self.headers), self.media)
        if self.body is None:
            return Response(b"", self.status, dict(self.headers))
        return Response(orjson.dumps(self.body), self.status, dict(self.headers), self.media)


NOTHING = Reply(204)


class Refused(Exception):
    """Ends the handling of a call with a problem document."""

    def __init__(
        self, status: int, title: str, detail: str, errors: Sequence[tuple[str, str]] = (), code: str = "ERROR_GENERIC"
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.code = code

    def reply(self, instance: str = "") -> Reply:
        body: dict[str, Any] = {
            "type": ERRORS,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance or md5(self.title.encode(), usedforsecurity=False).hexdigest(),
        }
        if self.errors:
            body["errors"] = [{"field": f, "message": m} for f, m in self.errors]
        return Reply(self.status, body, media="application/problem+json; charset=utf-8")


def not_found() -> Refused:
    return Refused(404, "Resource Not Found", "The requested resource could not be found.")


def invalid(errors: Sequence[tuple[str, str]] = (), detail: str = "") -> Refused:
    text = (
        detail or "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
    )
    return Refused(400, "Invalid Resource", text, errors)


def too_many() -> Refused:
    return Refused(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")
