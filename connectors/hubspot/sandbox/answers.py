"""HubSpot's answers: JSON bodies of objects, batches and refusals, as its clients and forums show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from hub.domain.moments import iso


class Refused(Exception):
    """Ends a request with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def answer(status: int, body: object | None, headers: Mapping[str, str] | None = None) -> Response:
    content = b"" if body is None else orjson.dumps(body)
    kind = None if body is None else "application/json;charset=utf-8"
    return Response(content, status, dict(headers or {}), media_type=kind)


def correlation(seed: str) -> str:
    """A correlation id that only its seed decides."""
    text = (seed.encode().hex() + "0" * 32)[:32]
    return str(UUID(text))


def refusal(status: int, category: str, message: str, **more: Any) -> Refused:
    """The envelope of HubSpot's error-handling guide."""
    body = {"status": "error", "message": message, "correlationId": correlation(category), "category": category, **more}
    return Refused(answer(status, body))


def invalid(message: str, **more: Any) -> Refused:
    return refusal(400, "VALIDATION_ERROR", message, **more)


def not_found() -> Refused:
    return Refused(
        answer(404, {"status": "error", "message": "resource not found", "correlationId": correlation("missing")})
    )


def bad_properties(problems: Sequence[tuple[str, str, str]]) -> Refused:
    """`problems` are (property, code, message). The whole batch is refused, and no record is named."""
    inner = [
        {"isValid": False, "message": message, "error": code, "name": name, "localizedErrorMessage": message}
        for name, code, message in problems
    ]
    return invalid(
        f"Property values were not valid: {orjson.dumps(inner).decode()}",
        errors=[
            {"message": message, "code": code, "context": {"propertyName": [name]}} for name, code, message in problems
        ],
    )


def conflict(existing: str) -> Refused:
    return refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {existing}")


def standard_error(category: str, message: str, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """One entry of `errors` in a 207."""
    return {
        "status": "error",
        "category": category,
        "message": message,
        "context": {name: list(values) for name, values in context.items()},
        "links": {},
        "errors": [],
    }


def batch(
    now: datetime, results: Iterable[Mapping[str, Any]], errors: Sequence[Mapping[str, Any]], *, status: int = 200
) -> Response:
    """200 or 201 when all went well; 207 with `errors` when some did not."""
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": list(results),
        "startedAt": iso(now),
        "completedAt": iso(now),
    }
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return answer(207 if errors else status, body)
