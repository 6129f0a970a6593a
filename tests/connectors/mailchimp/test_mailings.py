"""Campaigns and reports from the sandbox."""

from __future__ import annotations

from datetime import timedelta

from connectors.mailchimp import CONNECTOR
from connectors.mailchimp.sandbox.mailings import Mailing
from hub.sdk.http import Request
from tests.connectors.mailchimp.driver import START, Driver


def mailing(driver: Driver, name: str, *, made: timedelta, sent: timedelta | None = None) -> Mailing:
    """A mailing made, and perhaps sent, so long before the start."""
    return driver.sandbox.mailings.add(
        Mailing(
            name,
            1,
            name,
            name,
            "sent" if sent is not None else "save",
            driver.list_id,
            START - made,
            START - sent if sent is not None else None,
            1000 if sent is not None else 0,
        )
    )


def test_all_campaigns_of_the_audience() -> None:
    driver = Driver(people=600, changes={"page_size": 10})
    other = mailing(driver, "other", made=timedelta(days=3))
    other.list_id = "another1"
    found, last = driver.walk("campaigns")
    assert set(found) == set(driver.sandbox.mailings.rows) - {"other"}
    assert last.complete
    record = next(iter(found.values()))
    assert record.raw["settings"]["title"]
    assert record.raw["tracking"]["google_analytics"]
    assert "report_summary" not in record.raw


def test_recent_campaigns_are_read_again_and_old_drafts_that_were_sent_lately() -> None:
    driver = Driver(people=20)
    driver.sandbox.mailings.rows.clear()
    mailing(driver, "ancient", made=timedelta(days=900))
    mailing(driver, "recent", made=timedelta(days=20))
    mailing(driver, "old-sent-lately", made=timedelta(days=700), sent=timedelta(days=2))
    _, last = driver.walk("campaigns")
    driver.clock.forward(hours=1)
    found, last = driver.walk("campaigns", last.cursor)
    assert set(found) == {"recent", "old-sent-lately"}
    assert not last.complete


def test_a_campaign_deleted_between_two_pages_hides_no_other() -> None:
    driver = Driver(people=20, changes={"page_size": 10})
    driver.sandbox.mailings.rows.clear()
    for n in range(35):
        mailing(driver, f"m{n:02}", made=timedelta(days=40 - n))
    gone: list[str] = []

    def meddle(request: Request) -> None:
        if not gone and dict(request.query)["offset"] == "10":
            gone.append("m03")
            del driver.sandbox.mailings.rows["m03"]

    driver.after_send = meddle
    found, last = driver.walk("campaigns")
    assert set(found) >= set(driver.sandbox.mailings.rows)
    assert last.complete


def test_reports_are_facts_of_the_send_day_and_are_restated_while_young() -> None:
    driver = Driver(people=600)
    driver.sandbox.mailings.rows.clear()
    mailing(driver, "young", made=timedelta(days=5), sent=timedelta(days=1))
    mailing(driver, "old", made=timedelta(days=90), sent=timedelta(days=80))
    mailing(driver, "draft", made=timedelta(days=1))
    found, last = driver.walk("reports")
    assert set(found) == {"young", "old"}
    assert found["young"].raw["send_day"] == "2026-01-04"
    assert last.complete
    before = found["young"].raw["opens"]["unique_opens"]
    driver.clock.forward(days=3)
    found, last = driver.walk("reports", last.cursor)
    assert set(found) == {"young"}
    assert found["young"].raw["opens"]["unique_opens"] > before
    assert found["young"].raw["emails_sent"] == 1000
    assert not last.complete


def test_the_send_day_is_the_accounts_own() -> None:
    driver = Driver(people=20, changes={"time_zone": "Pacific/Auckland"})
    driver.sandbox.mailings.rows.clear()
    mailing(driver, "m", made=timedelta(days=5), sent=timedelta(hours=20))
    assert driver.walk("reports")[0]["m"].raw["send_day"] == "2026-01-05"


def test_reports_of_other_audiences_are_passed_over() -> None:
    driver = Driver(people=20)
    driver.sandbox.mailings.rows.clear()
    mailing(driver, "ours", made=timedelta(days=5), sent=timedelta(hours=20))
    mailing(driver, "theirs", made=timedelta(days=5), sent=timedelta(hours=20)).list_id = "another1"
    assert set(driver.walk("reports")[0]) == {"ours"}


def test_their_fields_are_fixed() -> None:
    for name in ("campaigns", "reports"):
        stream = CONNECTOR.stream(name, Driver(people=20).settings, ())
        assert stream.describe() is None
        assert all(not f.updatable for f in stream.fields(None))
