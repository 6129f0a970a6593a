"""Whole walks over the sandbox: completeness, windows, restatement, tokens, accounts that cannot be read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from pydantic import ValidationError

from connectors.google_ads import CONNECTOR, queries
from connectors.google_ads.faults import WrongAccount
from connectors.google_ads.sandbox.accounts import CLIENT, CLOSED, MANAGER
from hub.domain.outcome import FaultKind
from hub.sdk.auth import Denied
from hub.sdk.http import ContractBroken, Response
from hub.sdk.streams import Cursor
from tests.connectors.google_ads.driver import Clock, Driver


def test_campaigns_walk_is_complete_and_shows_removed_ones() -> None:
    driver = Driver()
    found, last = driver.walk("campaigns")
    assert sorted(found) == driver.sandbox.people.ids()
    assert last.complete
    assert last.next is None
    assert {record.raw["campaign"]["status"] for record in found.values()} >= {"ENABLED", "REMOVED"}
    for id_, record in found.items():
        assert record.raw == driver.sandbox.people.get(id_)


def test_campaigns_come_in_pages_of_the_limit() -> None:
    driver = Driver()
    account = driver.sandbox.service.accounts[CLIENT]
    template = next(iter(account.campaigns.values()))
    for _ in range(2500 - len(account.campaigns)):
        account.add(
            type(template)(account.next_id(), f"n{account.next_id()}", "PAUSED", "SEARCH", template.start, None, 1, "")
        )
    driver.settings = driver.settings.model_copy(update={"page_rows": 1000})
    pages = [*driver.pages("campaigns")]
    assert [len(page.records) for page in pages] == [0, 1000, 1000, 500]
    assert len({record.id for page in pages for record in page.records}) == 2500
    assert [page.complete for page in pages] == [False, False, False, True]


def test_daily_agrees_with_the_accounts_own_total() -> None:
    """The same numbers asked in another way: totals without segments."""
    driver = Driver(changes={"history_from": "2025-06-01"})
    found, _ = driver.walk("daily")
    query = (
        "SELECT campaign.id, metrics.clicks, metrics.cost_micros, metrics.impressions FROM campaign "
        "WHERE segments.date BETWEEN '2025-06-01' AND '2026-01-05'"
    )
    body = driver.ask(queries.search(driver.settings, query)).json()
    for row in (row for batch in body for row in batch["results"]):
        days = [record.raw for record in found.values() if record.raw["campaign"]["id"] == row["campaign"]["id"]]
        shown = row.get("metrics", {})
        for name in ("clicks", "costMicros", "impressions"):
            assert sum(int(day["metrics"][name]) for day in days) == int(shown.get(name, "0"))
    assert len(found) > 500


def test_daily_splits_by_days_per_query_and_touches_every_day_once() -> None:
    driver = Driver(changes={"history_from": "2025-10-01", "days_per_query": 31})
    [*driver.pages("daily")]
    asked = [orjson.loads(r.body or b"")["query"] for r in driver.sent if r.path.endswith("searchStream")]
    spans = [q.split("BETWEEN '")[1][:10] + q.split("AND '")[1][:10] for q in asked if "BETWEEN" in q]
    assert spans == ["2025-10-012025-10-31", "2025-11-012025-12-01", "2025-12-022026-01-01", "2026-01-022026-01-05"]


def test_daily_page_that_is_full_leaves_the_cut_campaign_to_the_next() -> None:
    whole = Driver(changes={"history_from": "2025-06-01", "days_per_query": 366})
    cut = Driver(changes={"history_from": "2025-06-01", "days_per_query": 366, "page_rows": 1000})
    all_, _ = whole.walk("daily")
    pages = [*cut.pages("daily")]
    shown = [record for page in pages for record in page.records]
    assert len(all_) > 2000
    assert len(pages) >= 3
    assert len(shown) == len({record.id for record in shown})
    assert {record.id: record.raw for record in shown} == {record.id: record.raw for record in all_.values()}


def test_restated_days_are_read_again_and_overwrite() -> None:
    driver = Driver(changes={"history_from": "2025-11-01"})
    before, last = driver.walk("daily")
    assert last.cursor is not None
    assert not last.complete
    driver.clock.forward(days=5)
    after, _ = driver.walk("daily", last.cursor)
    first = min(id_.partition("/")[2] for id_ in after)
    assert first == "2025-12-06"  # the cursor's day less 30
    both = before.keys() & after.keys()
    changed = [id_ for id_ in both if before[id_].raw != after[id_].raw]
    assert len(changed) > len(both) / 2
    growing = sum(r.raw["metrics"]["conversions"] for i, r in after.items() if i in both)
    assert growing > sum(r.raw["metrics"]["conversions"] for i, r in before.items() if i in both)
    settled, _ = driver.walk("daily", Cursor("2025-10-01T00:00:00.000Z"))
    driver.clock.forward(days=60)
    later, _ = driver.walk("daily", Cursor("2025-10-01T00:00:00.000Z"))
    old = [id_ for id_ in settled if id_.partition("/")[2] < "2025-12-01"]
    assert old
    assert all(settled[id_].raw == later[id_].raw for id_ in old)


@pytest.mark.parametrize(
    ("moment", "today"),
    [
        (datetime(2026, 1, 5, 4, 59, 59, tzinfo=UTC), date(2026, 1, 4)),  # 23:59:59 in New York
        (datetime(2026, 1, 5, 5, 0, tzinfo=UTC), date(2026, 1, 5)),
        (datetime(2026, 7, 1, 3, 59, tzinfo=UTC), date(2026, 6, 30)),  # summer time: four hours
        (datetime(2026, 7, 1, 4, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_today_is_the_accounts_today(moment: datetime, today: date) -> None:
    driver = Driver(clock=Clock(moment))
    stream = CONNECTOR.stream("daily", driver.settings, ())
    cursor = Cursor(moment.isoformat())
    position = stream.start(cursor, moment)
    page = stream.page(position, driver.ask(stream.request(position)))
    assert page.next is not None
    assert page.next["end"] == today.isoformat()
    assert page.next["first"] == (today - timedelta(days=30)).isoformat()


def test_a_clock_that_went_back_reads_nothing() -> None:
    driver = Driver(changes={"restate_days": 0})
    found, last = driver.walk("daily", Cursor("2026-03-01T00:00:00.000Z"))
    assert found == {}
    assert last.next is None


def test_a_token_that_expires_within_a_walk_is_renewed() -> None:
    driver = Driver(changes={"history_from": "2025-10-01"})
    count = 0
    for page in driver.pages("daily"):
        count += len(page.records)
        driver.clock.forward(minutes=40)
    assert count > 100
    assert driver.sandbox.calls["POST /token"] >= 3


def test_a_revoked_grant_needs_a_person() -> None:
    driver = Driver()
    driver.grant()
    driver.sandbox.service.revoke()
    response = driver.send(driver.auth.sign(queries.account(driver.settings), driver.token))
    fault = CONNECTOR.classify(queries.account(driver.settings), response)
    assert fault is not None
    assert fault.kind is FaultKind.UNAUTHORISED
    with pytest.raises(Denied, match="invalid_grant"):
        driver.grant()


def test_a_wrong_secret_needs_a_person() -> None:
    driver = Driver()
    driver.auth = CONNECTOR.auth(driver.settings, {**driver.sandbox.connection().secrets, "client_secret": "x"})
    with pytest.raises(Denied, match="invalid_client"):
        driver.grant()
    assert "sandbox-secret" not in repr(driver.auth)
    assert "1//" not in repr(driver.auth)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"login_customer_id": ""}, "USER_PERMISSION_DENIED"),
        ({"login_customer_id": CLIENT}, "USER_PERMISSION_DENIED"),
        ({"customer_id": CLOSED}, "CUSTOMER_NOT_ENABLED"),
        ({"customer_id": "7770000009"}, "USER_PERMISSION_DENIED"),
        ({"customer_id": "4440000000"}, "CUSTOMER_NOT_FOUND"),
        ({"api_version": "v99"}, "HTTP_404"),
    ],
)
def test_accounts_that_cannot_be_reached(changes: dict[str, str], code: str) -> None:
    driver = Driver(changes=changes)
    request = CONNECTOR.check(driver.settings)
    fault = CONNECTOR.classify(request, driver.ask(request))
    assert fault is not None
    assert (fault.kind, fault.code) == (FaultKind.MISCONFIGURED, code)


@pytest.mark.parametrize("name", ["campaigns", "daily"])
def test_a_manager_account_is_refused_and_never_read_as_empty(name: str) -> None:
    driver = Driver(changes={"customer_id": MANAGER})
    with pytest.raises(WrongAccount, match="login_customer_id") as caught:
        driver.walk(name)
    assert caught.value.fault().kind is FaultKind.MISCONFIGURED
    account = CONNECTOR.account(driver.ask(CONNECTOR.check(driver.settings)))
    assert "manager" in account.title


def test_account_shows_who_answered() -> None:
    driver = Driver()
    account = CONNECTOR.account(driver.ask(CONNECTOR.check(driver.settings)))
    assert (account.key, account.time_zone, account.currency) == (CLIENT, "America/New_York", "USD")


def test_quota_waits_as_long_as_it_is_told() -> None:
    driver = Driver()
    driver.grant()
    driver.sandbox.service.exhaust = 1
    request = queries.account(driver.settings)
    fault = CONNECTOR.classify(request, driver.ask(request))
    assert fault is not None
    assert (fault.kind, fault.retry_after) == (FaultKind.RATE_LIMITED, 1.0)


def test_developer_token_only_when_given() -> None:
    driver = Driver()
    driver.sandbox.service.needs_developer_token = True
    request = queries.account(driver.settings)
    fault = CONNECTOR.classify(request, driver.ask(request))
    assert fault is not None
    assert fault.code == "DEVELOPER_TOKEN_PARAMETER_MISSING"
    driver.auth = CONNECTOR.auth(driver.settings, {**driver.sandbox.connection().secrets, "developer_token": "t"})
    assert driver.ask(request).ok


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>maintenance</body></html>",
        b'[{"results":[{"campaign":{"id":"1"',
        b'{"results":[]}',
        b'[{"results":{}}]',
        b'[{"results":[{"campaign":{"name":"no id"}}]}]',
        b'[{"results":[{"campaign":{"id":"12x"}}]}]',
        b'[{"results":[{"campaign":{"id":"2"}},{"campaign":{"id":"2"}}]}]',
    ],
)
def test_an_answer_that_is_not_what_was_promised_keeps_nothing(body: bytes) -> None:
    stream = CONNECTOR.stream("campaigns", CONNECTOR.settings(customer_id=CLIENT), ())
    with pytest.raises(ContractBroken):
        stream.page({"stage": "list", "until": "2026-01-05T09:00:00.000Z", "after": 0}, Response(200, body))


def test_a_row_of_another_day_is_complained_of() -> None:
    stream = CONNECTOR.stream("daily", CONNECTOR.settings(customer_id=CLIENT), ())
    rows = [{"campaign": {"id": "1"}, "segments": {"date": "2025-01-01"}}, {"campaign": {"id": "2"}}]
    position = {"stage": "days", "first": "2026-01-01", "last": "2026-01-02", "after": 0, "end": "2026-01-02"}
    page = stream.page(
        position | {"until": "2026-01-02T00:00:00.000Z"}, Response(200, orjson.dumps([{"results": rows}]))
    )
    assert page.records == ()
    assert [(c.id, c.field) for c in page.complaints] == [("1", "segments.date"), ("2", "segments.date")]


def test_a_zone_that_nobody_knows() -> None:
    stream = CONNECTOR.stream("daily", CONNECTOR.settings(customer_id=CLIENT), ())
    body = [{"results": [{"customer": {"id": CLIENT, "timeZone": "Mars/Olympus"}}]}]
    with pytest.raises(ContractBroken, match="time zone"):
        stream.page(stream.start(None, datetime(2026, 1, 1, tzinfo=UTC)), Response(200, orjson.dumps(body)))


def test_settings_take_dashes_and_refuse_nonsense() -> None:
    settings = CONNECTOR.settings(customer_id="123-456-7890")
    assert settings.customer_id == "1234567890"
    for bad in ({"customer_id": "12345"}, {"customer_id": ""}, {}, {"customer_id": CLIENT, "api_version": "v22"}):
        with pytest.raises(ValidationError):
            CONNECTOR.settings(**bad)


def test_a_mapping_cannot_split_a_day_or_smuggle_a_query() -> None:
    settings = CONNECTOR.settings(customer_id=CLIENT)
    with pytest.raises(ValueError, match="split"):
        CONNECTOR.stream("daily", settings, ("segments.device",))
    for path in ("campaign.id FROM customer", "adGroup.id", "campaign", "campaign.name, metrics.clicks"):
        with pytest.raises(ValueError, match="cannot be read"):
            CONNECTOR.stream("campaigns", settings, (path,))
    with pytest.raises(KeyError):
        CONNECTOR.stream("people", settings, ())
