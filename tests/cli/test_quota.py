"""What `hub quota` tells of real sandboxes, and what was counted on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.operations.sandboxes import Serving
from tests.cli.conftest import Hub, connect


@pytest.fixture
def connected(hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> Hub:
    """HubSpot twice, which is one account, and Mailchimp."""
    for serving, name in (
        (vendors["hubspot"], "hubspot"),
        (vendors["hubspot"], "second"),
        (vendors["mailchimp"], "mc"),
    ):
        assert connect(hub, monkeypatch, serving, name).code == 0
        assert hub("connections", "check", name).code == 0
    return hub


def quota_of(hub: Hub, name: str) -> Any:
    (quota,) = hub("quota", name, "--json").json["connections"]
    return quota


def window(quota: Any, bucket: str, seconds: float) -> Any:
    (found,) = [w for w in quota["windows"] if (w["bucket"], w["seconds"]) == (bucket, seconds)]
    return found


def test_quota_tells_limits_use_and_the_vendors_word(connected: Hub) -> None:
    hub = connected
    before = quota_of(hub, "hubspot")
    assert before["shares_with"] == ["second"]
    assert before["today"]["live"] > 0, "the check that connected it"
    assert hub("sync", "hubspot").code == 0
    after = quota_of(hub, "hubspot")
    calls = sum(run["counts"].get("api_calls", 0) for run in hub("runs", "--json").json["runs"] if run["job"] == "sync")
    assert after["today"]["live"] == before["today"]["live"] + calls
    day = window(after, "*", 86_400)
    assert (day["limit"], day["said"]["limit"]) == (250_000, 250_000), "as its answers say"
    assert day["used"] == day["said"]["used"] > 0
    assert day["backfill_left"] <= 150_000
    assert day["frees_at"] > hub("quota", "--json").json["at"]
    short = window(after, "default", 10)
    assert (short["limit"], short["used"]) == (100, None), "counted by each process for itself"
    assert window(quota_of(hub, "second"), "*", 86_400) == day, "one account"
    assert quota_of(hub, "mc")["at_once"] == {"default": 8}
    shown = hub("quota")
    assert shown.code == 0
    assert "used of 250,000" in shown.out
    assert "hubspot shares its account with second" in shown.out
    assert hub("quota", "nobody").code == 1


def test_a_backfill_is_foretold_counted_in_its_lane_and_kept_to_its_share(connected: Hub) -> None:
    hub = connected
    unread = hub("backfill", "mc", "members", "--dry-run", "--json").json
    assert unread["effort"] is None, "nobody knows yet how it reads"
    assert hub("sync", "mc").code == 0
    foretold = hub("backfill", "mc", "members", "--dry-run", "--json").json["effort"]
    assert foretold["records"] == hub("status", "--json").json["connections"][1]["streams"][0]["records"]
    assert "would take" in hub("backfill", "mc", "members", "--dry-run").out
    done = hub("backfill", "mc", "members", "--json").json
    made = quota_of(hub, "mc")["today"]
    assert made["backfill"] == done["counts"]["api_calls"] <= foretold["calls"]
    assert hub("verify", "mc").code == 0
    assert quota_of(hub, "mc")["today"]["verify"] > 0


def test_shares_are_set_by_command(hub: Hub, home: Path) -> None:
    shown = hub("settings", "--set", "quota.backfill_share=0.25", "--json").json["settings"]
    (share,) = [s for s in shown if s["name"] == "quota.backfill_share"]
    assert (share["value"], share["source"]) == ("0.25", "changed")
    again = hub("settings", "--json").json["settings"]
    assert share in again
    refused = hub("settings", "--set", "quota.verify_share=1.5")
    assert refused.code == 1
    assert "a share from 0 to 1" in refused.err


def test_with_a_redis_short_windows_are_counted_over_all_processes(
    connected: Hub, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_REDIS_URL", redis_url)
    assert connected("connections", "check", "hubspot").code == 0
    assert window(quota_of(connected, "second"), "default", 10)["used"] is not None
    monkeypatch.setenv("HUB_REDIS_URL", "redis://127.0.0.1:1/0")
    assert connected("connections", "check", "hubspot").code == 0, "it works without, too"
    assert window(quota_of(connected, "second"), "default", 10)["used"] is None
