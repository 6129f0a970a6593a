"""Whom an edit may concern, asked of the database: on both dialects the same, and nobody is left out."""

from __future__ import annotations

from dataclasses import replace

from hub.domain.consent import Consent, ConsentState
from hub.domain.golden import Golden, GoldenState
from hub.domain.issue import Issue
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.observation import Record
from hub.store import golden, issues, links, observations, suspects
from hub.store.database import Database

NOW = "2026-01-01T00:00:00.000Z"


def _link(n: int, stream: str = "contacts", **parts: object) -> Link:
    return replace(Link(Address("crm", stream, f"r{n}"), f"con_{n}"), **parts)  # type: ignore[arg-type]


async def _set(database: Database) -> None:
    values = [
        {"title": "CEO", "emails": ("a", "b")},
        {"title": "CEO", "emails": ("a",)},
        {"title": None, "custom.a b": 1.5},
        {},
        {"title": "CTO"},
    ]
    goldens = [Golden(f"con_{n}", "contact", v) for n, v in enumerate(values)]
    goldens[3] = replace(goldens[3], consent={"email": Consent(ConsentState.DENIED, NOW, "hub")})
    goldens[4] = replace(goldens[4], state=GoldenState.BURIED)
    made = [
        _link(0, echo={"title": "CEO", "emails": ("a", "b")}, said={"title": ("CEO", NOW)}),
        _link(1, echo={"title": "ceo", "emails": ("a", "b")}),
        _link(2, echo={"title": None, "custom.a b": 2}, state=LinkState.GONE),
        _link(3, "leads", said={"emails": {"a": (True, NOW)}}),
        _link(4, echo={"title": "CTO"}),
    ]
    async with database.write() as conn:
        await golden.put(conn, goldens, NOW)
        await links.put(conn, made, NOW)


async def test_who_differs(database: Database) -> None:
    await _set(database)
    async with database.read() as conn:

        async def ask(*fields: str, after: str = "", limit: int = 9) -> list[str]:
            return await suspects.differing(conn, "contact", "crm", "contacts", fields, after, limit)

        assert await ask("title") == ["con_1"]
        assert await ask("emails") == ["con_1"]
        assert await ask("custom.a b", "title") == ["con_1", "con_2"]
        assert await ask("custom.a b", "title", after="con_1") == ["con_2"]
        assert await ask("custom.a b", "title", limit=1) == ["con_1"]
        assert await ask("consent.email") == []
        assert await suspects.differing(conn, "contact", "crm", "leads", ["consent.email"], "", 9) == ["con_3"]
        assert await suspects.differing(conn, "campaign", "crm", "contacts", ["title"], "", 9) == []


async def test_who_said_holds_is_absent_or_buried(database: Database) -> None:
    await _set(database)
    async with database.read() as conn:
        assert await suspects.saying(conn, "crm", "contacts", ["title", "emails"], "", 9) == ["con_0"]
        assert await suspects.saying(conn, "crm", "leads", ["emails"], "", 9) == ["con_3"]
        assert await suspects.absent(conn, "contact", "crm", "contacts", "", 9) == ["con_2", "con_3"]
        assert await suspects.buried(conn, "contact", "crm", "contacts", "", 9) == ["con_4"]
        assert await suspects.holding(conn, "contact", ["emails"], "", 9) == ["con_0", "con_1"]
        assert await suspects.holding(conn, "contact", None, "con_2", 9) == ["con_3", "con_4"]
        assert await suspects.owners(conn, "crm", "contacts", ["r4", "r0", "r9"]) == ["con_0", "con_4"]


async def test_who_could_not_be_told(database: Database) -> None:
    await _set(database)
    about = {"connection": "crm", "stream": "contacts"}
    async with database.write() as conn:
        await issues.raise_(conn, Issue("refused", "a", "", NOW, entity_id="con_1", **about))
        await issues.raise_(conn, Issue("untold", "b", "", NOW, entity_id="con_2", **about))
        await issues.raise_(conn, Issue("value", "c", "", NOW, entity_id="con_3", **about))
        await issues.raise_(conn, Issue("refused", "d", "", NOW, entity_id="con_4", **about))
        await issues.close(conn, ["d"], NOW)
        kinds = ["refused", "untold"]
        assert await suspects.untold(conn, "crm", "contacts", kinds, "", 9) == ["con_1", "con_2"]
        assert await suspects.untold(conn, "crm", "contacts", kinds, "con_1", 9) == ["con_2"]
        assert await suspects.untold(conn, "crm", "leads", kinds, "", 9) == []


async def test_what_was_heard_is_shown_in_its_order(database: Database) -> None:
    async with database.write() as conn:
        records = [Record(f"r{n}", {"n": n}, NOW) for n in range(3)]
        await observations.keep(conn, "crm", "contacts", records, seen_at=NOW)
        assert await suspects.shown(conn, "crm", "contacts", "", 9) == []
        await observations.mark_heard(conn, [(Address("crm", "contacts", f"r{n}"), 1) for n in range(3)])
        one = suspects.Shown("r1", {"n": 1}, NOW, NOW, False, True)
        assert await suspects.shown(conn, "crm", "contacts", "r0", 1) == [one]
        await observations.keep(conn, "crm", "contacts", [Record("r1", {"n": 2}, NOW, gone=True)], seen_at=NOW)
        again = await suspects.shown_at(conn, "crm", "contacts", ["r1", "r9"])
        assert again == [suspects.Shown("r1", {"n": 2}, NOW, NOW, True, False)]


async def test_some_fields_of_people_and_their_records(database: Database) -> None:
    await _set(database)
    some = frozenset({"title", "emails"})
    async with database.read() as conn:
        whole = await links.by_entities(conn, ["con_0", "con_1", "con_3"])
        narrow = await suspects.some_links(conn, ["con_0", "con_1", "con_3"], some)
        assert narrow == whole
        assert await suspects.some_links(conn, ["con_2"], some) == {
            "con_2": [_link(2, echo={"title": None}, state=LinkState.GONE)]
        }
        goldens = await golden.fetch(conn, ["con_0", "con_2"])
        found = await suspects.some_golden(conn, ["con_0", "con_2"], some)
        assert found == {"con_0": goldens["con_0"], "con_2": replace(goldens["con_2"], values={"title": None})}


async def test_a_text_with_a_nul_is_compared_like_any_other(database: Database) -> None:
    shown = ["C\0O", "C\0O", "C\\u0000O", "CO"]
    goldens = [Golden(f"con_{n}", "contact", {"title": "C\0O", "city": "Bonn\0"}) for n in range(4)]
    made = [_link(n, echo={"title": title}, said={"title": (title, NOW)}) for n, title in enumerate(shown)]
    async with database.write() as conn:
        await golden.put(conn, goldens, NOW)
        await links.put(conn, made, NOW)
        everybody = [f"con_{n}" for n in range(4)]
        assert await suspects.differing(conn, "contact", "crm", "contacts", ["title"], "", 9) == ["con_2", "con_3"]
        assert await suspects.saying(conn, "crm", "contacts", ["title"], "", 9) == everybody
        assert await suspects.holding(conn, "contact", ["city"], "", 9) == everybody
