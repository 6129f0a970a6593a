"""Undoing: what puts back what records held before a run wrote to them, and what is kept because it moved since.

Only the writes of the chosen runs are taken back. A field that anybody touched since is theirs, whoever it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.golden import Golden
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.plan import UNDO, Cell, Change, Op
from hub.domain.policy import FieldPolicy, StreamPolicy
from hub.domain.values import Value, Values, is_empty
from hub.engine.compare import resembles, same
from hub.engine.decide import Place, decide, key_of, parts
from hub.engine.hear import CONSENT

GONE = "the record is gone"
IN_DOUBT = "a write is in doubt; the next sync looks it up first"
ANSWER_LOST = "its answer was lost: nobody can tell whether the hub made this record"
MADE = "made by this run; only archived when asked for (--archive-creates)"
REMOVED = "removed by this run because the person was deleted: make the record anew in any system to bring it back"
MOVED = "changed there since"
NOT_SHOWN = "what the record held before is not known, or could not be read"
READ_OTHERWISE = "its mapping reads it otherwise than when it was written"
NOT_WRITTEN = "its mapping no longer writes it"
OUT_OF_SCOPE = "the record is out of scope of its mapping now"
DENY_WINS = "an opt-out that was told stays told: deny wins"
BY_EVIDENCE = "consent moves by evidence alone (hub consent deny)"
WORDS = "not archived: people there have said something since: "
OPT_OUT = "not archived: it holds an opt-out"
THERE = "it is there again already"


@dataclass(frozen=True, slots=True)
class Written:
    """One remote record that the chosen runs wrote to.

    `attempts`: their writes that were applied, or may have been, oldest first; `images`: attempt id -> what its
    before-image shows, in canonical words; `others`: what other runs wrote to it, oldest first; `link`: None when the
    hub knows no such record any more; `links`: all of the entity.
    """

    address: Address
    attempts: tuple[Attempt, ...]
    images: Mapping[str, Values]
    link: Link | None
    golden: Golden | None = None
    links: tuple[Link, ...] = ()
    others: tuple[Attempt, ...] = ()
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What an undo leaves as it is, and why. `field` is "" for the whole record."""

    connection: str
    stream: str
    remote_id: str
    entity_id: str
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Undoing:
    """What takes the writes to one record back. `images`: field -> id of the attempt whose before-image holds it;
    `freed`: the link of a record that an undo had archived and that is to be made again; `back`: how many fields show
    already what they showed before, or records are gone that were not there before."""

    changes: tuple[Change, ...] = ()
    kept: tuple[Kept, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    freed: Link | None = None
    back: int = 0


def undo(written: Written, place: Place, *, archive_creates: bool = False) -> Undoing:
    """Pure: decided on the link as it is now, so it is decided again on what a look has shown."""
    if written.in_doubt:
        return _whole(written, IN_DOUBT)
    removed = next((a for a in written.attempts if a.op is Op.REMOVE), None)
    if removed is not None:
        return _make_again(written, place) if removed.undoes else _whole(written, REMOVED)
    link = written.link
    made = any(a.op is Op.CREATE for a in written.attempts)
    if link is None or link.state is not LinkState.LIVE:
        return Undoing(back=1) if made else _whole(written, GONE)
    if made and archive_creates:
        return _archive(written, link, place.policy)
    fields = _fields(written, link, place)
    return replace(fields, kept=(*_whole(written, MADE).kept, *fields.kept)) if made else fields


def _whole(written: Written, why: str) -> Undoing:
    return Undoing(kept=(_kept(written, "", why),))


def _kept(written: Written, name: str, why: str) -> Kept:
    a = written.address
    entity = written.link.entity_id if written.link else written.attempts[-1].entity_id
    return Kept(a.connection, a.stream, a.remote_id, entity, name, why)


def _fields(written: Written, link: Link, place: Place) -> Undoing:
    names = dict.fromkeys(c.field for a in written.attempts if a.op is Op.UPDATE for c in a.cells)
    cells: list[Cell] = []
    kept: list[Kept] = []
    images: dict[str, str] = {}
    back = 0
    for name in names:
        step = _step(written, link, place.policy, name)
        if isinstance(step, str):
            kept.append(_kept(written, name, step))
        elif step is not None and step.cell is None:
            back += 1
        elif step is not None and step.cell is not None:
            cells.append(step.cell)
            images[name] = step.image
    key = next((k for k in link.keys if k.kind == place.policy.create_key), None)
    a = link.address
    whole = Change(Op.UPDATE, link.entity_id, a.connection, a.stream, a.remote_id, key, tuple(cells), "undo")
    changes = tuple(parts(whole, place.policy)) if cells else ()
    return Undoing(changes, tuple(kept), images, back=back)


@dataclass(frozen=True, slots=True)
class _Step:
    """One field put back: the cell (None: it shows that already), and the attempt whose image holds it."""

    cell: Cell | None
    image: str = ""


def _step(written: Written, link: Link, policy: StreamPolicy, name: str) -> _Step | str | None:
    """A text is the reason to keep the field; None: no write of the run arrived there."""
    if name.startswith(CONSENT):
        return _consent(written, name)
    told = [a for a in written.attempts if a.op is Op.UPDATE and name in a.expect and _names(a, name)]
    if not told:
        return None
    known = policy.fields.get(name)
    if known is None or not known.direction.writes:
        return NOT_WRITTEN
    first, last = _span(written, link, known, told)
    if first is None or last is None:
        return None
    image = written.images.get(first.id)
    if image is None or name not in image:
        return NOT_SHOWN
    if same(known.compare, image[name], link.echo.get(name)):
        return _Step(None)
    later = _others_since(written, link, known, last)
    if later is not None:
        return f"written again since, by {later.run_id}"
    if _retyped(link, known, last):
        return MOVED
    if not _stands(link, known, last):
        return MOVED if same(known.compare, image[name], _held(first, name)) else READ_OTHERWISE
    if not link.in_scope:
        return OUT_OF_SCOPE
    return _Step(Cell(name, link.echo.get(name), image[name], UNDO, last.run_id), first.id)


def _names(attempt: Attempt, name: str) -> bool:
    return any(c.field == name for c in attempt.cells)


def _held(attempt: Attempt, name: str) -> Value:
    """What the record showed before the write, in the words of that time."""
    return next((c.before for c in attempt.cells if c.field == name), None)


def _consent(written: Written, name: str) -> str:
    states = [c.after for a in written.attempts for c in a.cells if c.field == name]
    return DENY_WINS if "denied" in states else BY_EVIDENCE


def _span(
    written: Written, link: Link, policy: FieldPolicy, told: Sequence[Attempt]
) -> tuple[Attempt | None, Attempt | None]:
    """The first and the last of the writes that follow upon each other: where somebody wrote in between, what they
    wrote is what the undo puts back. A write whose answer was lost counts as far as its value was seen."""
    name = policy.name
    first = last = None
    for attempt in reversed(told):
        doubtful = attempt.state is AttemptState.SETTLED
        if first is None:
            if doubtful and not _stands(link, policy, attempt):
                continue
            first = last = attempt
            continue
        held = written.images.get(first.id, {}).get(name)
        if not (same(policy.compare, attempt.expect[name], held) or resembles(attempt.expect[name], held)):
            if doubtful:
                continue
            break
        if _between(written, attempt, first, name) or _typed(link, name, attempt, first):
            break
        first = attempt
    return first, last


def _between(written: Written, earlier: Attempt, later: Attempt, name: str) -> bool:
    return any(name in o.expect and earlier.opened_at < o.opened_at < later.opened_at for o in written.others)


def _typed(link: Link, name: str, after: Attempt, until: Attempt | None) -> bool:
    """Whether the last word that a person said there of the field came after one write, and not after another: they may
    have typed the very value that the hub had written."""
    said = link.said.get(name)
    if not isinstance(said, tuple):
        return False
    return said[1] > after.opened_at and (until is None or said[1] <= until.opened_at)


def _retyped(link: Link, policy: FieldPolicy, last: Attempt) -> bool:
    """Whether what the record shows is a person's word, though it is what the write had told."""
    said = link.said.get(policy.name)
    shown = isinstance(said, tuple) and same(policy.compare, said[0], link.echo.get(policy.name))
    return shown and _typed(link, policy.name, last, None)


def _others_since(written: Written, link: Link, policy: FieldPolicy, last: Attempt) -> Attempt | None:
    """The last write of another run to the field since. One whose answer was lost counts where its value shows."""
    for other in reversed(written.others):
        if other.opened_at <= last.opened_at or policy.name not in other.expect:
            continue
        shows = same(policy.compare, other.expect[policy.name], link.echo.get(policy.name))
        if other.state is AttemptState.APPLIED or shows:
            return other
    return None


def _stands(link: Link, policy: FieldPolicy, attempt: Attempt) -> bool:
    """Whether the record still shows what that write made it show. News moves both halves of the shadow; so where the
    vendor keeps a form of its own, what was last agreed on tells."""
    name, told = policy.name, attempt.expect[policy.name]
    echo, sent = link.echo.get(name), link.sent.get(name)
    if name in link.echo and same(policy.compare, echo, told):
        return True
    if name not in link.sent:
        return False
    if attempt.undoes:
        return resembles(told, echo) and not same(policy.compare, echo, sent)
    return same(policy.compare, sent, told)


def _archive(written: Written, link: Link, policy: StreamPolicy) -> Undoing:
    """A record that the run made goes again only as long as it holds nothing but the hub's own words."""
    denied = any(s.denied_at for s in link.statements.values())
    if denied or any(n.startswith(CONSENT) and v == "denied" for n, v in link.echo.items()):
        return _whole(written, OPT_OUT)
    if link.said:
        return _whole(written, WORDS + ", ".join(sorted(link.said)))
    last: dict[str, Attempt] = {name: a for a in written.attempts for name in a.expect}
    ours = {n: a for n, a in last.items() if n in policy.fields}
    moved = [n for n, a in ours.items() if not _ours(written, link, policy.fields[n], a)]
    if moved:
        return _whole(written, WORDS + ", ".join(sorted(moved)))
    run = written.attempts[-1].run_id
    cells = tuple(Cell(n, link.echo.get(n), None, UNDO, run) for n in last if not is_empty(link.echo.get(n)))
    key = next((k for k in link.keys if k.kind == policy.create_key), None)
    a = link.address
    change = Change(
        Op.REMOVE, link.entity_id, a.connection, a.stream, a.remote_id, key, cells, "made by the run; archived"
    )
    return Undoing((change,) if cells else (), _whole(written, GONE).kept if not cells else ())


def _ours(written: Written, link: Link, policy: FieldPolicy, attempt: Attempt) -> bool:
    return _stands(link, policy, attempt) or _others_since(written, link, policy, attempt) is not None


def _make_again(written: Written, place: Place) -> Undoing:
    """An undo archived the record, and that is undone: the hub decides about it as about any record not there yet."""
    link, golden = written.link, written.golden
    if link is None or golden is None:
        return _whole(written, GONE)
    if link.state is LinkState.LIVE:
        return _whole(written, THERE)
    freed = replace(link, state=LinkState.GONE)
    links = tuple(freed if k.address == link.address else k for k in written.links)
    key = key_of(golden, links, place.policy)
    decision = decide(golden, links, place, in_doubt=False, key=key)
    creates = tuple(replace(c, reason="archived by an undo") for c in decision.changes if c.op is Op.CREATE)
    if not creates:
        return _whole(written, "; ".join(decision.notes) or THERE)
    return Undoing(creates, freed=freed)
