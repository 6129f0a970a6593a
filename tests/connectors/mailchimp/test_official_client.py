"""Mailchimp's own Python client against the sandbox: what it sends is understood, what it gets it understands."""

from __future__ import annotations

import io
import tarfile
from hashlib import md5
from typing import Any

import httpx
import orjson
import pytest
from mailchimp_marketing.api_client import ApiClientError

from tests.connectors.mailchimp.driver import EMPTY, Driver


def problem(error: ApiClientError) -> dict[str, Any]:
    """The client hands an error's body on as text, because its type is application/problem+json."""
    parsed: dict[str, Any] = orjson.loads(error.text)
    assert parsed["type"].startswith("https://mailchimp.com/")
    assert parsed["status"] == error.status_code
    return parsed


def test_it_signs_with_key_and_with_token() -> None:
    driver = Driver(world=EMPTY)
    assert driver.client().ping.get() == {"health_status": "Everything's Chimpy!"}
    assert driver.client(access_token=driver.sandbox.access_token, server="us6").ping.get()["health_status"]
    with pytest.raises(ApiClientError) as caught:
        driver.client(api_key="wrong-us6").ping.get()
    assert caught.value.status_code == 401
    assert problem(caught.value)["title"] == "API Key Invalid"


def test_it_lists_all_members_page_by_page() -> None:
    driver = Driver()
    client, found = driver.client(), []
    while True:
        body = client.lists.get_list_members_info(driver.list_id, count=17, offset=len(found))
        found += body["members"]
        if len(found) >= body["total_items"]:
            break
    archived = client.lists.get_list_members_info(driver.list_id, count=1000, status="archived")
    assert archived["members"]
    assert {m["contact_id"] for m in found} | {m["contact_id"] for m in archived["members"]} == set(
        driver.sandbox.people.ids()
    )
    assert not {m["id"] for m in found} & {m["id"] for m in archived["members"]}
    for member in found:
        assert member["id"] == md5(member["email_address"].lower().encode()).hexdigest()


