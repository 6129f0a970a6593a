"""Keys, tokens, where the API lives, and refusals of a whole request."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from connectors.mailchimp import CONNECTOR
from connectors.mailchimp.access import OAuth
from connectors.mailchimp.faults import masked
from hub.domain.outcome import FaultKind
from hub.sdk.auth import Denied
from hub.sdk.http import ContractBroken, Response, get
from hub.sdk.sandbox import SandboxOptions
from tests.connectors.mailchimp.driver import EMPTY, START, Driver


def settings(**said: Any) -> Any:
    return CONNECTOR.settings(audience_id="abcdef1234", **said)


def test_the_data_centre_is_the_keys_suffix_unless_it_is_set() -> None:
    assert CONNECTOR.home(settings(), {"api_key": "0123abcd-us6"}) == "https://us6.api.mailchimp.com"
    assert CONNECTOR.home(settings(data_center="us21"), {"api_key": "0123-us6"}) == "https://us21.api.mailchimp.com"
    assert CONNECTOR.home(settings(), {"api_key": "0123"}) is None
    assert CONNECTOR.home(settings(auth="oauth"), {"access_token": "t"}) is None


def test_settings_complain() -> None:
    for wrong in ({"audience": "x"}, {"time_zone": "Mars/Base"}, {"data_center": "us6.evil.example"}, {"page_size": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            settings(**wrong)


def test_a_key_signs_by_basic_and_is_not_shown() -> None:
    driver = Driver(world=EMPTY)
    assert [s.name for s in CONNECTOR.secrets(driver.settings)] == ["api_key"]
    who = CONNECTOR.account(driver.ask(CONNECTOR.check(driver.settings)))
    assert (who.key, who.title) == (driver.list_id, "Customers and friends of Hub Customer Inc.")
    assert driver.sandbox.api_key not in repr(driver.auth)


def test_an_oauth_token_asks_first_where_the_api_lives() -> None:
    driver = Driver(
        world=EMPTY, changes={"auth": "oauth"}, secrets={"access_token": Driver(world=EMPTY).sandbox.access_token}
    )
    assert [s.name for s in CONNECTOR.secrets(driver.settings)] == ["access_token"]
    driver.ask(CONNECTOR.check(driver.settings))
    assert driver.token is not None
    assert driver.token.base_url == driver.url
    assert driver.token.expires_at is None
    assert driver.sent[0].path == "/oauth2/metadata"
    assert driver.token.access not in repr(driver.auth) + repr(driver.token)


def test_with_the_data_centre_set_a_token_is_used_as_it_is() -> None:
    auth = CONNECTOR.auth(settings(auth="oauth", data_center="us6"), {"access_token": "t"})
    assert auth.token_request(START) is None
    assert dict(auth.sign(get("/3.0/ping"), None).headers) == {"Authorization": "Bearer t"}


def test_a_bad_oauth_token_is_told_by_a_200() -> None:
    driver = Driver(world=EMPTY)
    auth = OAuth("wrong")
    request = auth.token_request(START)
    assert request is not None
    response = driver.send(request)
    assert response.status == 200
    with pytest.raises(Denied) as caught:
        auth.token(response, START)
    assert "wrong" not in str(caught.value)
    with pytest.raises(ContractBroken):
        auth.token(Response(200, b"<html>Maintenance</html>"), START)
    with pytest.raises(ContractBroken):
        auth.token(Response(503, b""), START)


def test_the_sandbox_gives_tokens_for_codes() -> None:
    driver = Driver(world=EMPTY)
    query = {"response_type": "code", "client_id": "100000000001", "redirect_uri": "http://127.0.0.1/back"}
    location = httpx.get(f"{driver.url}/oauth2/authorize", params=query).headers["location"]
    code = httpx.URL(location).params["code"]
    form = {"grant_type": "authorization_code", "client_id": "100000000001", "code": code}
    assert httpx.post(f"{driver.url}/oauth2/token", data=form).status_code == 400
    said = httpx.post(f"{driver.url}/oauth2/token", data=form | {"client_secret": driver.sandbox.client_secret}).json()
    assert said == {"access_token": driver.sandbox.access_token, "expires_in": 0, "scope": None}


def test_wrong_keys_and_audiences_are_told_apart() -> None:
    driver = Driver(world=EMPTY, secrets={"api_key": "0123456789-us6"})
    request = CONNECTOR.check(driver.settings)
    fault = CONNECTOR.classify(request, driver.send(driver.auth.sign(request, None)))
    assert fault is not None
    assert (fault.kind, fault.code) == (FaultKind.UNAUTHORISED, "API Key Invalid")
    driver = Driver(world=EMPTY, changes={"audience_id": "0000000000"})
    request = CONNECTOR.check(driver.settings)
    fault = CONNECTOR.classify(request, driver.send(driver.auth.sign(request, None)))
    assert fault is not None
    assert fault.kind is FaultKind.MISCONFIGURED
    assert "audience_id" in fault.message


async def test_the_eleventh_connection_is_refused() -> None:
    driver = Driver(world=EMPTY, latency=0.4)
    async with httpx.AsyncClient(base_url=driver.url, auth=("any", driver.sandbox.api_key)) as client:
        answers = await asyncio.gather(*(client.get("/3.0/ping") for _ in range(13)))
    refused = [a for a in answers if a.status_code != 200]
    assert len(refused) == 3
    kinds = []
    for a in refused:
        fault = CONNECTOR.classify(get("/3.0/ping"), Response(a.status_code, a.content, dict(a.headers)))
        assert fault is not None
        kinds.append((a.status_code, fault.kind, fault.retry_after))
    assert sorted(kinds, key=str) == [
        (403, FaultKind.RATE_LIMITED, 30.0),
        (429, FaultKind.RATE_LIMITED, None),
        (429, FaultKind.RATE_LIMITED, None),
    ]
    (limit,) = (limit for limit in CONNECTOR.limits if limit.bucket == "default")
    assert limit.concurrent == 8


def test_messages_name_nobody() -> None:
    text = masked('"Anna" <anna@firm.example> has +44 113 496 0123; o\'brien@firm.example is fake')
    for part in ("Anna", "anna", "496", "brien"):
        assert part not in text


def test_the_sandbox_misbehaves_as_asked() -> None:
    from connectors.mailchimp.sandbox import sandbox
    from hub.sdk.sandbox import serve

    box = sandbox(SandboxOptions(seed=5, people=10, faults="heavy", clock=lambda: START))
    with serve(box.app) as running:
        answers = []
        for _ in range(120):
            try:
                given = box.connection()
                answer = httpx.get(f"{running.url}/3.0/ping", auth=("any", given.secrets["api_key"]))
                answers.append((answer.status_code, answer.content))
            except httpx.HTTPError:
                answers.append((0, b""))
    faults = [CONNECTOR.classify(get("/3.0/ping"), Response(status, body)) for status, body in answers if status >= 400]
    assert faults
    assert all(f is not None and f.kind in (FaultKind.TRANSIENT, FaultKind.RATE_LIMITED) for f in faults)
    assert orjson.loads(answers[0][1])["health_status"] if answers[0][0] == 200 else True
