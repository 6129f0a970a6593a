"""A field that drifts, as an operator meets it: in `discover`, `status`, `doctor` and `issues`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.operations import sandboxes
from hub.sdk.sandbox import SandboxOptions
from tests.cli.conftest import Hub, connect


def test_a_field_that_rests_is_named_wherever_one_looks(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = sandboxes.start("hubspot", SandboxOptions(seed=5, people=5))
    try:
        connect(hub, monkeypatch, serving, "crm")
        assert hub("sync").code == 0
        account = serving.sandbox.account  # type: ignore[attr-defined]
        whole = account.contacts.properties["lifecyclestage"].choices
        people = serving.sandbox.people
        people.change_field("lifecyclestage", choices=whole[:-2])  # type: ignore[attr-defined]

        found = hub("connections", "discover", "crm", "--json")
        assert found.code == 0, found.err
        assert found.json["changes"] == ["contacts: lifecyclestage no longer offers evangelist, other"]
        assert hub("connections", "discover", "crm", "--json").json["changes"] != []
        (issue,) = hub("issues", "list", "--json").json["issues"]
        assert (issue["kind"], issue["field"], issue["times"]) == ("drift", "lifecyclestage", 1)
        shown = hub("issues", "show", str(issue["id"]))
        assert "lifecycle_stage rests: neither read nor written, nothing erased" in shown.out
        assert f"hub issues answer {issue['id']} accept" in shown.out
        assert "before" not in shown.out
        status = hub("status", "--json").json["connections"][0]
        assert len(status["resting"]) == 1
        assert "at rest" in hub("status").out
        assert "1 changed there and rests" in hub("doctor").out

        people.change_field("lifecyclestage", choices=whole)  # type: ignore[attr-defined]
        assert "back: lifecyclestage" in hub("connections", "discover", "crm").out
        assert hub("sync").code == 0
        assert hub("issues", "list", "--json").json["issues"] == []
        assert hub("status", "--json").json["connections"][0]["resting"] == []
        runs = hub("runs", "--json").json["runs"]
        assert {"discover", "pull"} <= {run["job"] for run in runs}
    finally:
        serving.running.stop()