def test_a_page_is_ten_unless_asked_and_a_thousand_at_most() -> None:
    driver = Driver()
    client = driver.client()
    assert len(client.lists.get_list_members_info(driver.list_id)["members"]) == 10
    with pytest.raises(ValueError, match="1000"):
        client.lists.get_list_members_info(driver.list_id, count=1001)
    answer = httpx.get(
        f"{driver.url}/3.0/lists/{driver.list_id}/members", params={"count": 1001}, auth=("any", driver.sandbox.api_key)
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "count"


def test_fields_trim_the_answer() -> None:
    driver = Driver()
    body = driver.client().lists.get_list_members_info(
        driver.list_id, fields=["members.email_address", "members.merge_fields.FNAME", "total_items"], count=3
    )
    assert set(body) == {"members", "total_items"}
    assert all(
        set(m) == {"email_address", "merge_fields"} and set(m["merge_fields"]) == {"FNAME"} for m in body["members"]
    )
    body = driver.client().lists.get_list_members_info(driver.list_id, exclude_fields=["members._links", "_links"])
    assert "_links" not in body
    assert all("_links" not in m for m in body["members"])


def test_the_life_of_a_member() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    digest = md5(b"anna@firm.example").hexdigest()
    body = {
        "email_address": "Anna@Firm.example",
        "status_if_new": "transactional",
        "merge_fields": {"FNAME": "Anna", "NOSUCH": "x"},
    }
    made = lists.set_list_member(driver.list_id, digest, body)
    assert (made["id"], made["status"], made["merge_fields"]["FNAME"]) == (digest, "transactional", "Anna")
    assert "NOSUCH" not in made["merge_fields"]

    driver.clock.forward(seconds=5)
    again = lists.set_list_member(
        driver.list_id, digest, {"email_address": "anna@firm.example", "status_if_new": "subscribed"}
    )
    assert again["status"] == "transactional"
    assert again["last_changed"] > made["last_changed"]

    moved = lists.update_list_member(driver.list_id, digest, {"email_address": "anna@new.example"})
    assert moved["id"] != digest
    assert moved["contact_id"] == made["contact_id"]
    with pytest.raises(ApiClientError) as caught:
        lists.get_list_member(driver.list_id, digest)
    assert problem(caught.value)["title"] == "Resource Not Found"
    for named in (moved["id"], moved["contact_id"], "ANNA@new.example"):
        assert lists.get_list_member(driver.list_id, named)["web_id"] == made["web_id"]

    assert lists.delete_list_member(driver.list_id, moved["id"]).status_code == 204
    assert lists.get_list_member(driver.list_id, moved["id"])["status"] == "archived"
    assert lists.get_list_members_info(driver.list_id)["members"] == []
    with pytest.raises(ApiClientError) as caught:
        lists.delete_list_member(driver.list_id, moved["id"])
    assert caught.value.status_code == 405

    assert lists.delete_list_member_permanent(driver.list_id, moved["id"]).status_code == 204
    with pytest.raises(ApiClientError) as caught:
        lists.add_list_member(driver.list_id, {"email_address": "anna@new.example", "status": "subscribed"})
    assert problem(caught.value)["title"] == "Forgotten Email Not Subscribed"


def test_error_bodies() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    lists.add_list_member(driver.list_id, {"email_address": "bo@firm.example", "status": "subscribed"})

    def refused(body: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(ApiClientError) as caught:
            lists.add_list_member(driver.list_id, body)
        assert caught.value.status_code == 400
        return problem(caught.value)

    assert refused({"email_address": "BO@firm.example", "status": "subscribed"})["title"] == "Member Exists"
    assert "looks fake" in refused({"email_address": "fake@firm.example", "status": "subscribed"})["detail"]
    assert refused({"email_address": "no address", "status": "subscribed"})["title"] == "Invalid Resource"
    assert refused({"email_address": "cy@firm.example"})["errors"][0]["field"] == "status"
    wrong = {"email_address": "cy@firm.example", "status": "subscribed", "merge_fields": {"TIER": "Iron"}}
    assert refused(wrong)["errors"][0]["field"] == "TIER"
    with pytest.raises(ApiClientError) as caught:
        lists.get_list("nosuchlist")
    assert caught.value.status_code == 404
    with pytest.raises(ApiClientError) as caught:
        lists.get_list_members_info(driver.list_id, since_last_campaign=False)
    assert caught.value.status_code == 400


def test_who_unsubscribed_is_not_subscribed_again() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    made = lists.add_list_member(driver.list_id, {"email_address": "bo@firm.example", "status": "subscribed"})
    lists.update_list_member(driver.list_id, made["id"], {"status": "unsubscribed"})
    with pytest.raises(ApiClientError) as caught:
        lists.update_list_member(driver.list_id, made["id"], {"status": "subscribed"})
    assert problem(caught.value)["title"] == "Member In Compliance State"
    lists.delete_list_member(driver.list_id, made["id"])
    with pytest.raises(ApiClientError) as caught:
        lists.set_list_member(driver.list_id, made["id"], {"email_address": "bo@firm.example", "status": "subscribed"})
    assert problem(caught.value)["title"] == "Member In Compliance State"
    asked = lists.update_list_member(driver.list_id, made["id"], {"status": "pending"})
    assert asked["status"] == "pending"


def test_five_hundred_at_once_with_mixed_results() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    old = lists.add_list_member(driver.list_id, {"email_address": "old@firm.example", "status": "subscribed"})
    left = lists.add_list_member(driver.list_id, {"email_address": "left@firm.example", "status": "unsubscribed"})
    members = [
        {"email_address": "new@firm.example", "status": "subscribed"},
        {"email_address": "OLD@firm.example", "merge_fields": {"FNAME": "Old"}},
        {"email_address": "left@firm.example", "status": "subscribed"},
        {"email_address": "fake@firm.example", "status": "subscribed"},
        {"email_address": "num@firm.example", "status": "subscribed", "merge_fields": {"BIRTHDAY": "31/31"}},
    ]
    body = lists.batch_list_members(driver.list_id, {"members": members, "update_existing": True})
    assert [m["email_address"] for m in body["new_members"]] == ["new@firm.example"]
    assert [(m["id"], m["status"]) for m in body["updated_members"]] == [(old["id"], "subscribed")]
    assert (body["total_created"], body["total_updated"], body["error_count"]) == (1, 1, 3)
    by_address = {e["email_address"]: e for e in body["errors"]}
    assert "compliance state" in by_address["left@firm.example"]["error"]
    assert by_address["num@firm.example"]["field"] == "BIRTHDAY"
    assert {e["error_code"] for e in body["errors"]} == {"ERROR_GENERIC"}
    assert lists.get_list_member(driver.list_id, left["id"])["status"] == "unsubscribed"

    again = lists.batch_list_members(driver.list_id, {"members": members[:1]})
    assert again["errors"][0]["error_code"] == "ERROR_CONTACT_EXISTS"
    with pytest.raises(ApiClientError) as caught:
        lists.batch_list_members(
            driver.list_id, {"members": [{"email_address": f"p{n}@firm.example"} for n in range(501)]}
        )
    assert problem(caught.value)["title"] == "Invalid Resource"


def test_merge_fields_tags_and_segments() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    made = lists.add_list_merge_field(driver.list_id, {"name": "Score", "type": "number", "tag": "score"})
    assert made["tag"] == "SCORE"
    tags = [f["tag"] for f in lists.get_list_merge_fields(driver.list_id, count=100)["merge_fields"]]
    assert tags[:4] == ["FNAME", "LNAME", "ADDRESS", "PHONE"]
    assert tags[-1] == "SCORE"
    member = lists.add_list_member(
        driver.list_id, {"email_address": "a@firm.example", "status": "subscribed", "merge_fields": {"SCORE": "7"}}
    )
    assert member["merge_fields"]["SCORE"] == 7
    changed = member["last_changed"]
    driver.clock.forward(minutes=1)
    lists.update_list_member_tags(driver.list_id, member["id"], {"tags": [{"name": "vip", "status": "active"}]})
    assert [t["name"] for t in lists.get_list_member_tags(driver.list_id, member["id"])["tags"]] == ["vip"]
    assert lists.get_list_member(driver.list_id, member["id"])["last_changed"] == changed
    assert [s["name"] for s in lists.list_segments(driver.list_id)["segments"]] == ["vip"]


def test_required_merge_fields_unless_skipped() -> None:
    driver = Driver(world=EMPTY)
    lists = driver.client().lists
    field = next(f for f in lists.get_list_merge_fields(driver.list_id)["merge_fields"] if f["tag"] == "COMPANY")
    lists.update_list_merge_field(driver.list_id, field["merge_id"], {"name": "Company", "required": True})
    body = {"email_address": "a@firm.example", "status": "subscribed"}
    with pytest.raises(ApiClientError) as caught:
        lists.add_list_member(driver.list_id, body)
    assert problem(caught.value)["errors"] == [{"field": "COMPANY", "message": "This value should not be blank."}]
    assert lists.add_list_member(driver.list_id, body, skip_merge_validation=True)["status"] == "subscribed"


def test_an_asynchronous_batch_ends_in_a_packed_archive() -> None:
    driver = Driver(world=EMPTY)
    client = driver.client()
    operations = [
        {
            "method": "POST",
            "path": f"/lists/{driver.list_id}/members",
            "operation_id": f"op{n}",
            "body": orjson.dumps({"email_address": f"p{n}@firm.example", "status": "subscribed"}).decode(),
        }
        for n in range(3)
    ]
    operations.append({"method": "GET", "path": f"/lists/{driver.list_id}/members/nobody", "operation_id": "lost"})
    batch = client.batches.start({"operations": operations})
    assert batch["status"] == "pending"
    stages = []
    while batch["status"] != "finished":
        batch = client.batches.status(batch["id"])
        stages.append(batch["status"])
    assert len(stages) > 1
    assert (batch["total_operations"], batch["errored_operations"]) == (4, 1)
    packed = httpx.get(batch["response_body_url"]).content
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        texts = [tar.extractfile(m) for m in tar.getmembers() if m.name.endswith(".json")]
        results = [item for text in texts if text for item in orjson.loads(text.read())]
    by_id = {item["operation_id"]: item for item in results}
    assert by_id["lost"]["status_code"] == 404
    assert orjson.loads(by_id["op1"]["response"])["email_address"] == "p1@firm.example"
    driver.clock.forward(minutes=11)
    assert httpx.get(batch["response_body_url"]).status_code == 403
    driver.clock.forward(days=7)
    with pytest.raises(ApiClientError) as caught:
        client.batches.status(batch["id"])
    assert caught.value.status_code == 404


def test_campaigns_and_reports_that_grow() -> None:
    driver = Driver(people=600)
    client = driver.client()
    campaigns = client.campaigns.list(count=1000, status="sent")["campaigns"]
    assert campaigns
    assert all(c["status"] == "sent" and c["tracking"]["google_analytics"] for c in campaigns)
    made = client.campaigns.create({"type": "regular", "settings": {"title": "Now", "subject_line": "Hello"}})
    assert made["status"] == "save"
    client.campaigns.send(made["id"])
    opens = []
    for _ in range(4):
        report = client.reports.get_campaign_report(made["id"])
        opens.append((report["opens"]["unique_opens"], report["clicks"]["unique_clicks"]))
        driver.clock.forward(days=2)
    assert opens[0] == (0, 0)
    assert opens == sorted(opens)
    assert opens[1] < opens[3]
    assert report["emails_sent"] > 0
    driver.clock.forward(days=40)
    late = client.reports.get_campaign_report(made["id"])["opens"]["unique_opens"]
    driver.clock.forward(days=40)
    assert client.reports.get_campaign_report(made["id"])["opens"]["unique_opens"] == late
    recent = client.reports.get_all_campaign_reports(since_send_time="2026-01-05T00:00:00+00:00")["reports"]
    assert [r["id"] for r in recent] == [made["id"]]
    assert client.reports.get_campaign_recipients(made["id"])["total_items"] == report["emails_sent"]


def test_searching_members() -> None:
    driver = Driver(world=EMPTY)
    client = driver.client()
    client.lists.add_list_member(
        driver.list_id,
        {"email_address": "o'brien@firm.example", "status": "subscribed", "merge_fields": {"LNAME": "O'Brien"}},
    )
    found = client.searchMembers.search("O'Brien@firm.example")
    assert found["exact_matches"]["total_items"] == 1
    assert client.searchMembers.search("o'br")["full_search"]["total_items"] == 1
