"""What HubSpot's refusals mean, and tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox.gate import SCOPES
from hub.domain.outcome import FaultKind
from hub.sdk.auth import Denied
from hub.sdk.http import ContractBroken, Response, get
from hub.sdk.limits import ALL, Meter
from tests.connectors.hubspot.stage import Stage

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def classify(status, body=b"", **headers):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CONNECTOR.classify(get("/x"), Response(status, raw, named))


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "wait"),
    [
        (401, {"category": "EXPIRED_AUTHENTICATION"}, FaultKind.UNAUTHORISED, "EXPIRED_AUTHENTICATION", None),
        (401, b"", FaultKind.UNAUTHORISED, "INVALID_AUTHENTICATION", None),
        (403, {"category": "MISSING_SCOPES"}, FaultKind.MISCONFIGURED, "MISSING_SCOPES", None),
        (403, b"<html>blocked</html>", FaultKind.MISCONFIGURED, "blocked", None),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, FaultKind.RATE_LIMITED, "TEN_SECONDLY_ROLLING", 10.0),
        (429, {"policyName": "SECONDLY"}, FaultKind.RATE_LIMITED, "SECONDLY", 1.0),
        (429, {"policyName": "DAILY"}, FaultKind.RATE_LIMITED, "DAILY", 3600.0),
        (429, b"<html>slow down</html>", FaultKind.RATE_LIMITED, "RATE_LIMIT", 10.0),
        (423, {"status": "error"}, FaultKind.TRANSIENT, "LOCKED", 5.0),
        (477, {"status": "error"}, FaultKind.TRANSIENT, "MIGRATION_IN_PROGRESS", 60.0),
        (500, b"", FaultKind.TRANSIENT, "http_500", None),
        (502, b"<html>bad gateway</html>", FaultKind.TRANSIENT, "http_502", None),
        (523, b"", FaultKind.TRANSIENT, "http_523", None),
        (414, b"<html>too long</html>", FaultKind.CONTRACT, "uri_too_long", None),
        (404, b"<html>no such host</html>", FaultKind.MISCONFIGURED, "http_404", None),
        (302, b"", FaultKind.MISCONFIGURED, "http_302", None),
    ],
)
def test_faults_of_the_request(status, body, kind, code, wait):
    fault = classify(status, body)
    assert (fault.kind, fault.code, fault.retry_after) == (kind, code, wait)


def test_a_retry_after_that_the_vendor_names_is_kept():
    assert classify(429, {"policyName": "DAILY"}, retry_after="120").retry_after == 120.0
    assert classify(477, b"", retry_after="600").retry_after == 600.0
    assert classify(429, {"policyName": "DAILY"}, retry_after="soon").retry_after == 3600.0


@pytest.mark.parametrize("status", [200, 207, 400, 404, 409])
def test_what_speaks_of_records_is_left_to_stream_and_sink(status):
    assert classify(status, {"status": "error", "category": "VALIDATION_ERROR"}) is None


def test_missing_scopes_are_named_and_the_vendor_s_text_is_not_quoted():
    stage = Stage()
    token = stage.sandbox.account.gate.private_token(SCOPES - {"crm.objects.contacts.read"} - {"crm.objects.contacts"})
    request = stage.stream().request(stage.stream().start(None, NOW))
    answer = stage.ask("GET", request.path, headers={"Authorization": f"Bearer {token}"})
    fault = CONNECTOR.classify(request, Response(answer.status_code, answer.content))
    assert fault.kind is FaultKind.MISCONFIGURED
    assert "crm.objects.contacts.read" in fault.message


def test_an_unknown_token_is_unauthorised_and_an_expired_one_says_so():
    stage = Stage(connection="oauth")
    assert stage.walk().last.complete
    old = stage.token
    stage.clock.step(30 * 60 + 1)
    expired = stage.raw_send(stage.auth.sign(CONNECTOR.check(stage.settings), old))
    assert CONNECTOR.classify(get("/"), expired).code == "EXPIRED_AUTHENTICATION"
    answer = stage.ask("GET", "/account-info/v3/details", headers={"Authorization": "Bearer nonsense"})
    assert CONNECTOR.classify(get("/"), Response(answer.status_code, answer.content)).code == "INVALID_AUTHENTICATION"


def test_the_lifetime_of_a_token_is_read_from_the_answer():
    stage = Stage(connection="oauth")
    token = stage.auth.token(stage.raw_send(stage.auth.token_request(stage.clock())), stage.clock())
    assert token.expires_at == stage.clock() + timedelta(minutes=30)
    assert token.secrets == {}
    body = {"access_token": "a", "refresh_token": "rotated", "expires_in": 60}
    rotated = stage.auth.token(Response(200, orjson.dumps(body)), NOW)
    assert rotated.secrets == {"refresh_token": "rotated"}
    assert rotated.expires_at == NOW + timedelta(seconds=60)
    assert "rotated" not in repr(rotated)


def test_a_refused_grant_needs_a_person_and_names_no_secret():
    stage = Stage(connection="oauth")
    auth = CONNECTOR.auth(stage.settings, {**stage.given.secrets, "refresh_token": "wrong-one"})
    with pytest.raises(Denied, match="BAD_REFRESH_TOKEN") as refused:
        auth.token(stage.raw_send(auth.token_request(NOW)), NOW)
    assert "wrong-one" not in str(refused.value)
    with pytest.raises(ContractBroken):
        auth.token(Response(200, b"{}"), NOW)


def test_meters_read_the_daily_quota_where_there_is_one():
    stage = Stage(people=5)
    answer = stage.send(CONNECTOR.check(stage.settings))
    rolling = Meter("default", 10.0, limit=100, remaining=99)
    assert CONNECTOR.meters(answer) == (Meter(ALL, 86_400.0, limit=250_000, remaining=249_999), rolling)
    oauth = Stage(connection="oauth")
    assert CONNECTOR.meters(oauth.send(CONNECTOR.check(oauth.settings))) == (rolling,)
    search = stage.raw_send(
        stage.auth.sign(stage.stream().request({"stage": "search", "from": 0, "to": 1, "id": "0"}), None)
    )
    assert CONNECTOR.meters(search) == ()
    other = replace(answer, headers={**answer.headers, "x-hubspot-ratelimit-interval-milliseconds": "1000"})
    assert rolling not in CONNECTOR.meters(other), "it speaks of another window than the one that is declared"
    windows = {(limit.bucket, limit.seconds) for limit in CONNECTOR.limits}
    assert all((meter.bucket, meter.seconds) in windows for meter in CONNECTOR.meters(answer)), "each is declared"


def test_the_rolling_limit_is_enforced_and_waited_out():
    stage = Stage()
    for _ in range(105):
        stage.send(CONNECTOR.check(stage.settings))
    assert stage.waits == [10.0]


def test_the_daily_limit_ends_at_midnight_of_the_account():
    stage = Stage()
    stage.sandbox.account.gate.daily = 2
    request = stage.auth.sign(CONNECTOR.check(stage.settings), None)
    assert [stage.raw_send(request).status for _ in range(3)] == [200, 200, 429]
    stage.clock.at = datetime(2026, 1, 6, 4, 59, tzinfo=UTC)
    assert stage.raw_send(request).status == 429
    stage.clock.at = datetime(2026, 1, 6, 5, 1, tzinfo=UTC)
    assert stage.raw_send(request).status == 200


def test_check_says_whose_account_it_is():
    stage = Stage()
    account = CONNECTOR.account(stage.send(CONNECTOR.check(stage.settings)))
    assert (account.key, account.time_zone, account.currency) == ("48120077", "US/Eastern", "USD")
    assert "sandbox" in account.title


def test_settings_are_checked():
    with pytest.raises(ValueError, match="client_id"):
        CONNECTOR.settings.model_validate({"auth": "oauth"})
    with pytest.raises(ValueError, match="versoin"):
        CONNECTOR.settings.model_validate({"versoin": "v3"})
    with pytest.raises(ValueError, match="version"):
        CONNECTOR.settings.model_validate({"version": "latest"})
    settings = CONNECTOR.settings.model_validate({"auth": "oauth", "client_id": "c"})
    assert [s.name for s in CONNECTOR.secrets(settings)] == ["client_secret", "refresh_token"]
