"""Links and their keys come back exactly as they were put, and follow merges and id changes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.domain.consent import Evidence, Statements
from hub.domain.keys import Address, Key
from hub.domain.link import Link, LinkState
from hub.store import links
from hub.store.database import Database
from tests.store.statements import counted

NOW = "2026-01-05T09:00:00.000Z"


def at(remote_id: str, stream: str = "contacts", connection: str = "crm") -> Address:
    return Address(connection, stream, remote_id)


def email(value: str) -> Key:
    return Key("email", value)


FULL = Link(
    at("1"),
    "con_a",
    LinkState.UNLINKED,
    echo={"given_name": "Ann", "emails": ("a@x.com", "b@x.com"), "phones": (), "n": 1, "f": 1.0, "b": True, "z": None},
    sent={"given_name": "ann ", "z": ""},
    said={
        "given_name": ("Ann", NOW),
        "phone": (None, NOW),
        "emails": {"a@x.com": (True, NOW), "b@x.com": (False, "2026-01-01T00:00:00.000Z")},
        "phones": {},
    },
    statements={
        "email": Statements(NOW, "2026-01-02T00:00:00.000Z", Evidence("ann", NOW, "form: 12")),
        "phone": Statements(),
        "sms": Statements(NOW, early=Evidence("ann", "2099-01-01T00:00:00.000Z", "form: 13")),
    },
    keys=(email("a@x.com"), Key("phone_name", "+1555:ann lee"), Key("name", "")),
    in_scope=False,
)


async def test_a_link_comes_back_equal_to_the_last_type(database: Database) -> None:
    async with database.write() as conn:
        await links.put(conn, [FULL, Link(at("2"), "con_b")], NOW)
        back = await links.by_address(conn, [at("1"), at("2"), at("3")])
    assert back == {at("1"): FULL, at("2"): Link(at("2"), "con_b")}
    link = back[at("1")]
    assert type(link.echo["emails"]) is tuple
    assert type(link.echo["f"]) is float
    assert type(link.echo["n"]) is int
    assert link.echo["b"] is True
    assert type(link.said["given_name"]) is tuple
    assert isinstance(link.said["emails"], dict)
    assert type(link.said["emails"]["a@x.com"]) is tuple


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
SCALARS = SCALARS.filter(lambda v: v != float("inf") and v != float("-inf"))
NAMES = st.text(min_size=1, max_size=6)
TIMES = st.sampled_from([NOW, "2026-01-02T00:00:00.000Z"])
SETS = st.lists(NAMES, max_size=3).map(lambda items: tuple(sorted(set(items))))
STATEMENTS = st.builds(
    Statements, st.none() | TIMES, st.none() | TIMES, st.none() | st.builds(Evidence, NAMES, TIMES, NAMES)
)
LINKS = st.builds(
    Link,
    st.builds(Address, st.just("crm"), st.sampled_from(["contacts", "leads"]), st.sampled_from("12")),
    st.sampled_from(["con_a", "con_b"]),
    st.sampled_from(LinkState),
    st.dictionaries(NAMES, SCALARS | SETS, max_size=3),
    st.dictionaries(NAMES, SCALARS | SETS, max_size=3),
    st.dictionaries(
        NAMES,
        st.tuples(SCALARS, TIMES) | st.dictionaries(NAMES, st.tuples(st.booleans(), TIMES), max_size=2),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(["email", "sms"]), STATEMENTS),
    st.lists(st.builds(Key, st.sampled_from(["email", "name"]), st.text(max_size=5)), max_size=3, unique=True).map(
        tuple
    ),
    st.booleans(),
)


@given(st.lists(LINKS, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_links_come_back_equal_and_their_keys_find_them(database: Database, some: list[Link]) -> None:
    latest = {link.address: link for link in some}
    async with database.write() as conn:
        await conn.execute(text("DELETE FROM links"))
        await conn.execute(text("DELETE FROM link_keys"))
        await links.put(conn, some)
        await links.put_keys(conn, "contact", some)
        assert await links.by_address(conn, list(latest)) == latest
        by_entity = await links.by_entities(conn, ["con_a", "con_b"])
        assert {link.address: link for held in by_entity.values() for link in held} == latest
        holders: dict[Key, list[tuple[Address, str]]] = {}
        for address in sorted(latest):
            for key in latest[address].keys:
                # PostgreSQL has no NUL in text: such a key is kept as its hash and found all the same.
                holders.setdefault(key, []).append((address, latest[address].entity_id))
        assert await links.keys_of(conn, "contact", list(holders)) == holders


async def test_keys_are_replaced_address_by_address(database: Database) -> None:
    ann, ben = Link(at("1"), "con_a", keys=(email("a"), email("b"))), Link(at("2"), "con_b", keys=(email("a"),))
    async with database.write() as conn:
        await links.put_keys(conn, "contact", [ann, ben])
        found = await links.keys_of(conn, "contact", [email("a"), email("b"), email("c")])
        assert found == {email("a"): [(at("1"), "con_a"), (at("2"), "con_b")], email("b"): [(at("1"), "con_a")]}
        await links.put_keys(conn, "contact", [Link(at("1"), "con_c", keys=(email("c"), email("b")))])
        found = await links.keys_of(conn, "contact", [email("a"), email("b"), email("c")])
        assert found == {
            email("a"): [(at("2"), "con_b")],
            email("b"): [(at("1"), "con_c")],
            email("c"): [(at("1"), "con_c")],
        }
        assert await links.keys_of(conn, "campaign", [email("a")]) == {}
        with counted(conn) as seen:
            await links.put_keys(conn, "contact", [Link(at("1"), "con_c", keys=(email("b"), email("c")))])
        assert len(seen) == 1, "unchanged keys are read once and written never"


async def test_monstrous_keys_are_kept_and_found(database: Database) -> None:
    keys = (email("x" * 10_000_000), email("nul\0l"), email("x" * 9_999_999))
    async with database.write() as conn:
        await links.put_keys(conn, "contact", [Link(at("1"), "con_a", keys=keys)])
        assert await links.keys_of(conn, "contact", keys) == {key: [(at("1"), "con_a")] for key in keys}
        assert await links.keys_of(conn, "contact", [email("x" * 9_999_998), email("null")]) == {}


async def test_dropping_takes_the_keys_along(database: Database) -> None:
    async with database.write() as conn:
        some = [Link(at(n), "con_a", keys=(email("a"),)) for n in "12"]
        await links.put(conn, some)
        await links.put_keys(conn, "contact", some)
        await links.drop(conn, [at("1"), at("9")])
        assert list(await links.by_address(conn, [at("1"), at("2")])) == [at("2")]
        assert await links.keys_of(conn, "contact", [email("a")]) == {email("a"): [(at("2"), "con_a")]}


async def test_an_id_change_takes_the_memory_along(database: Database) -> None:
    async with database.write() as conn:
        await links.put(conn, [FULL, Link(at("7"), "con_b")])
        await links.put_keys(conn, "contact", [FULL])
        assert not await links.readdress(conn, at("1"), at("7"))
        assert not await links.readdress(conn, at("no"), at("8"))
        assert await links.readdress(conn, at("1"), at("8", "leads"))
        back = await links.by_address(conn, [at("1"), at("8", "leads")])
        assert list(back) == [at("8", "leads")]
        assert (back[at("8", "leads")].said, back[at("8", "leads")].echo) == (FULL.said, FULL.echo)
        assert await links.keys_of(conn, "contact", [email("a@x.com")]) == {
            email("a@x.com"): [(at("8", "leads"), "con_a")]
        }


async def test_a_merge_moves_links_and_keys_and_nobody_elses(database: Database) -> None:
    async with database.write() as conn:
        some = [
            Link(at(n), entity, keys=(email("a"),)) for n, entity in (("1", "con_a"), ("2", "con_b"), ("3", "con_c"))
        ]
        await links.put(conn, some)
        await links.put_keys(conn, "contact", some)
        await links.reassign(conn, "con_b", "con_a")
        await links.reassign(conn, "con_none", "con_a")
        held = await links.by_entities(conn, ["con_a", "con_b", "con_c"])
        assert {e: [link.address.remote_id for link in of] for e, of in held.items()} == {
            "con_a": ["1", "2"],
            "con_c": ["3"],
        }
        assert (await links.keys_of(conn, "contact", [email("a")]))[email("a")] == [
            (at("1"), "con_a"),
            (at("2"), "con_a"),
            (at("3"), "con_c"),
        ]


async def test_counts_and_each(database: Database) -> None:
    async with database.write() as conn:
        await links.put(conn, [Link(at(f"{n:02}"), "con_a") for n in range(12)])
        await links.put(conn, [Link(at("x"), "con_a", LinkState.GONE), Link(at("1", "leads"), "con_a")])
        assert await links.count(conn, "crm") == {"contacts": {"live": 12, "gone": 1}, "leads": {"live": 1}}
        parts = [part async for part in links.each(conn, "crm", "contacts", 5)]
        assert [len(part) for part in parts] == [5, 5, 3]
        assert len({link.address for part in parts for link in part}) == 13


async def test_statements_do_not_multiply_with_rows(database: Database) -> None:
    async def cost(size: int, prefix: str) -> list[int]:
        some = [Link(at(f"{prefix}{n}"), f"con_{prefix}{n}", keys=(email(f"{prefix}{n}"),)) for n in range(size)]
        moved = [Link(link.address, link.entity_id, keys=(email(f"new{link.address.remote_id}"),)) for link in some]
        costs = []
        async with database.write() as conn:
            for step in (
                lambda: links.put(conn, some),
                lambda: links.put_keys(conn, "contact", some),
                lambda: links.put_keys(conn, "contact", moved),
                lambda: links.by_address(conn, [link.address for link in some]),
                lambda: links.by_entities(conn, [link.entity_id for link in some]),
                lambda: links.keys_of(conn, "contact", [link.keys[0] for link in some]),
                lambda: links.drop(conn, [link.address for link in some]),
            ):
                with counted(conn) as seen:
                    await step()
                costs.append(len(seen))
        return costs

    assert await cost(2, "a") == await cost(900, "b")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_batch_questions_go_straight_to_their_rows(database: Database) -> None:
    """SQLite says how it would answer: by the whole key of an index, once per row that is asked for."""
    some = [Link(at(str(n)), f"con_{n}", keys=(email(str(n)),)) for n in range(5)]
    address = "(connection=? AND stream=? AND remote_id=?)"
    async with database.write() as conn:
        for question, by in (
            (lambda: links.by_address(conn, [link.address for link in some]), address),
            (lambda: links.put_keys(conn, "contact", some), address),
            (lambda: links.by_entities(conn, ["con_1", "con_2"]), "(entity_id=?)"),
            (lambda: links.keys_of(conn, "contact", [email("1")]), "(entity=? AND key=?)"),
        ):
            with counted(conn) as seen:
                await question()
            values = tuple("[]" for _ in range(seen[0].count("?")))
            plan = str((await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], values)).all())
            assert by in plan, (seen[0], plan)
