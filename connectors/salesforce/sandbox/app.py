"""The sandbox's resources by path, behind sessions and the daily quota."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.salesforce.sandbox.collections import Collections
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.queries import Queries
from connectors.salesforce.sandbox.sessions import OAuthError, Sessions
from connectors.salesforce.sandbox.single import Single
from connectors.salesforce.sandbox.values import Refusal, Unparsable
from connectors.salesforce.sandbox.wire import Call, Reply

VERSIONS = tuple(f"{n}.0" for n in range(52, 69))
Resource: TypeAlias = Callable[[Call], Reply]
URI_MAX = 16_384


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer, or an empty one."""
    kind = {"content-type": "application/json;charset=UTF-8"} if body is not None else {}
    return Response(b"" if body is None else orjson.dumps(body), status, {**kind, **(headers or {})})


def error(status: int, code: str, message: str) -> Response:
    return answer(status, [{"message": message, "errorCode": code}])


def too_many() -> Response:
    """What an org says that is asked too much at once: 403, not 429, and no Retry-After."""
    return error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")


class Api:
    """Dial for tests: `daily_limit`, the requests of 24 hours; token calls are not counted."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self.daily_limit = 100_000
        self._org = org
        self._sessions = sessions
        self._asked: deque[datetime] = deque()
        self.queries = Queries(org)
        self._single = Single(org)
        self._collections = Collections(org)

    def app(self) -> ASGIApp:
        data = "/services/data/v{version}"
        row, held = f"{data}/sobjects/{{sobject}}/{{id}}", f"{data}/sobjects/{{sobject}}/{{field}}/{{value}}"
        routes = [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/data", self._versions),
            Route("/services/oauth2/userinfo", self._identity),
            Route("/id/{org}/{user}", self._identity),
            self._route(data, GET=self._resources),
            self._route(f"{data}/limits", GET=self._limits),
            self._route(f"{data}/query", GET=self.queries.query),
            self._route(f"{data}/queryAll", GET=self.queries.query_all),
            self._route(f"{data}/query/{{locator}}", GET=self.queries.more),
            self._route(f"{data}/queryAll/{{locator}}", GET=self.queries.more),
            self._route(f"{data}/sobjects", GET=self._single.listing),
            self._route(f"{data}/sobjects/{{sobject}}", GET=self._single.about, POST=self._single.create),
            self._route(f"{data}/sobjects/{{sobject}}/describe", GET=self._single.describe),
            self._route(f"{data}/sobjects/{{sobject}}/deleted", GET=self._single.deleted),
            self._route(f"{data}/sobjects/{{sobject}}/updated", GET=self._single.updated),
            self._route(row, GET=self._single.read, PATCH=self._single.change, DELETE=self._single.delete),
            self._route(
                held, GET=self._single.read_external, PATCH=self._single.upsert, DELETE=self._single.delete_external
            ),
            self._route(
                f"{data}/composite/sobjects",
                POST=self._collections.create,
                PATCH=self._collections.update,
                DELETE=self._collections.delete,
            ),
            self._route(
                f"{data}/composite/sobjects/{{sobject}}",
                POST=self._collections.retrieve,
                GET=self._collections.retrieve,
            ),
            self._route(f"{data}/composite/sobjects/{{sobject}}/{{field}}", PATCH=self._collections.upsert),
        ]
        handlers: dict[Any, Any] = {404: _no_such_path, 405: _no_such_method}
        return _without_last_slash(Starlette(routes=routes, exception_handlers=handlers))

    def _route(self, path: str, **resources: Resource) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            return self._serve(request, resources.get(request.method) or resources["GET"], body)

        return Route(path, endpoint, methods=list(resources))

    def _serve(self, request: Request, resource: Resource, body: bytes) -> Response:
        call = Call(request.path_params, dict(request.query_params), dict(request.headers), body)
        with self._org.lock:
            refused = self._refuse(request, call)
            if refused is not None:
                return refused
            self._asked.append(self._org.clock())
            usage = {"Sforce-Limit-Info": f"api-usage={len(self._asked)}/{self.daily_limit}"}
            try:
                reply = resource(call)
            except Refusal as refusal:
                return answer(refusal.status, [refusal.alone()], usage)
            except Unparsable as unparsable:
                return answer(400, [{"message": str(unparsable), "errorCode": "JSON_PARSER_ERROR"}], usage)
            return answer(reply.status, reply.body, {**usage, **reply.headers})

    def _refuse(self, request: Request, call: Call) -> Response | None:
        """Session, version, size of the URI, quota: in this order."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or not token:
            return error(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        if not self._sessions.alive(token):
            return error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if call.params["version"] not in VERSIONS:
            return error(404, "NOT_FOUND", "The requested resource does not exist")
        if len(request.scope.get("raw_path", b"")) + len(request.scope["query_string"]) > URI_MAX:
            return error(414, "URI_TOO_LONG", "URI Too Long")
        day_ago = self._org.clock() - timedelta(days=1)
        while self._asked and self._asked[0] < day_ago:
            self._asked.popleft()
        if len(self._asked) >= self.daily_limit:
            return error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        return None

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        with self._org.lock:
            try:
                return answer(200, self._sessions.grant(form, request.headers.get("authorization", ""), base_url))
            except OAuthError as refused:
                return answer(refused.status, {"error": refused.error, "error_description": refused.description})

    async def _identity(self, request: Request) -> Response:
        """Who the session belongs to; the address is in every token answer."""
        token = request.headers.get("authorization", "").partition(" ")[2]
        with self._org.lock:
            if not self._sessions.alive(token):
                return answer(403, None) if request.path_params else error(401, "INVALID_SESSION_ID", "Bad_OAuth_Token")
            return answer(200, self._sessions.identity(f"{request.url.scheme}://{request.url.netloc}"))

    async def _versions(self, request: Request) -> Response:
        shown = [{"label": f"API {v}", "url": f"/services/data/v{v}", "version": v} for v in VERSIONS]
        return answer(200, shown)

    def _resources(self, call: Call) -> Reply:
        root = f"/services/data/{call.version}"
        shown = {name: f"{root}/{name}" for name in ("sobjects", "query", "queryAll", "limits", "composite")}
        identity = self._sessions.identity(f"http://{call.headers.get('host', '')}")["id"]
        return Reply(body={"identity": identity, **shown})

    def _limits(self, call: Call) -> Reply:
        day = {"Max": self.daily_limit, "Remaining": max(0, self.daily_limit - len(self._asked))}
        other = {"Max": 15_000, "Remaining": 15_000}
        return Reply(body={"DailyApiRequests": day, "DailyBulkApiBatches": other, "DailyBulkV2QueryJobs": other})


async def _no_such_path(request: Request, error_: HTTPException) -> Response:
    return error(404, "NOT_FOUND", "The requested resource does not exist")


async def _no_such_method(request: Request, error_: HTTPException) -> Response:
    allowed = (error_.headers or {}).get("Allow", "")
    message = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
    return answer(405, [{"message": message, "errorCode": "METHOD_NOT_ALLOWED"}], {"Allow": allowed})


def _without_last_slash(app: ASGIApp) -> ASGIApp:
    """Salesforce takes every path with and without a slash at its end."""

    async def trimmed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/")
        await app(scope, receive, send)

    return trimmed
