"""The service over HTTP: the token endpoint, accessible customers, search, searchStream and the field service."""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.google_ads.sandbox import results
from connectors.google_ads.sandbox.accounts import MANAGER, Account
from connectors.google_ads.sandbox.errors import Fails, answer, exhausted, unauthenticated
from connectors.google_ads.sandbox.fields import FIELDS
from connectors.google_ads.sandbox.gaql import Parser, Query, Refused, check

VERSIONS = ("v23", "v24", "v25", "v26")
TOKEN_LIFE = timedelta(hours=1)
BATCH_ROWS = 1_000
"""Rows of one batch of a stream; Google's go up to 10,000."""
PAGE_ROWS = 10_000
DIRECT = (MANAGER,)
"""The accounts that the signed-in user reaches without a login-customer-id."""

CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "sandbox.apps.googleusercontent.com", "sandbox-secret", "1//sandbox-refresh"


class Service:
    """State and answers. `lock` guards the accounts; `exhaust` makes the next requests meet the quota."""

    def __init__(self, accounts: dict[str, Account], clock: Callable[[], datetime]) -> None:
        self.accounts = accounts
        self.clock = clock
        self.lock = threading.RLock()
        self.refresh_tokens = {REFRESH_TOKEN}
        self.exhaust = 0
        self.needs_developer_token = False
        self._tokens: dict[str, datetime] = {}
        self._count = 0

    def app(self) -> Starlette:
        customer = "/{version}/customers/{customer}/googleAds"
        return Starlette(
            routes=[
                Route("/token", self.token, methods=["POST"]),
                Route("/{version}/customers:listAccessibleCustomers", self._front(self.accessible), methods=["GET"]),
                Route(f"{customer}:searchStream", self._front(self.search_stream, framed=True), methods=["POST"]),
                Route(f"{customer}:search", self._front(self.search), methods=["POST"]),
                Route("/{version}/googleAdsFields:search", self._front(self.search_fields), methods=["POST"]),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    def revoke(self) -> None:
        """The user took the permission back: access and refresh tokens are dead."""
        with self.lock:
            self.refresh_tokens.clear()
            self._tokens.clear()

    async def token(self, request: Request) -> Response:
        """RFC 6749, section 6, with Google's answers."""
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        with self.lock:
            if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
                body = {"error": "invalid_client", "error_description": "The OAuth client was not found."}
                return JSONResponse(body, status_code=401)
            if form.get("grant_type") != "refresh_token":
                body = {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}
                return JSONResponse(body, status_code=400)
            if form.get("refresh_token") not in self.refresh_tokens:
                body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
                return JSONResponse(body, status_code=400)
            self._count += 1
            access = f"ya29.sandbox-{self._count}"
            self._tokens[access] = self.clock() + TOKEN_LIFE
        scope = "https://www.googleapis.com/auth/adwords"
        life = int(TOKEN_LIFE.total_seconds()) - 1
        return JSONResponse({"access_token": access, "expires_in": life, "scope": scope, "token_type": "Bearer"})

    def _front(
        self, endpoint: Callable[[Request], Awaitable[Response]], *, framed: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """Authentication, quota and the error envelope, the same for all methods."""

        async def guarded(request: Request) -> Response:
            version = request.path_params["version"]
            if version not in VERSIONS:
                return _not_found(request, None)
            with self.lock:
                self._count += 1
                number = f"sandbox-request-{self._count:06d}"
                kind, _, access = request.headers.get("authorization", "").partition(" ")
                until = self._tokens.get(access)
                if kind.lower() != "bearer" or until is None or until <= self.clock():
                    return unauthenticated()
            try:
                self._admit(request)
                return await endpoint(request)
            except Refused as refused:
                fails = Fails(400, "queryError", refused.code, str(refused))
            except Fails as caught:
                fails = caught
            return answer(fails, number, framed=framed, version=version)

        return guarded

    def _admit(self, request: Request) -> None:
        with self.lock:
            if self.exhaust > 0:
                self.exhaust -= 1
                raise exhausted("1s")
        login = request.headers.get("login-customer-id", "")
        if login and not re.fullmatch(r"\d{10}", login):
            raise Fails(
                400, "headerError", "INVALID_LOGIN_CUSTOMER_ID", "The login customer ID could not be validated."
            )
        if self.needs_developer_token and not request.headers.get("developer-token"):
            message = "Developer token was not provided."
            raise Fails(400, "requestError", "DEVELOPER_TOKEN_PARAMETER_MISSING", message)

    async def accessible(self, request: Request) -> Response:
        return JSONResponse({"resourceNames": [f"customers/{id_}" for id_ in DIRECT]})

    async def search_stream(self, request: Request) -> Response:
        query, rows = await self._run(request)
        mask = ",".join(results.camel(name) for name in query.mask)
        batches = [
            {"results": rows[at : at + BATCH_ROWS], "fieldMask": mask, "requestId": f"stream-{self._count}"}
            for at in range(0, len(rows), BATCH_ROWS)
        ]
        return _json(batches or [{"fieldMask": mask, "requestId": f"stream-{self._count}"}])

    async def search(self, request: Request) -> Response:
        query, rows = await self._run(request)
        body = await _body(request)
        if "pageSize" in body:
            message = (
                "Setting the page size is not supported. Search Responses will have fixed page size of '10000' rows."
            )
            raise Fails(400, "requestError", "PAGE_SIZE_NOT_SUPPORTED", message)
        token = str(body.get("pageToken") or "0")
        if not token.isdigit() or int(token) > len(rows):
            raise Fails(400, "requestError", "INVALID_PAGE_TOKEN", "The page token is invalid.")
        at = int(token)
        shown: dict[str, Any] = {
            "results": rows[at : at + PAGE_ROWS],
            "totalResultsCount": str(len(rows)),
            "fieldMask": ",".join(results.camel(name) for name in query.mask),
        }
        if at + PAGE_ROWS < len(rows):
            shown["nextPageToken"] = str(at + PAGE_ROWS)
        return _json(shown)

    async def search_fields(self, request: Request) -> Response:
        text = str((await _body(request)).get("query") or "")
        query = Parser(text, self.clock().date(), needs_from=False).parse()
        found: list[dict[str, object]] = []
        for fact in FIELDS.values():
            row = {"name": fact.name, "category": fact.category, "data_type": fact.type}
            traits = {"selectable": fact.selectable, "filterable": fact.filterable, "sortable": fact.sortable}
            if all(condition.holds({**row, **traits}.get(condition.fact.name)) for condition in query.where):
                asked = {"resourceName", *(results.camel(name) for name in query.mask)}
                found.append({key: value for key, value in fact.as_json().items() if key in asked})
        return _json({"results": found, "totalResultsCount": str(len(found))})

    async def _run(self, request: Request) -> tuple[Query, list[dict[str, Any]]]:
        """The query and its rows, after every check that Google makes."""
        account = self._account(request)
        text = (await _body(request)).get("query")
        if not isinstance(text, str) or not text.strip():
            raise Fails(400, "requestError", "REQUIRED_FIELD_MISSING", "Required field is missing: query")
        now = self.clock()
        query = Parser(text, account.today(now)).parse()
        check(query, account.today(now))
        if account.manager and query.measured():
            message = "Metrics cannot be requested for a manager account."
            raise Refused("REQUESTED_METRICS_FOR_MANAGER", message)
        with self.lock:
            found = results.rows(account, query, now, self.accounts)
            return query, [results.as_json(query, row) for row in found]

    def _account(self, request: Request) -> Account:
        """The account asked for, if the signed-in user may see it through the login customer."""
        asked = request.path_params["customer"]
        if not re.fullmatch(r"\d{10}", asked):
            raise Fails(400, "requestError", "INVALID_CUSTOMER_ID", f"Invalid customer ID '{asked}'.")
        if asked not in self.accounts:
            raise Fails(
                401, "authenticationError", "CUSTOMER_NOT_FOUND", "No customer found for the provided customer id."
            )
        login = request.headers.get("login-customer-id") or asked
        reached = login in DIRECT and (asked == login or asked in self.accounts[login].children)
        if not reached:
            message = (
                "User doesn't have permission to access customer. Note: If you're accessing a client customer, the "
                "manager's customer id must be set in the 'login-customer-id' header."
            )
            raise Fails(403, "authorizationError", "USER_PERMISSION_DENIED", message)
        account = self.accounts[asked]
        if account.status != "ENABLED":
            message = "The customer account can't be accessed because it is not yet enabled or has been deactivated."
            raise Fails(403, "authorizationError", "CUSTOMER_NOT_ENABLED", message)
        return account


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Fails(400, "requestError", "UNKNOWN", "Invalid JSON payload received.")
    unknown = sorted(set(body) - {"query", "pageToken", "pageSize", "searchSettings", "summaryRowSetting"})
    if unknown:
        raise Fails(400, "requestError", "UNKNOWN", f'Invalid JSON payload received. Unknown name "{unknown[0]}".')
    return body


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _not_found(_request: Request, _error: object) -> Response:
    return HTMLResponse("<!DOCTYPE html><html><title>Error 404 (Not Found)!!1</title></html>", status_code=404)
