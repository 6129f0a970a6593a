"""Writing the hub's own file: rows by key, what people added is kept, nobody's edit is overwritten."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.csv import CONNECTOR
from connectors.csv.faults import Unusable
from connectors.csv.settings import Settings
from connectors.csv.sinks import TargetFile
from connectors.csv.target import COLUMNS, Target, parse
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import Request
from tests.connectors.csv.walks import Folder

FILE = "hub-contacts.csv"


def new_sink(**changes: Any) -> TargetFile:
    made = CONNECTOR.sink("hub_contacts", CONNECTOR.settings(**changes), ())
    assert isinstance(made, TargetFile)
    return made


def create(entity: str, **values: Any) -> Write:
    email = str(values.get("email") or "")
    return Write(Op.CREATE, None, Key("email", email), values, entity, entity_id=entity)


def update(remote_id: str, **values: Any) -> Write:
    return Write(Op.UPDATE, remote_id, None, values, remote_id)


async def look(folder: Folder, sink: TargetFile, request: Request, asked: Sequence[str]) -> dict[str, Record]:
    following: Request | None = request
    found: dict[str, Record] = {}
    for _ in range(50):
        assert following is not None
        answer = sink.found(asked, await folder.send(following))
        found |= {record.id: record for record in answer.records}
        following = answer.next
        if following is None:
            return found
    raise AssertionError("the look does not end")


async def write(folder: Folder, sink: TargetFile, *writes: Write) -> list[Outcome]:
    return list(sink.outcomes(writes, await folder.send(sink.request(writes))))


async def rows(folder: Folder) -> list[dict[str, str]]:
    with (folder.path / FILE).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def looked(folder: Folder, **changes: Any) -> TargetFile:
    sink = new_sink(**changes)
    await look(folder, sink, sink.lookup([Key("email", "nobody@x.example")]), ["email:nobody@x.example"])
    return sink


async def test_creates_updates_and_removes(folder: Folder) -> None:
    sink = await looked(folder)
    made = await write(
        folder,
        sink,
        create("con_1", email="a@x.example", first_name="Anna"),
        create("con_2", email="b@x.example", phone="+49301"),
    )
    assert [(o.status, o.remote_id) for o in made] == [(Status.APPLIED, "hub:con_1"), (Status.APPLIED, "hub:con_2")]
    assert made[1].raw is not None
    assert made[1].raw["phone"] == "+49301"
    assert (await rows(folder))[1]["phone"] == "'+49301"
    assert (folder.path / FILE).read_bytes().startswith(b"\xef\xbb\xbfhub_id,first_name,")
    changed = await write(
        folder,
        sink,
        update("hub:con_1", first_name='Anna "Ann"\nSmith, Jr', phone=None),
        Write(Op.REMOVE, "hub:con_2", None),
        update("hub:con_9", first_name="X"),
    )
    assert [o.status for o in changed] == [Status.APPLIED, Status.APPLIED, Status.REFUSED]
    assert changed[2].gone
    found = await rows(folder)
    assert [row["hub_id"] for row in found] == ["con_1"]
    assert found[0]["first_name"] == 'Anna "Ann"\nSmith, Jr'
    walk = await folder.walk("hub_contacts")
    assert [(r.id, r.raw["email"]) for r in walk.records] == [("hub:con_1", "a@x.example")]
    assert walk.last.complete
    assert changed[0].raw == walk.records[0].raw


async def test_the_target_is_no_source(folder: Folder) -> None:
    sink = await looked(folder)
    await write(folder, sink, create("con_1", email="a@x.example"))
    assert (await folder.walk("contacts")).records == []
    with pytest.raises(KeyError):
        CONNECTOR.sink("contacts", CONNECTOR.settings(), ())


async def test_what_people_added_is_kept(folder: Folder) -> None:
    folder.put(
        FILE,
        'Shirt;hub_id;email;first_name;Note\nXL;con_1;a@x.example;Änne;"two\nlines"\n;;own@x.example;Own;\n',
        "cp1252",
    )
    sink = await looked(folder)
    await write(folder, sink, update("hub:con_1", first_name="Anna", city="Köln"), create("con_2", email="b@x.example"))
    text = (folder.path / FILE).read_bytes().decode("utf-8-sig")
    lines = text.split("\r\n")
    assert lines[0] == "Shirt;hub_id;email;first_name;Note;city"
    assert lines[1] == 'XL;con_1;a@x.example;Anna;"two\nlines";Köln'
    assert lines[2] == ";;own@x.example;Own;;"
    assert lines[3] == ";con_2;b@x.example;;;"
    assert lines[4:] == [""]


async def test_a_row_that_exists_is_adopted(folder: Folder) -> None:
    folder.put(
        FILE, "hub_id,email,more_emails,first_name,last_name\n,A@x.example,z@x.example,A,\n,info@x.example,,Bo,Li\n"
    )
    sink = await looked(folder)
    outcomes = await write(
        folder,
        sink,
        create("con_1", email="a@x.example"),
        create("con_2", email="z@x.example"),
        Write(
            Op.CREATE, None, Key("email", "info@x.example|bo li"), {"email": "info@x.example"}, "3", entity_id="con_3"
        ),
        Write(
            Op.CREATE, None, Key("email", "info@x.example|cy wu"), {"email": "info@x.example"}, "4", entity_id="con_4"
        ),
    )
    assert [(o.status, o.existing_id) for o in outcomes] == [
        (Status.REFUSED, "email:a@x.example"),
        (Status.REFUSED, "email:a@x.example"),
        (Status.REFUSED, "email:info@x.example"),
        (Status.APPLIED, None),
    ]
    again = await write(folder, sink, create("con_4", email="other@x.example"))
    assert again[0].existing_id == "hub:con_4"


async def test_looks_find_by_id_and_by_key(folder: Folder) -> None:
    sink = await looked(folder)
    await write(
        folder,
        sink,
        create("con_1", email="a@x.example", more_emails="c@x.example;d@x.example"),
        create("con_2", email="b@x.example"),
    )
    fresh = new_sink()
    by_id = await look(folder, fresh, fresh.read(["hub:con_2", "hub:con_7"]), ["hub:con_2", "hub:con_7"])
    assert list(by_id) == ["hub:con_2"]
    answer = fresh.found(["hub:con_7"], await folder.send(fresh.read(["hub:con_7"])))
    assert answer.missing == ("hub:con_7",)
    keys = [Key("email", "d@x.example"), Key("phone_name", "+1|x")]
    by_key = await look(folder, fresh, fresh.lookup(keys), [str(key) for key in keys])
    assert list(by_key) == ["hub:con_1"]


async def test_an_unchanged_file_is_not_read_again(folder: Folder) -> None:
    sink = await looked(folder)
    await write(folder, sink, create("con_1", email="a@x.example"))
    response = await folder.send(sink.read(["hub:con_1"]))
    assert response.status == 304
    assert [record.id for record in sink.found(["hub:con_1"], response).records] == ["hub:con_1"]


async def test_an_edit_in_between_wins(folder: Folder) -> None:
    sink = await looked(folder)
    await write(folder, sink, create("con_1", email="a@x.example"))
    folder.put(FILE, "hub_id,email,first_name\ncon_1,a@x.example,By hand\n")
    late = await write(folder, sink, update("hub:con_1", first_name="By hub"))
    assert [(o.status, o.fault.code if o.fault else "") for o in late] == [(Status.LATER, "changed")]
    assert (await rows(folder))[0]["first_name"] == "By hand"
    seen = await look(folder, sink, sink.read(["hub:con_1"]), ["hub:con_1"])
    assert seen["hub:con_1"].raw["first_name"] == "By hand"
    assert (await write(folder, sink, update("hub:con_1", first_name="By hub")))[0].status is Status.APPLIED


async def test_a_file_that_somebody_made_in_between_is_not_replaced(folder: Folder) -> None:
    sink = await looked(folder)
    folder.put(FILE, "hub_id,email\n")
    assert (await write(folder, sink, create("con_1", email="a@x.example")))[0].status is Status.LATER


async def test_a_write_without_a_look_looks_first(folder: Folder) -> None:
    sink = new_sink()
    first = await write(folder, sink, create("con_1", email="a@x.example"))
    assert first[0].status is Status.LATER
    assert not (folder.path / FILE).exists()
    assert (await write(folder, sink, create("con_1", email="a@x.example")))[0].status is Status.APPLIED


async def test_a_repeated_write_does_no_more_than_once(folder: Folder) -> None:
    """The answer was lost and the request sent again: refused as changed, and the next look shows the row."""
    sink = await looked(folder)
    batch = [create("con_1", email="a@x.example")]
    request = sink.request(batch)
    await folder.send(request)
    outcomes = sink.outcomes(batch, await folder.send(request))
    assert outcomes[0].status is Status.LATER
    found = await look(folder, sink, sink.lookup([Key("email", "a@x.example")]), ["email:a@x.example"])
    assert list(found) == ["hub:con_1"]
    assert len(await rows(folder)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"hub_id,email\ncon_1\n",
        b'hub_id,email\ncon_1,"a@x.example\n',
        b"name,city\nx,y\n",
        b"hub_id,email\ncon_1,\x00\n",
        b"hub_id,email,a\n1,a@x.example,\xc3\xa9\n2,b@x.example,\xff\n",
    ],
)
async def test_a_file_that_cannot_be_read_is_never_written(folder: Folder, content: bytes) -> None:
    folder.put(FILE, content)
    sink = new_sink()
    with pytest.raises(Unusable, match="nothing was written") as caught:
        await look(folder, sink, sink.read(["hub:con_1"]), ["hub:con_1"])
    assert caught.value.fault().kind is FaultKind.MISCONFIGURED
    assert "@" not in str(caught.value)
    assert (folder.path / FILE).read_bytes() == content


async def test_an_empty_file_is_filled(folder: Folder) -> None:
    folder.put(FILE, b"")
    sink = await looked(folder)
    assert (await write(folder, sink, create("con_1", email="a@x.example")))[0].status is Status.APPLIED
    assert [row["hub_id"] for row in await rows(folder)] == ["con_1"]


async def test_a_large_file_is_looked_at_in_pieces(folder: Folder) -> None:
    body = "hub_id,email,note\n" + "".join(f"con_{n},p{n}@x.example,{'n' * 180}\n" for n in range(60_000))
    folder.put(FILE, body)
    assert len(body) > 9_000_000
    sink = new_sink()
    found = await look(folder, sink, sink.read(["hub:con_59999"]), ["hub:con_59999"])
    assert found["hub:con_59999"].raw["email"] == "p59999@x.example"
    assert len([request for request in folder.asked if request.path == f"/{FILE}"]) == 2
    assert (await write(folder, sink, update("hub:con_0", note="x")))[0].status is Status.APPLIED
    assert len((await folder.walk("hub_contacts")).records) == 60_000


async def test_another_name_for_the_target(folder: Folder) -> None:
    sink = await looked(folder, target_file="Für Marketing #1.csv")
    await write(folder, sink, create("con_1", email="a@x.example"))
    assert (folder.path / "Für Marketing #1.csv").exists()


async def test_a_row_of_nothing_is_refused(folder: Folder) -> None:
    sink = await looked(folder)
    outcome = (await write(folder, sink, Write(Op.CREATE, None, None, {"first_name": None}, "1")))[0]
    assert (outcome.status, outcome.fault.kind if outcome.fault else None) == (Status.REFUSED, FaultKind.INVALID)


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(COLUMNS[1:8]), words, min_size=1), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
)
def test_what_is_written_is_what_is_read(people: list[dict[str, str]], delimiter: str) -> None:
    config = Settings(delimiter=delimiter)
    target = Target.fresh()
    target.delimiter = delimiter
    for number, values in enumerate(people):
        target.put(None, {"hub_id": f"c{number}", **values}, config)
    again = parse(target.body(), "x", config)
    for number, values in enumerate(people):
        record = again.record(f"hub:c{number}", config)
        assert record is not None
        assert {column: record.raw[column] for column in values} == values
    assert again.body() == target.body()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["put", "drop"]),
            st.sampled_from(["a", "B ", "=c", "d;e"]),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_the_indexes_agree_with_the_rows(steps: list[tuple[int, str, str, bool]]) -> None:
    config = Settings()
    target = Target.fresh()
    wanted: dict[str, str] = {}
    for number, act, word, wide in steps:
        remote_id = f"hub:c{number}"
        if act == "drop":
            if remote_id in wanted:
                target.drop(remote_id, config)
                del wanted[remote_id]
            continue
        values = {"hub_id": f"c{number}", "email": f"{word}@x.example"} | ({"extra": word} if wide else {})
        target.put(remote_id if remote_id in wanted else None, values, config)
        wanted[remote_id] = values["email"]
    fresh = parse(target.body(), "x", config)
    for made in (target, fresh):
        assert set(made.ids) == set(wanted)
        for remote_id, email in wanted.items():
            record = made.record(remote_id, config)
            assert record is not None
            assert record.raw["email"] == email
    found = {email: sorted(ids) for email, ids in target.emails.items() if ids}
    assert found == {email: sorted(ids) for email, ids in fresh.emails.items()}
