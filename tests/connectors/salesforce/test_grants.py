"""The three grants against the sandbox's token endpoint, and what they make of refusals."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from connectors.salesforce import CONNECTOR
from connectors.salesforce.settings import Settings, secrets
from hub.domain.outcome import FaultKind
from hub.sdk.auth import Denied
from hub.sdk.http import ContractBroken, Response
from hub.sdk.limits import Meter
from tests.connectors.salesforce.driver import START, Driver


def test_a_refresh_token_opens_a_session_at_the_orgs_address(empty: Driver) -> None:
    token = empty.log_in()
    assert token.base_url == empty.url
    assert token.expires_at == START + timedelta(minutes=15), "Salesforce does not say: the timer does"
    assert token.secrets == {}
    account = CONNECTOR.account(empty.send(CONNECTOR.check(empty.settings)))
    assert account.title == "Hub Customer (enterprise edition)"
    assert account.key.startswith("00D")
    assert account.time_zone == "America/New_York"


def test_a_rotated_refresh_token_is_handed_over(empty: Driver) -> None:
    empty.sandbox.sessions.rotates = True
    spent = empty.kept["refresh_token"]
    rotated = empty.log_in().secrets["refresh_token"]
    assert rotated != spent
    assert empty.log_in().secrets["refresh_token"] != rotated
    empty.kept["refresh_token"] = spent
    with pytest.raises(Denied, match="invalid_grant"):
        empty.log_in()


def test_an_assertion_is_signed_for_the_user_and_checked(empty: Driver) -> None:
    sessions = empty.sandbox.sessions
    empty.connect({"grant": "jwt_bearer", "username": sessions.username}, {"private_key": sessions.private_key})
    assert empty.log_in().base_url == empty.url
    assert empty.walk().pages[-1].complete
    pem = sessions.private_key.replace("\n", "\\n")
    empty.connect({"grant": "jwt_bearer", "username": sessions.username}, {"private_key": pem})
    empty.log_in()
    empty.connect({"grant": "jwt_bearer", "username": "somebody@else.example"}, {"private_key": pem})
    with pytest.raises(Denied, match="invalid_grant"):
        empty.log_in()


def test_an_assertion_with_another_key_or_audience_is_refused(empty: Driver) -> None:
    sessions = empty.sandbox.sessions
    other = Driver(seed=9, world=empty.world).sandbox.sessions.private_key
    empty.connect({"grant": "jwt_bearer", "username": sessions.username}, {"private_key": other})
    with pytest.raises(Denied, match="invalid_grant"):
        empty.log_in()
    changes = {"grant": "jwt_bearer", "username": sessions.username, "audience": "https://elsewhere.example"}
    empty.connect(changes, {"private_key": sessions.private_key})
    with pytest.raises(Denied, match="invalid_grant"):
        empty.log_in()
    empty.connect(changes, {"private_key": "-----BEGIN NONSENSE-----"})
    with pytest.raises(Denied, match="not an RSA private key"):
        empty.log_in()


def test_the_claims_of_an_assertion(empty: Driver) -> None:
    sessions = empty.sandbox.sessions
    settings = {
        "https://acme--dev.sandbox.my.salesforce.com": "https://test.salesforce.com",
        "https://test.salesforce.com": "https://test.salesforce.com",
        "https://acme.my.salesforce.com/": "https://login.salesforce.com",
        "": "https://login.salesforce.com",
    }
    key = serialization.load_pem_private_key(sessions.private_key.encode(), None).public_key()
    for login_url, audience in settings.items():
        chosen = Settings(client_id="app", grant="jwt_bearer", username="u@x.example", login_url=login_url)
        request = CONNECTOR.auth(chosen, {"private_key": sessions.private_key}).token_request(START)
        assert request is not None
        assert request.path == f"{login_url.rstrip('/')}/services/oauth2/token"
        assertion = (request.body or b"").decode().rpartition("assertion=")[2]
        options = {"verify_exp": False, "verify_aud": False}
        claims = jwt.decode(assertion, key, algorithms=["RS256"], options=options)
        assert claims == {
            "iss": "app",
            "sub": "u@x.example",
            "aud": audience,
            "exp": int(START.timestamp()) + 180,
        }


def test_client_credentials(empty: Driver) -> None:
    sessions = empty.sandbox.sessions
    empty.connect({"grant": "client_credentials"}, {"client_secret": sessions.client_secret})
    assert empty.log_in().secrets == {}
    assert empty.walk().pages[-1].complete
    empty.connect({"grant": "client_credentials"}, {"client_secret": "s3cr3t-but-not-it"})
    with pytest.raises(Denied, match="invalid_client") as refused:
        empty.log_in()
    assert "s3cr3t" not in str(refused.value)


def test_a_withdrawn_app_needs_a_person(empty: Driver) -> None:
    empty.log_in()
    empty.sandbox.sessions.revoke()
    assert CONNECTOR.auth(empty.settings, empty.kept) is not None
    with pytest.raises(Denied, match="expired, revoked"):
        empty.send(CONNECTOR.check(empty.settings))


def test_what_is_no_answer_of_a_token_endpoint_is_no_refusal(empty: Driver) -> None:
    auth = CONNECTOR.auth(empty.settings, empty.kept)
    for response in (
        Response(200, b"<html>maintenance</html>"),
        Response(200, b'{"access_token": "x"}'),
        Response(200, b"[]"),
        Response(400, b'{"error": "unknown_error", "error_description": "retry your request"}'),
        Response(503, b'{"error": "x"}'),
    ):
        with pytest.raises(ContractBroken):
            auth.token(response, START)


def test_a_proxy_may_stand_before_the_api(empty: Driver) -> None:
    empty.connect({"instance_url": "http://proxy.internal:8080/"})
    assert empty.log_in().base_url == "http://proxy.internal:8080"


def test_no_secret_shows(empty: Driver) -> None:
    token = empty.log_in()
    auth = CONNECTOR.auth(empty.settings, empty.kept)
    shown = repr(auth) + repr(token)
    assert token.access not in shown
    assert not any(secret in shown for secret in empty.kept.values())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"grant": "jwt_bearer"}, "needs `username`"),
        ({"grant": "client_credentials", "login_url": "https://login.salesforce.com"}, "My Domain"),
        ({"api_version": "62"}, "pattern"),
        ({"external_id_field": "HubId"}, "pattern"),
        ({"currency": "Euro"}, "pattern"),
        ({"login_url": "https://x.example/services/oauth2/token"}, "pattern"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**{"client_id": "app", **changes})


def test_each_grant_asks_for_its_own_secrets() -> None:
    names = {
        grant: [s.name for s in secrets(Settings(client_id="a", grant=grant, username="u"))]
        for grant in ("refresh_token", "jwt_bearer", "client_credentials")
    }
    assert names == {
        "refresh_token": ["client_secret", "refresh_token"],
        "jwt_bearer": ["private_key"],
        "client_credentials": ["client_secret"],
    }


def test_a_spent_quota_is_a_wait_and_the_meter_shows_it(empty: Driver) -> None:
    first = empty.send(CONNECTOR.check(empty.settings))
    assert CONNECTOR.meters(first) == (Meter("default", 86_400.0, used=1, limit=100_000),)
    assert {("default", 86_400.0)} == {(limit.bucket, limit.seconds) for limit in CONNECTOR.limits}, "it is declared"
    empty.sandbox.api.daily_limit = 1
    request = CONNECTOR.check(empty.settings)
    fault = CONNECTOR.classify(request, empty.send(request))
    assert fault is not None
    assert (fault.kind, fault.retry_after) == (FaultKind.RATE_LIMITED, 1800.0)
    empty.clock.forward(hours=25)
    assert CONNECTOR.classify(request, empty.send(request)) is None
    headers = {"sforce-limit-info": "api-usage=25/5000; per-app-api-usage=17/250(appName=hub)"}
    assert CONNECTOR.meters(Response(200, b"", headers)) == (Meter("default", 86_400.0, used=25, limit=5000),)
    assert CONNECTOR.meters(Response(200, b"")) == ()
