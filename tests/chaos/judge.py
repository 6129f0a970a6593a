"""The judge: holds what people did against what the systems hold, and against what the hub did there. It shares no
code with the hub; of the hub's store it asks only when an opt-out was understood and when a write was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.theatre import SYSTEMS, TEXTS, Held, Theatre
from tests.chaos.truth import Told, Word


@dataclass(frozen=True, slots=True)
class Decided:
    """What the hub says about itself. `heard`: address -> when its opt-out was understood; `opened`: (address,
    system) -> when writes there were decided, oldest first. Times as the store writes them."""

    heard: Mapping[str, str]
    opened: Mapping[tuple[str, str], Sequence[str]]


def judge(theatre: Theatre, decided: Decided, window: float) -> list[str]:
    """Every law that was broken, in words; none when all is well. `window`: the longest that a write may be under way
    between the look at its record and its arrival, in seconds."""
    held = {name: system.all() for name, system in theatre.systems.items()}
    found = _duplicates(theatre, held, window)
    found += _presence(theatre, held)
    found += _opt_outs(theatre, held)
    found += _contacted(theatre, decided)
    found += _words(theatre, held, window)
    return found


def _by_email(records: Mapping[str, Held]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for remote_id, record in records.items():
        found.setdefault(record.email, []).append(remote_id)
    return found


def _duplicates(theatre: Theatre, held: Mapping[str, Mapping[str, Held]], window: float) -> list[str]:
    """Nobody has two records in a system, unless a person made one while the hub's was on its way."""
    found = []
    for name, records in held.items():
        for email, ids in _by_email(records).items():
            made = [m for m in theatre.truth.made if (m.connection, m.email) == (name, email)]
            crossed = [m for m in made if m.unseen is not None and m.unseen <= window]
            if len(ids) - len(crossed) > 1:
                found.append(f"{name} has {len(ids)} records of {email}: {ids}; the hub made {made}")
    return found


def _presence(theatre: Theatre, held: Mapping[str, Mapping[str, Held]]) -> list[str]:
    """Whoever may be written to, and was deleted nowhere, is everywhere."""
    places = {name: set(_by_email(records)) for name, records in held.items()}
    known = set().union(*places.values()) - theatre.truth.denied - theatre.truth.loose
    return [f"{email} is not in {name}" for name in SYSTEMS for email in sorted(known - places[name])]


def _opt_outs(theatre: Theatre, held: Mapping[str, Mapping[str, Held]]) -> list[str]:
    return [
        f"{name} {remote_id}: {record.email} may be written to, and opted out"
        for name, records in held.items()
        for remote_id, record in records.items()
        if record.contactable and record.email in theatre.truth.denied
    ]


def _contacted(theatre: Theatre, decided: Decided) -> list[str]:
    """Writes after somebody's opt-out that let them be written to: none that was decided when the hub knew it."""
    denied = {d.email: d.at for d in theatre.truth.denials}
    found = []
    for told in theatre.truth.told:
        if told.contactable and told.email in denied and told.asked > denied[told.email]:
            heard = decided.heard.get(told.email)
            opened = _opened(theatre, decided, told)
            if heard is not None and (opened is None or opened > heard):
                found.append(f"{told}: its opt-out was understood at {heard}, the write decided at {opened}")
    return found


def _opened(theatre: Theatre, decided: Decided, told: Told) -> str | None:
    at = theatre.moment(told.at)
    before = [opened for opened in decided.opened.get((told.email, told.connection), ()) if opened <= at]
    return before[-1] if before else None


def _words(theatre: Theatre, held: Mapping[str, Mapping[str, Held]], window: float) -> list[str]:
    """The winner among people's last words holds in every record. A word that a write crossed on its way is lost to
    any writer; where fields were blanked or records deleted, only this is asked: the systems agree on something that
    a person said."""
    found = [
        f"{word} was overwritten {word.overwritten:.1f} s after the hub last saw the record"
        for word in theatre.truth.words
        if word.overwritten is not None and word.overwritten > window
    ]
    by_cell: dict[tuple[str, str], list[Word]] = {}
    for word in theatre.truth.words:
        by_cell.setdefault((word.email, word.field), []).append(word)
    for (email, name), words in sorted(by_cell.items()):
        holding = {
            (system, remote_id): record.texts[name]
            for system, records in held.items()
            if name in TEXTS[system]
            for remote_id, record in records.items()
            if record.email == email
        }
        if email in theatre.truth.loose:
            said = {w.value for w in words} | {None}
            if len(set(holding.values())) > 1 or not said >= set(holding.values()):
                found.append(f"{email} {name}: {holding}, people said {sorted(map(str, said))}")
            continue
        last = {(w.connection, w.remote_id): w for w in words if w.overwritten is None}
        if not last:
            continue
        winner = min(last.values(), key=lambda w: (SYSTEMS.index(w.connection), -w.at))
        wrong = {place: value for place, value in holding.items() if value != winner.value}
        if wrong:
            found.append(f"{email} {name}: {winner} should hold everywhere, but {wrong}")
    return found
