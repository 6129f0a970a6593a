"""Webhooks at the door: what is taken, what is refused, and that nobody learns why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import counters
from hub.domain.hint import ANYTHING
from hub.sdk.hooks import BODY_MAX, HINTS_MAX
from hub.store import hints
from tests.web.conftest import SECRET, House, relayed

SHOP = "/webhooks/shop"
ONE = {"stream": "people", "ids": ["7"]}


def refused(name: str) -> dict[str, float]:
    """Refusals counted for a connection, by reason."""
    return {
        dict(labels)["reason"]: value
        for labels, value in counters.labelled("webhooks_refused").items()
        if dict(labels)["connection"] == name
    }


async def post(client: httpx.AsyncClient, body: object, path: str = SHOP, **how: Any) -> httpx.Response:
    text, headers = relayed(body, **how)
    return await client.post(path, content=text, headers=headers)


async def test_a_signed_message_is_noted_and_wakes_its_connection(house: House) -> None:
    async with house.client() as client:
        answer = await post(client, [{"stream": "people", "ids": ["7", 8]}, ONE])
        assert answer.status_code == 200
        assert await house.ids("shop", "people") == ["7", "8"]
        assert await house.woken() == ["shop"]


async def test_without_ids_something_in_the_stream_changed(house: House) -> None:
    async with house.client() as client:
        assert (await post(client, {"stream": "people"})).status_code == 200
        assert await house.ids("shop", "people") == [ANYTHING]


async def test_a_replay_changes_nothing(house: House) -> None:
    async with house.client() as client:
        text, headers = relayed(ONE)
        before = [
            (await client.post(SHOP, content=text, headers=headers)).status_code,
            await house.waiting("shop", "people"),
        ]
        after = [
            (await client.post(SHOP, content=text, headers=headers)).status_code,
            await house.waiting("shop", "people"),
        ]
        assert before == after
        assert before[0] == 200


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"X-Hub-Signature-256": ""}, "unsigned"),
        ({"X-Hub-Timestamp": "yesterday"}, "unsigned"),
        ({"X-Hub-Timestamp": "1e9"}, "unsigned"),
        ({"X-Hub-Timestamp": "٣"}, "unsigned"),
        ({"X-Hub-Timestamp": "1"}, "signature"),
        ({"X-Hub-Signature-256": "sha256=00"}, "signature"),
        ({"X-Hub-Signature-256": "ünsigned"}, "signature"),
    ],
)
async def test_an_unproven_message_is_refused_without_a_reason(
    house: House, spoil: dict[str, str], reason: str
) -> None:
    before = refused("shop").get(reason, 0)
    async with house.client() as client:
        text, headers = relayed(ONE)
        raw = {name: value.encode() for name, value in {**headers, **spoil}.items()}
        answer = await client.post(SHOP, content=text, headers=raw)
        assert (answer.status_code, answer.json()) == (401, {"error": "refused"})
    assert refused("shop")[reason] == before + 1
    assert await house.ids("shop", "people") == []


async def test_a_changed_body_and_another_secret_are_refused(house: House) -> None:
    async with house.client() as client:
        _, headers = relayed(ONE)
        assert (await client.post(SHOP, content=b'{"stream":"people"}', headers=headers)).status_code == 401
        assert (await post(client, ONE, secret=SECRET[::-1])).status_code == 401
    assert await house.ids("shop", "people") == []


@pytest.mark.parametrize(("skew", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
async def test_a_signature_has_its_age(house: House, skew: float, status: int) -> None:
    async with house.client() as client:
        assert (await post(client, ONE, skew=skew)).status_code == status


async def test_old_is_said_of_proven_messages_alone(house: House) -> None:
    """So that the count tells the operator of clocks that disagree, not of strangers."""
    before = refused("shop")
    async with house.client() as client:
        await post(client, ONE, skew=-9_999, secret="x" * 32)
        await post(client, ONE, skew=-9_999)
    after = refused("shop")
    assert after["old"] == before.get("old", 0) + 1
    assert after["signature"] == before.get("signature", 0) + 1


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"17",
    b"[[]]",
    b"[null]",
    b'{"stream": 7}',
    b'{"ids": ["7"]}',
    b'{"stream": "people", "ids": "7"}',
    b'{"stream": "people", "ids": {"7": 1}}',
    b'{"stream": "people", "ids": [null]}',
    b'{"stream": "people", "ids": [true]}',
    b'{"stream": "people", "ids": [1.5]}',
    b'{"stream": "people", "ids": [""]}',
    b'{"stream": "people", "ids": ["a\\u0000b"]}',
    b'{"stream": "people", "ids": ["' + b"x" * 256 + b'"]}',
    b'{"stream": "nobody", "ids": ["7"]}',
    b'{"stream": "people; DROP TABLE hints"}',
    b"\xff\xfe\x00",
    b"[" * 5_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_a_proven_message_that_makes_no_sense_is_said_to_be_unreadable(house: House, body: bytes) -> None:
    async with house.client() as client:
        assert (await post(client, body)).status_code == 400
    async with house.hub.database.read() as conn:
        assert await hints.count(conn) == {}


async def test_a_message_of_very_many_ids_says_only_that_something_changed(house: House) -> None:
    async with house.client() as client:
        assert (await post(client, {"stream": "people", "ids": list(range(HINTS_MAX + 1))})).status_code == 200
        assert await house.ids("shop", "people") == [ANYTHING]


async def test_names_that_are_no_connections_look_like_any_other_refusal(house: House) -> None:
    before = refused("unknown").get("unknown", 0)
    async with house.client() as client:
        unknown = await post(client, ONE, "/webhooks/nobody")
        await post(client, ONE, "/webhooks/' OR 1=1")
        wrong = await post(client, ONE, secret="x" * 32)
    assert unknown.status_code == 404
    assert unknown.json().keys() == wrong.json().keys()
    assert {k for k in unknown.headers if k != "content-length"} == {k for k in wrong.headers if k != "content-length"}
    assert refused("unknown")["unknown"] == before + 2
    assert not any("nobody" in str(labels) for labels in counters.labelled("webhooks_refused"))


async def test_a_connection_without_a_secret_has_no_webhook(house: House) -> None:
    await house.connect("bare", "unruly", {"token": "t"})
    async with house.client() as client:
        assert (await post(client, ONE, "/webhooks/bare", secret="")).status_code == 404
        assert (await client.post("/webhooks/bare", content=b"{}")).status_code == 404
        assert (await client.post(SHOP, content=b"{}")).status_code == 404  # its vendor has no webhooks of its own


async def test_other_methods_are_not_taken(house: House) -> None:
    async with house.client() as client:
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await client.request(method, SHOP)).status_code == 405
        assert (await client.get(SHOP)).status_code == 404
        assert (await client.get("/webhooks/nobody")).status_code == 404


async def test_a_body_that_is_too_large_is_not_read_to_its_end(house: House) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < BODY_MAX * 4:
            read += 65_536
            yield b" " * 65_536

    async with house.client() as client:
        _, headers = relayed(ONE)
        said = await client.post(SHOP, content=b"{}", headers={**headers, "Content-Length": str(BODY_MAX + 1)})
        assert (said.status_code, said.headers["connection"]) == (413, "close")
        unsaid = await client.post(SHOP, content=endless(), headers=headers)
        assert unsaid.status_code == 413
        unknown = await client.post("/webhooks/nobody", content=b" " * (BODY_MAX + 1))
        assert unknown.status_code == 413
        exactly = orjson.dumps(ONE).ljust(BODY_MAX)
        assert (await post(client, exactly)).status_code == 200
        assert (await post(client, exactly + b" ")).status_code == 413


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(["x-hub-timestamp", "x-hub-signature-256", "content-type", "x-forwarded-host", "host"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    ),
    st.sampled_from(["shop", "portal", "list", "org", "%00", "..", "a b", "ü", "x" * 3_000]),
    st.booleans(),
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_nothing_that_is_thrown_at_it_is_an_error_of_the_hub(
    house: House, body: bytes, headers: dict[str, str], name: str, signed: bool
) -> None:
    if not getattr(house, "furnished", False):
        await house.connect("portal", "hubspot", {"client_secret": SECRET})
        await house.connect("list", "mailchimp", {"webhook_url_secret": SECRET})
        await house.connect("org", "salesforce", {"webhook_secret": SECRET}, {"key": "00D000000000001AAA"})
        house.furnished = True  # type: ignore[attr-defined]
    mine = relayed(body)[1] if signed else {}
    async with house.client() as client:
        answer = await client.post(
            f"/webhooks/{name}?secret={SECRET}",
            content=body,
            headers={**headers, **mine, "x-hub-webhook-secret": SECRET},
        )
    assert answer.status_code in (200, 400, 401, 404, 408, 413)
