"""Tables in terminals of any width: names, numbers and moments stay whole."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from hub import clock
from hub.cli import alerts, connections, issues, looking, quota, schedule, standing, tables
from hub.domain.alert import Alert, AlertKind
from hub.domain.issue import Issue
from hub.domain.run import Run, RunState
from hub.operations.connections import Connections, ConnectionShown
from hub.operations.issues import Issues
from hub.operations.quota import ConnectionQuota, Quotas, Said, Window
from hub.operations.schedules import Schedules, StreamSchedule
from hub.operations.status import ConnectionStatus, Runs, Status, StreamStatus

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
TODAY, EARLIER = "2026-11-22T18:33:05.000Z", "2026-11-21T07:15:00.000Z"
STREAMS = [("google_ads", "campaigns"), ("salesforce", "campaigns"), ("mailchimp", "members")]


@pytest.fixture(autouse=True)
def _at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def drawn(shown: RenderableType, width: int) -> str:
    page = io.StringIO()
    Console(file=page, width=width, highlight=False, emoji=False).print(shown)
    text = page.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def quotas() -> RenderableType:
    said = Said(100_000, 45, TODAY)
    window = Window("default", 86_400, 100_000, 25_000, 12_345, 14_997, said, "2026-11-23T19:00:00.000Z", None)
    made = [ConnectionQuota(name, name, (), (window,), {"default": 5}, {}, {"live": 60}, 172) for name, _ in STREAMS]
    return quota._quota(Quotas(TODAY, tuple(made)))


def schedules() -> RenderableType:
    made = [StreamSchedule(c, s, "every 1m", "", "", "", EARLIER, TODAY, 1_200, TODAY, 1_620) for c, s in STREAMS]
    return schedule._shown(Schedules("2026-11-22T18:00:00.000Z", tuple(made)))


def status() -> RenderableType:
    made = [
        ConnectionStatus(c, c, "active", "", True, "", 3, (StreamStatus(s, 12_345, 7, 1_234, TODAY, 1_200),))
        for c, s in STREAMS
    ]
    return standing._streams(Status(None, {}, 0, 0, 0, tuple(made)), None)  # type: ignore[arg-type]


def runs() -> RenderableType:
    counts = {"read": 39, "unchanged": 2_000, "api_calls": 2}
    made = [
        Run(f"run_{n}a38be69c0", "verify", TODAY, c, s, state=RunState.PARTIAL, counts=counts, ended_at=TODAY)
        for n, (c, s) in enumerate(STREAMS)
    ]
    return looking._runs(Runs(tuple(made)))


def told() -> RenderableType:
    places = [("failed/a", TODAY, None), ("token_expiring/b", EARLIER, TODAY)]
    made = [
        Alert(key, AlertKind(key.partition("/")[0]), "crm", "", "crm is stopped: 401 " * 8, "", began, TODAY, ended)
        for key, began, ended in places
    ]
    return alerts._table(made)


def connected() -> RenderableType:
    made = [
        ConnectionShown(c, c, "http://127.0.0.1:45015", "active", "", False, 40, {}, (), "unchecked", TODAY, None)  # type: ignore[arg-type]
        for c, _ in STREAMS
    ]
    return connections._listed(Connections(tuple(made)))


def raised() -> RenderableType:
    made = Issue("unreadable", "d", "the vendor refuses the value " * 4, TODAY, "salesforce", "contacts", "003A", id=7)
    return issues._listed(Issues((made,), False))


NAMES = ["google_ads", "salesforce", "mailchimp"]
PLACES = [f"{c}/{s}" for c, s in STREAMS]
AT_80 = [
    (quotas, [*NAMES, "connection", "default", "24 h", "at once", "100,000", "ours 25,000", "12,345", "11-23 19:00"]),
    (schedules, [*PLACES, "every 1m", "18:33", "(+1,200", "27 min"]),
    (status, [*NAMES, "active", "campaigns", "12,345", "1,234", "18:33", "(+1,200"]),
    (runs, [*PLACES, "run_0a38be69", "18:33:05", "verify", "partial", "unchanged"]),
    (told, ["failed", "token expiring", "18:33", "11-21 07:15", "open"]),
    (connected, [*NAMES, "active", "read-only", "unchecked"]),
    (raised, ["unreadable", "salesforce/contacts/003A", " 7 ", "18:33"]),
]


@pytest.mark.parametrize(("shown", "whole"), AT_80)
def test_at_80_columns_nothing_is_broken_but_between_words(shown: object, whole: list[str]) -> None:
    page = drawn(shown(), 80)  # type: ignore[operator]
    assert [word for word in whole if word not in page] == [], page
    assert "…" not in page


@pytest.mark.parametrize(("shown", "whole"), AT_80)
def test_where_there_is_room_moments_have_their_day(shown: object, whole: list[str]) -> None:
    page = drawn(shown(), 200)  # type: ignore[operator]
    if any(word.startswith("18:33") for word in whole):
        assert "2026-11-22 18:33" in page


def wide() -> tables.Table:
    made = tables.table(
        *("name", "at (UTC)", "number", "little", "what"),
        numbers=["number"],
        names=["name", "little"],
        moments=["at (UTC)"],
        spare=["little", "number"],
    )
    made.add_row("x" * 20, tables.day_and_minute(EARLIER), "1,234", "y" * 20, "some words " * 10)
    made.add_row("x", Text("now"), "1", "y", "")
    return made


@pytest.mark.parametrize(
    ("width", "seen"),
    [
        (114, ["2026-11-21 07:15", "little", "number"]),
        (113, ["little", "number"]),
        (81, ["little", "number"]),
        (80, ["number"]),
        (58, ["number"]),
        (57, []),
    ],
)
def test_what_is_least_important_goes_first(width: int, seen: list[str]) -> None:
    page = drawn(wide(), width)
    assert [word for word in ("2026-11-21 07:15", "little", "number") if word in page] == seen, page
    assert [word for word in ("x" * 20, "11-21 07:15", "now", "some words") if word not in page] == []


def test_the_year_is_said_of_what_was_in_another_one() -> None:
    made = tables.table("at (UTC)", "what", moments=["at (UTC)"])
    for at in ("2025-12-31T23:59:00.000Z", "2026-01-01T00:00:00.000Z", "2026-11-22T00:00:00.000Z"):
        made.add_row(tables.day_and_minute(at), "what it is")
    page = drawn(made, 28)
    assert "2025-12-31 23:59" in page
    assert "01-01 00:00" in page
    assert "2026" not in page
