"""Mapping documents as files: `pull` and `apply`, both ways without loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.operations import sandboxes
from hub.operations.sandboxes import Serving
from hub.sdk.sandbox import SandboxOptions
from tests.cli.conftest import PEOPLE, Hub, connect
from tests.cli.lives import CRM, MAIL, cells, edited, moved, snapshot

LIBRARY = Path(__file__).parents[2] / "mappings/library"
SHOUT = ("given_name: {path: firstname, empty: is_null}",
         "given_name: {path: firstname, empty: is_null, normalise: [trim, upper]}")  # fmt: skip


@pytest.fixture
def systems() -> Iterator[dict[str, Serving]]:
    options = SandboxOptions(seed=7, people=PEOPLE)
    serving = {name: sandboxes.start(name, options) for name in ("hubspot", "mailchimp")}
    yield serving
    for one in serving.values():
        one.running.stop()


@pytest.fixture
def home(hub: Hub, home: Path, systems: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with both connected."""
    for serving in systems.values():
        assert connect(hub, monkeypatch, serving).code == 0
    return home


@pytest.fixture
def repo(hub: Hub, home: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    assert hub("mappings", "pull", str(folder)).code == 0
    return folder


def replaced(path: Path, *edits: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def said(output: str) -> str:
    """What was said, however it was broken into lines."""
    return " ".join(output.split())


def without_examples(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: text.index("examples:")])


def test_what_was_pulled_is_byte_for_byte_what_holds_and_apply_finds_nothing(hub: Hub, home: Path, repo: Path) -> None:
    names = {m["name"] for m in hub("mappings", "list", "--json").json["mappings"]}
    files = {p.relative_to(repo).with_suffix("").as_posix() for p in repo.rglob("*.yaml")}
    assert files == names
    assert (repo / f"{CRM}.yaml").read_bytes() == (LIBRARY / f"{CRM}.yaml").read_bytes()
    found = hub("apply", str(repo), "--json")
    assert (found.code, found.json["files"], found.json["same"], found.json["plan"]) == (0, [], len(names), None)
    assert "nothing to apply" in hub("apply", str(repo)).out
    again = hub("mappings", "pull", str(repo), "--json").json
    assert {f["became"] for f in again["files"]} == {"same"}
    assert hub("mappings", "history", CRM, "--json").json["versions"][0]["version"] == 1


def test_odd_layouts_come_and_go_without_loss(hub: Hub, home: Path, repo: Path) -> None:
    """Line ends, a missing last one, blanks at the ends, letters of all kinds."""
    text = (repo / f"{CRM}.yaml").read_text()
    odd = (text.replace("\n", "\r\n").rstrip() + "  # привет ✓").encode()
    (repo / f"{CRM}.yaml").write_bytes(odd)
    found = hub("apply", str(repo), "--json")
    assert found.code == 2, found.err
    assert hub("apply", str(repo), "--plan", found.json["plan"]["hash"]).code == 0
    assert hub("apply", str(repo)).code == 0
    (repo / f"{CRM}.yaml").unlink()
    assert hub("mappings", "pull", str(repo), "--json").code == 0
    assert (repo / f"{CRM}.yaml").read_bytes() == odd


def test_files_are_planned_together_and_published_by_one_hash(
    hub: Hub, home: Path, repo: Path, systems: dict[str, Serving]
) -> None:
    for name in systems:
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    assert hub("sync", "--until-quiet").code == 0
    assert hub("apply", str(repo)).code == 0
    replaced(repo / f"{CRM}.yaml", SHOUT)
    without_examples(repo / f"{CRM}.yaml")
    replaced(repo / "contact.yaml", ("# Who wins", "# WHO wins"))
    before = snapshot(systems)
    found = hub("apply", str(repo), "--why", "ticket 7", "--json")
    assert found.code == 2, found.out + found.err
    assert {f["name"] for f in found.json["files"]} == {CRM, "contact"}
    plan = found.json["plan"]
    assert plan["same"] == ["contact"]
    assert {f for _, _, f, _ in cells(plan)} == {"given_name"}
    assert {v["why"] for v in plan["versions"]} == {"ticket 7"}
    again = hub("apply", str(repo), "--why", "ticket 7", "--json").json
    assert [f["version"] for f in again["files"]] == [f["version"] for f in found.json["files"]]
    assert again["plan"]["hash"] == plan["hash"]
    drawn = hub("apply", str(repo))
    assert f"hub apply {repo} --plan {plan['hash']}" in said(drawn.out)

    done = hub("apply", str(repo), "--plan", plan["hash"], "--json")
    assert done.code == 0, done.err
    assert done.json["versions"].keys() == {CRM, "contact"}
    assert moved(before, snapshot(systems)) == {(s, record) for s, record, _, _ in cells(plan)}
    assert hub("apply", str(repo)).code == 0


def test_files_that_moved_since_the_plan_are_not_published(hub: Hub, home: Path, repo: Path) -> None:
    replaced(repo / f"{CRM}.yaml", ("about: ", "about: A word more. "))
    plan = hub("apply", str(repo), "--json").json["plan"]
    replaced(repo / f"{CRM}.yaml", ("A word more.", "Two words more."))
    refused = hub("apply", str(repo), "--plan", plan["hash"])
    assert (refused.code, "no longer says what was planned" in said(refused.err)) == (1, True)
    assert hub("mappings", "history", CRM, "--json").json["versions"][-1]["state"] == "published"
    again = hub("apply", str(repo), "--json").json
    assert [f["version"] for f in again["files"]] == [2]  # the draft of the file before, with the new text


def test_what_cannot_be_used_is_complained_of_and_the_rest_goes_on(hub: Hub, home: Path, repo: Path) -> None:
    (repo / "hubspt").mkdir()
    (repo / "hubspt/contacts.yaml").write_text("a: b\n")
    (repo / "hubspot/deals.yaml").write_text("a: b\n")
    (repo / f"{MAIL}.yaml").write_bytes(b"\xff\xfe")
    (repo / "campaign.yaml").write_text("entity: [\n")
    (repo / ".git").mkdir()
    (repo / ".git/x.yaml").write_text("a: b\n")
    replaced(repo / f"{CRM}.yaml", ("about: ", "about: A word more. "))
    found = hub("apply", str(repo), "--json")
    assert found.code == 1
    complaints = {Path(c["where"]).relative_to(repo).as_posix(): c for c in found.json["complaints"]}
    assert complaints.keys() == {"hubspt/contacts.yaml", "hubspot/deals.yaml", f"{MAIL}.yaml"}
    assert "hubspot/contacts" in complaints["hubspt/contacts.yaml"]["mend"]
    assert "UTF-8" in complaints[f"{MAIL}.yaml"]["said"]
    broken = next(f for f in found.json["files"] if f["name"] == "campaign")
    assert broken["checks"][0]["complaints"]
    assert [v["name"] for v in found.json["plan"]["versions"]] == [CRM]
    drawn = hub("apply", str(repo))
    assert (drawn.code, "hubspt" in drawn.out, "campaign" in drawn.out) == (1, True, True)
    assert hub("apply", str(repo), "--plan", found.json["plan"]["hash"]).code == 0


def test_one_document_alone_may_be_applied(hub: Hub, home: Path, repo: Path) -> None:
    replaced(repo / f"{CRM}.yaml", ("about: ", "about: A word more. "))
    replaced(repo / "contact.yaml", ("# Who wins", "# WHO wins"))
    found = hub("apply", str(repo), "--only", "contact", "--json")
    assert (found.code, [f["name"] for f in found.json["files"]]) == (2, ["contact"])
    assert "did you mean" in hub("apply", str(repo), "--only", "contcat").err
    (repo / "contact.yaml").unlink()
    gone = hub("apply", str(repo), "--only", "contact", "--json")
    assert (gone.code, gone.json["complaints"][0]["said"]) == (1, "no file")
    assert "there is no folder" in hub("apply", str(repo / "nowhere")).err


def test_pull_writes_over_nobodys_work(hub: Hub, home: Path, repo: Path) -> None:
    replaced(repo / f"{CRM}.yaml", ("about: ", "about: My own work. "))
    (repo / "notes.yaml").write_text("mine\n")
    kept = hub("mappings", "pull", str(repo), "--json")
    assert kept.code == 3
    became = {f["name"]: f["became"] for f in kept.json["files"]}
    assert became[CRM] == "kept"
    assert {v for name, v in became.items() if name != CRM} == {"same"}
    assert kept.json["others"] == [str(repo / "notes.yaml")]
    assert "My own work." in (repo / f"{CRM}.yaml").read_text()
    assert "hub apply" in hub("mappings", "pull", str(repo)).out
    assert hub("mappings", "pull", str(repo), "--force").code == 0
    assert "My own work." not in (repo / f"{CRM}.yaml").read_text()

    (repo / "contact.yaml").write_text("old")
    edited(hub, "contact", "fields.title=newest")
    plan = hub("mappings", "plan", "contact", "--json").json
    assert hub("mappings", "publish", "contact", "--plan", plan["hash"]).code == 0
    (repo / "contact.yaml").write_bytes((LIBRARY / "contact.yaml").read_bytes())  # what held before is nobody's work
    changed = hub("mappings", "pull", str(repo), "--json")
    assert (changed.code, next(f for f in changed.json["files"] if f["name"] == "contact")["became"]) == (0, "changed")
    (repo / "file").write_text("")
    assert "cannot be written" in said(hub("mappings", "pull", str(repo / "file")).err)
