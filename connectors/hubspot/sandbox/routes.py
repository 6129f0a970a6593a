"""The sandbox's paths: what each needs (scope, bucket) and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.hubspot.sandbox import about, batches, consents, objects
from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.answers import Refused, correlation, not_found, refusal
from connectors.hubspot.sandbox.call import Call

Handler: TypeAlias = Callable[[Account, Call], Response]
READ, WRITE = "crm.objects.contacts.read", "crm.objects.contacts.write"
SCHEMA, SCHEMA_WRITE, OWNERS = "crm.schemas.contacts.read", "crm.schemas.contacts.write", "crm.objects.owners.read"
CONSENT, CONSENT_WRITE = "communication_preferences.read", "communication_preferences.read_write"
OPEN = "-"
DATED = ("2025-09", "2026-03", "2026-09")
URL_MAX = 8_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    scope: str
    handler: Handler
    search: bool = False


def endpoints() -> list[Endpoint]:
    objects_at = [f"/crm/v3/objects/{name}" for name in ("contacts", "0-1")]
    objects_at += [f"/crm/objects/{dated}/{name}" for dated in DATED for name in ("contacts", "0-1")]
    properties_at = ["/crm/v3/properties", *(f"/crm/properties/{dated}" for dated in DATED)]
    preferences_at = [f"/communication-preferences/{version}" for version in ("v4", *DATED)]
    found = [endpoint for base in objects_at for endpoint in _objects(base)]
    for base in properties_at:
        for name in ("contacts", "0-1"):
            found.append(Endpoint("GET", f"{base}/{name}", SCHEMA, about.properties))
            found.append(Endpoint("POST", f"{base}/{name}", SCHEMA_WRITE, about.make_property))
            one = f"{base}/{name}/{{propertyName}}"
            found.append(Endpoint("GET", one, SCHEMA, about.one_property))
            found.append(Endpoint("PATCH", one, SCHEMA_WRITE, about.change_property))
            found.append(Endpoint("DELETE", one, SCHEMA_WRITE, about.archive_property))
    found += [endpoint for base in preferences_at for endpoint in _preferences(base)]
    found += [Endpoint("GET", f"/account-info/{version}/details", "", about.details) for version in ("v3", *DATED)]
    return [*found, *_older()]


def _objects(base: str) -> list[Endpoint]:
    return [
        Endpoint("GET", base, READ, objects.page),
        Endpoint("POST", base, WRITE, objects.create),
        Endpoint("POST", f"{base}/search", READ, objects.search, search=True),
        Endpoint("POST", f"{base}/merge", WRITE, objects.merge),
        Endpoint("POST", f"{base}/gdpr-delete", WRITE, objects.gdpr_delete),
        Endpoint("POST", f"{base}/batch/read", READ, batches.read),
        Endpoint("POST", f"{base}/batch/create", WRITE, batches.create),
        Endpoint("POST", f"{base}/batch/update", WRITE, batches.update),
        Endpoint("POST", f"{base}/batch/upsert", WRITE, batches.upsert),
        Endpoint("POST", f"{base}/batch/archive", WRITE, batches.archive),
        Endpoint("GET", f"{base}/{{contactId}}", READ, objects.get),
        Endpoint("PATCH", f"{base}/{{contactId}}", WRITE, objects.update),
        Endpoint("DELETE", f"{base}/{{contactId}}", WRITE, objects.archive),
    ]


def _preferences(base: str) -> list[Endpoint]:
    own = f"{base}/statuses/{{subscriberIdString}}"
    return [
        Endpoint("GET", f"{base}/definitions", CONSENT, consents.definitions),
        Endpoint("POST", f"{base}/statuses/batch/write", CONSENT_WRITE, consents.batch_write),
        Endpoint("POST", f"{base}/statuses/batch/read", CONSENT, consents.batch_read),
        Endpoint("POST", f"{base}/statuses/batch/unsubscribe-all", CONSENT_WRITE, consents.batch_unsubscribe_all),
        Endpoint("POST", f"{base}/statuses/batch/unsubscribe-all/read", CONSENT, consents.batch_unsubscribed_all),
        Endpoint("GET", own, CONSENT, consents.statuses),
        Endpoint("POST", own, CONSENT_WRITE, consents.write),
        Endpoint("GET", f"{own}/unsubscribe-all", CONSENT, consents.unsubscribed_all),
        Endpoint("POST", f"{own}/unsubscribe-all", CONSENT_WRITE, consents.unsubscribe_all),
    ]


def _older() -> list[Endpoint]:
    preferences = "/communication-preferences/v3"
    return [
        Endpoint("GET", f"{preferences}/definitions", CONSENT, consents.v3_definitions),
        Endpoint("GET", f"{preferences}/status/email/{{emailAddress}}", CONSENT, consents.v3_status),
        Endpoint("POST", f"{preferences}/subscribe", CONSENT_WRITE, consents.v3_subscribe),
        Endpoint("POST", f"{preferences}/unsubscribe", CONSENT_WRITE, consents.v3_unsubscribe),
        Endpoint("GET", "/crm/v3/owners", OWNERS, about.owners),
        Endpoint("GET", "/crm/v3/owners/", OWNERS, about.owners),
        Endpoint("GET", "/crm/v3/owners/{ownerId}", OWNERS, about.one_owner),
        Endpoint("POST", "/oauth/v1/token", OPEN, about.token),
        Endpoint("POST", "/oauth/v3/token", OPEN, about.token),
        Endpoint("GET", "/oauth/v1/access-tokens/{token}", OPEN, about.access_token),
        Endpoint("GET", "/oauth/v1/refresh-tokens/{token}", OPEN, about.refresh_token),
    ]


def application(account: Account, lock: RLock) -> Starlette:
    routes = [Route(e.path, _served(e, account, lock), methods=[e.method]) for e in endpoints()]
    return Starlette(routes=routes, exception_handlers={404: _unknown, 405: _wrong_method})


def _served(endpoint: Endpoint, account: Account, lock: RLock) -> Callable[[Request], object]:
    async def serve(request: Request) -> Response:
        if len(request.url.query) > URL_MAX:
            return Response("<html><body><h1>414 Request-URI Too Large</h1></body></html>", 414, media_type="text/html")
        call = Call(request.path_params, request.query_params.multi_items(), await request.body())
        with lock:
            try:
                headers = {}
                if endpoint.scope != OPEN:
                    authorization = request.headers.get("authorization", "")
                    headers = account.gate.enter(authorization, endpoint.scope, search=endpoint.search)
                account.acting = "INTEGRATION"
                response = endpoint.handler(account, call)
            except Refused as refused:
                response = refused.response
            finally:
                account.acting = "CRM_UI"
        for name, value in headers.items():
            response.headers[name] = value
        response.headers["X-HubSpot-Correlation-Id"] = correlation(endpoint.path)
        return response

    return serve


async def _unknown(_request: Request, _error: Exception) -> Response:
    return not_found().response


async def _wrong_method(_request: Request, _error: Exception) -> Response:
    return refusal(405, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed").response
