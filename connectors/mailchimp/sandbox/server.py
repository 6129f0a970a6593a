"""Routes, auth, and the limit on simultaneous connections."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.mailchimp.sandbox import lists, mailings, members, seed
from connectors.mailchimp.sandbox.audience import Audience, digest
from connectors.mailchimp.sandbox.batches import Batches
from connectors.mailchimp.sandbox.mailings import Mailings
from connectors.mailchimp.sandbox.people import AudiencePeople
from connectors.mailchimp.sandbox.query import Call
from connectors.mailchimp.sandbox.replies import Refused, Reply, invalid, not_found, too_many
from connectors.mailchimp.sandbox.webhooks import EVENTS, Webhooks
from hub.sdk.courier import Courier
from hub.sdk.sandbox import Front, SandboxConnection, SandboxOptions

CONCURRENT_MAX = 10
DATA_CENTER = "us6"
CLIENT_ID, CODE = "100000000001", "sandbox-code"
SCHEMA = '<https://us6.api.mailchimp.com/schema/3.0/Definitions/{}.json>; rel="describedBy"'
Handler = Callable[[Call], Reply]


class MailchimpSandbox:
    """One account with one audience. `latency` (seconds) keeps every call open, so that the limit can be met."""

    name = "mailchimp"

    def __init__(self, options: SandboxOptions, latency: float = 0.0) -> None:
        self._clock = options.clock
        self._lock = RLock()
        self._latency = latency
        self._refusals = 0
        world = options.the_world()
        tag = str(options.seed)
        self.api_key = f"{digest(f'mailchimp key {tag}')}-{DATA_CENTER}"
        self.access_token = digest(f"mailchimp token {tag}")
        self.client_secret = digest(f"mailchimp client {tag}")
        self.audience = Audience(
            digest(f"mailchimp audience {tag}")[:10], "Customers and friends", "Hub Customer Inc.", options.clock
        )
        self.mailings = Mailings(self.audience)
        self.people = AudiencePeople(self.audience, self._lock)
        self.batches = Batches(self.audience.now, self._perform)
        seed.people(self.audience, world)
        seed.campaigns(self.mailings, world, self._clock())
        self.webhooks = Webhooks(self.audience, options.clock)
        self.audience.told = self.webhooks.look
        self._secrets = {"api_key": self.api_key}
        if options.webhooks:
            self.tell(options.webhooks)
        self._routes = [(method, _pattern(path), path, handler) for method, path, handler in self._table()]
        self._front = Front(_Limited(self._serve, self._too_many), options, too_many=self._too_many)

    @property
    def app(self) -> ASGIApp:
        return self._front

    @property
    def calls(self) -> Counter[str]:
        return self._front.calls

    def connection(self) -> SandboxConnection:
        return SandboxConnection({"audience_id": self.audience.list_id}, dict(self._secrets))

    def tell(self, url: str) -> Courier:
        """Makes a signed webhook that tells what persons and users of Mailchimp do."""
        with self._lock:
            made = self.webhooks.make(
                url, dict.fromkeys(EVENTS, True), {"user": True, "admin": True, "api": False}, signed=True
            )
            self._secrets["webhook_signing_secret"] = made.secret
        return self.webhooks.courier

    def _table(self) -> list[tuple[str, str, Handler]]:
        def on(do: Callable[[Audience, Call], Reply]) -> Handler:
            def handler(call: Call) -> Reply:
                if call.ids.get("list_id", self.audience.list_id) != self.audience.list_id:
                    raise not_found()
                return do(self.audience, call)

            return handler

        def of(do: Callable[[Mailings, Call], Reply]) -> Handler:
            return lambda call: do(self.mailings, call)

        member, segment = "/lists/{list_id}/members/{subscriber_hash}", "/lists/{list_id}/segments/{segment_id}"
        fields, campaign, report = "/lists/{list_id}/merge-fields", "/campaigns/{campaign_id}", "/reports/{campaign_id}"
        hooks, hook = "/lists/{list_id}/webhooks", "/lists/{list_id}/webhooks/{webhook_id}"
        return [
            ("GET", "/", self._root),
            ("GET", "/ping", _ping),
            ("GET", "/lists", on(lists.listing)),
            ("GET", "/lists/{list_id}", on(lists.get)),
            ("POST", "/lists/{list_id}", on(members.batch)),
            ("GET", "/lists/{list_id}/members", on(members.listing)),
            ("POST", "/lists/{list_id}/members", on(members.add)),
            ("GET", member, on(members.get)),
            ("PUT", member, on(members.put)),
            ("PATCH", member, on(members.patch)),
            ("DELETE", member, on(members.delete)),
            ("POST", f"{member}/actions/delete-permanent", on(members.delete_permanent)),
            ("GET", f"{member}/tags", on(members.tags)),
            ("POST", f"{member}/tags", on(members.set_tags)),
            ("GET", fields, on(lists.merge_fields)),
            ("POST", fields, on(lists.add_merge_field)),
            ("GET", fields + "/{merge_id}", on(lists.merge_field)),
            ("PATCH", fields + "/{merge_id}", on(lists.change_merge_field)),
            ("DELETE", fields + "/{merge_id}", on(lists.drop_merge_field)),
            ("GET", "/lists/{list_id}/segments", on(lists.segments)),
            ("POST", "/lists/{list_id}/segments", on(lists.add_segment)),
            ("GET", segment, on(lists.segment)),
            ("POST", segment, on(lists.change_segment)),
            ("GET", f"{segment}/members", on(lists.segment_members)),
            ("GET", "/lists/{list_id}/tag-search", on(lists.tag_search)),
            ("GET", "/search-members", on(members.search)),
            ("GET", hooks, on(lambda _, call: self.webhooks.listing(call))),
            ("POST", hooks, on(lambda _, call: self.webhooks.add(call))),
            ("GET", hook, on(lambda _, call: self.webhooks.get(call))),
            ("PATCH", hook, on(lambda _, call: self.webhooks.change(call))),
            ("DELETE", hook, on(lambda _, call: self.webhooks.drop(call))),
            ("GET", "/campaigns", of(mailings.listing)),
            ("POST", "/campaigns", of(mailings.add)),
            ("GET", campaign, of(mailings.get)),
            ("PATCH", campaign, of(mailings.change)),
            ("DELETE", campaign, of(mailings.delete)),
            ("POST", f"{campaign}/actions/send", of(mailings.send)),
            ("GET", "/reports", of(mailings.reports)),
            ("GET", report, of(mailings.report)),
            ("GET", f"{report}/sent-to", of(mailings.sent_to)),
            ("GET", f"{report}/unsubscribed", of(mailings.unsubscribed)),
            ("GET", "/batches", self.batches.listing),
            ("POST", "/batches", self.batches.start),
            ("GET", "/batches/{batch_id}", self.batches.get),
            ("DELETE", "/batches/{batch_id}", self.batches.drop),
        ]

    def _root(self, call: Call) -> Reply:
        return Reply(
            body={
                "account_id": digest(f"account {self.audience.list_id}")[:25],
                "account_name": self.audience.company,
                "account_timezone": "UTC",
                "role": "owner",
                "total_subscribers": sum(1 for m in self.audience.members.values() if m.status == "subscribed"),
                "_links": [],
            }
        )

    # Serving

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if self._latency:
            await asyncio.sleep(self._latency)
        with self._lock:
            self.audience.acting = "api"
            try:
                reply = self._answer(scope, request, body)
            finally:
                self.audience.acting = "user"
        answer = reply.response()
        instance = blake2b(f"{scope['path']} {len(body)}".encode(), digest_size=16).hexdigest()
        answer.headers["X-Request-Id"] = instance
        if reply.status >= 400:
            answer.headers["Link"] = SCHEMA.format("ProblemDetailDocument")
        await answer(scope, receive, send)

    def _answer(self, scope: Scope, request: Request, body: bytes) -> Reply:
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("ascii", "replace").partition("?")[0]
        query = dict(parse_qsl(scope.get("query_string", b"").decode("ascii", "replace"), keep_blank_values=True))
        host = f"{scope.get('scheme', 'http')}://{request.headers.get('host', 'localhost')}"
        try:
            if path.startswith("/oauth2/"):
                return self._oauth(path, request, query, body, host)
            if path.startswith("/batch-results/"):
                name = path.removeprefix("/batch-results/").removesuffix(".tar.gz")
                return self.batches.archive(Call({"batch_id": name}, query))
            if not self._knows(request.headers.get("authorization", "")):
                raise Refused(
                    401,
                    "API Key Invalid",
                    "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
                )
            return self._route(request.method, path, query, body, host, scope)
        except Refused as refused:
            return refused.reply(digest(f"{request.method} {path}"))

    def _route(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, host: str, scope: Scope | None = None
    ) -> Reply:
        if not path.startswith("/3.0"):
            raise not_found()
        found = [(m, p.fullmatch(path), handler) for m, p, _, handler in self._routes]
        matching = [(m, match, handler) for m, match, handler in found if match]
        if not matching:
            raise not_found()
        for known, match, handler in matching:
            if known == method and match is not None:
                ids = {name: unquote(value) for name, value in match.groupdict().items()}
                if scope is not None:
                    scope["path_params"] = dict(ids)
                return handler(Call(ids, query, _json(body), host))
        allowed = ", ".join(sorted({m for m, _, _ in matching}))
        raise Refused(405, "Method Not Allowed", f"The requested method and resource are not compatible: {allowed}.")

    def _perform(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        """One operation of an asynchronous batch."""
        try:
            return self._route(method, path, query, body, "")
        except Refused as refused:
            return refused.reply(digest(f"{method} {path}"))

    # Auth

    def _knows(self, header: str) -> bool:
        """Basic with any user name and the key as password, or Bearer with the key or an OAuth token."""
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer":
            return value.strip() in (self.api_key, self.access_token)
        if kind.lower() != "basic":
            return False
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except ValueError:
            return False
        return pair.partition(":")[2] == self.api_key

    def _oauth(self, path: str, request: Request, query: Mapping[str, str], body: bytes, host: str) -> Reply:
        if path == "/oauth2/metadata" and request.method == "GET":
            given = request.headers.get("authorization", "").partition(" ")[2].strip()
            if given != self.access_token:
                return Reply(body={"error": "invalid_token", "error_description": "The access token is invalid"})
            return Reply(
                body={
                    "dc": DATA_CENTER,
                    "role": "owner",
                    "accountname": self.audience.company,
                    "user_id": 1,
                    "login": {"email": "", "login_id": 1, "login_name": "sandbox"},
                    "login_url": "https://login.mailchimp.com",
                    "api_endpoint": host,
                }
            )
        if path == "/oauth2/authorize" and request.method == "GET":
            target = query.get("redirect_uri", "")
            if query.get("response_type") != "code" or not target:
                return Reply(400, {"error": "invalid_request"})
            mark = "&" if "?" in target else "?"
            return Reply(302, headers={"location": f"{target}{mark}code={CODE}"})
        if path == "/oauth2/token" and request.method == "POST":
            form = dict(parse_qsl(body.decode("utf-8", "replace")))
            if form.get("client_id") != CLIENT_ID or form.get("client_secret") != self.client_secret:
                return Reply(400, {"error": "invalid_client"})
            if form.get("grant_type") != "authorization_code" or form.get("code") != CODE:
                return Reply(400, {"error": "invalid_grant"})
            return Reply(body={"access_token": self.access_token, "expires_in": 0, "scope": None})
        raise not_found()

    def _too_many(self) -> Response:
        """The 429; every third time the body-less 403 that very high volume brings."""
        self._refusals += 1
        if self._refusals % 3 == 0:
            return Response(b"", 403)
        return too_many().reply().response()


def _ping(call: Call) -> Reply:
    return Reply(body={"health_status": "Everything's Chimpy!"})


class _Limited:
    """At most ten calls at once, over all who call."""

    def __init__(self, app: ASGIApp, refuse: Callable[[], Response]) -> None:
        self._app = app
        self._refuse = refuse
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._open >= CONCURRENT_MAX:
            await self._refuse()(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1


def _pattern(path: str) -> re.Pattern[str]:
    escaped = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.rstrip("/"))
    return re.compile(f"/3\\.0{escaped}/?")


def _json(body: bytes) -> Any:
    """The body as JSON; None when there is none. The official client sends `null` with calls that have none."""
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid(detail="We encountered an unspecified JSON parsing error.") from None
