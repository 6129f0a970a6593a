"""Small builders and strategies for links, words and policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from hub.domain.consent import ConsentReading, Evidence, Statements
from hub.domain.keys import Address, Key
from hub.domain.link import Link
from hub.domain.policy import Compare, Direction, EntityPolicy, FieldPolicy, StreamPolicy, Survivorship, Weight
from hub.domain.values import Value
from hub.engine.hear import Shown

RANKS = {"alpha": 0, "beta": 1, "gamma": 2}


def ranker(connection: str, rule: Survivorship) -> float:
    return float(RANKS.get(connection, 9))


def weigh(address: Address, field: str) -> Weight:
    return Weight.RANKED


def at(number: int) -> str:
    return f"2026-01-01T00:00:{number:02d}.000Z"


def policy(**more: Any) -> StreamPolicy:
    fields = {
        "email": FieldPolicy("email", compare=Compare.CASEFOLD),
        "title": FieldPolicy("title"),
        "city": FieldPolicy("city", compare=Compare.TRIMMED),
        "owner_email": FieldPolicy("owner_email", direction=Direction.IN),
        "phones": FieldPolicy("phones", compare=Compare.SET),
        "consent.email": FieldPolicy("consent.email"),
    }
    return StreamPolicy("contact", fields, **more)


SURVIVORSHIP = EntityPolicy("contact")


def link(connection: str = "alpha", remote_id: str = "1", entity: str = "con_a", **more: Any) -> Link:
    keys = more.pop("keys", (Key("email", "ann@example.com"),))
    return Link(Address(connection, "people", remote_id), entity, keys=keys, **more)


def shown(values: Mapping[str, Value], moment: int = 1, consent: str | None = None, **more: Any) -> Shown:
    readings = {"email": ConsentReading(consent)} if consent else {}
    return Shown(values, readings, (Key("email", "ann@example.com"),), at(moment), **more)


moments = st.integers(0, 59).map(at)
texts = st.sampled_from(["CEO", "CTO", "ceo ", "", "Ölmüller", "O'Brien"])
scalars = st.one_of(texts, st.none())
fields = st.sampled_from(["title", "city", "email"])
values = st.dictionaries(fields, scalars, max_size=3)


@st.composite
def links(draw: st.DrawFn, least: int = 1) -> list[Link]:
    """Links of one entity in several systems, with words, sets and statements."""
    made = []
    for number in range(draw(st.integers(least, 4))):
        connection = draw(st.sampled_from(sorted(RANKS)))
        said: dict[str, Any] = {f: (draw(scalars), draw(moments)) for f in draw(st.sets(fields, max_size=3))}
        if draw(st.booleans()):
            said["phones"] = {e: (draw(st.booleans()), draw(moments)) for e in draw(st.sets(st.sampled_from("123")))}
        denied = draw(st.none() | moments)
        granted = draw(st.none() | moments)
        evidence = Evidence("ann", granted, "form") if granted else None
        early = draw(st.none() | moments.map(lambda when: Evidence("ann", when, "form")))
        said_of_email = Statements(denied, granted, evidence, early=early)
        statements = {"email": said_of_email} if denied or granted or early else {}
        made.append(link(connection, str(number), said=said, statements=statements))
    return made
