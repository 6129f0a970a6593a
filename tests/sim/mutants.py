"""The tester is tested: the engine and its jobs with one rule dropped, each a way that sync tools have gone wrong.

A mutant is a context in which the rule is missing. It must be caught by a directed history or by a random one; where
one survives, `SURVIVES` says why that is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from hub.domain.golden import GoldenState
from hub.engine import decide, fate, hear, survive
from hub.engine import reconcile as reconciling
from hub.engine import undo as undo_engine
from hub.engine.hear import NOTHING
from hub.store import attempts
from sync_jobs import doubt, judging, push, settle, write
from sync_jobs import undo as undoing

Mutant = Callable[[], AbstractContextManager[Any]]


@contextmanager
def no_echo() -> Iterator[None]:
    """What was sent stands for what the remote holds."""
    with (
        patch.object(hear, "_shown", lambda shown, name, told: told),
        patch.object(settle, "_echo", lambda told, shown: {}),
    ):
        yield


@contextmanager
def no_attempt_row() -> Iterator[None]:
    """A write leaves without a trace."""

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    with patch.object(attempts, "open", nothing), patch.object(attempts, "close", nothing):
        yield


@contextmanager
def blind_create() -> Iterator[None]:
    """Nobody looks for the key before a create."""

    async def ids_only(self: Any, first: Any) -> Any:
        changes = first.changes()
        ids = {c.remote_id for c in changes if c.remote_id}
        looked = await push.look(self.hub, self.wired, self.stream, self.sink, ids, ())
        looked.keys |= {c.key for c in changes if c.key}
        return looked

    with patch.object(push._Push, "_look", ids_only):
        yield


@contextmanager
def retry_in_doubt() -> Iterator[None]:
    """A write whose answer was lost is simply sent again, and nobody looks for the key before a create."""

    def later(failed: Any) -> Any:
        return write.Outcome(write.Status.LATER, fault=failed.fault)

    with patch.object(write, "_unanswered", later), blind_create():
        yield


@contextmanager
def doubt_is_forgotten() -> Iterator[None]:
    """A write in doubt is taken for not done, without a look."""

    async def forget(hub: Any, wired: Any, stream: Any, sink: Any, counts: Any, lane: Any = None) -> None:
        while doubtful := await doubt._doubtful(hub, wired, stream, lane):
            async with hub.database.write() as conn:
                await attempts.close(conn, [replace(a, state=doubt.AttemptState.SETTLED) for a in doubtful])

    with patch.object(push, "resolve", forget):
        yield


@contextmanager
def delete_beats_edit() -> Iterator[None]:
    """A deletion counts, whatever else was heard."""
    original = fate.fate

    def harsh(state: Any, links: Any, gone: Any, news: Any, made_anew: bool) -> Any:
        return original(state, links, gone, frozenset() if gone else news, made_anew and not gone)

    with patch.object(reconciling, "fate", harsh):
        yield


@contextmanager
def no_tombstone() -> Iterator[None]:
    """A deleted record is simply missing, and is made again."""
    original = fate.fate

    def alive(*arguments: Any, **named: Any) -> Any:
        return replace(original(*arguments, **named), state=GoldenState.LIVE)

    with patch.object(reconciling, "fate", alive):
        yield


@contextmanager
def telling_before_hearing() -> Iterator[None]:
    """Nobody looks before a write."""

    async def nothing(self: Any, first: Any) -> Any:
        looked = push.Looked()
        looked.ids |= {c.remote_id for c in first.changes() if c.remote_id}
        looked.keys |= {c.key for c in first.changes() if c.key}
        return looked

    async def heard_nothing(*_: Any) -> Any:
        return push.Counts()

    with patch.object(push._Push, "_look", nothing), patch.object(push, "hear_looked", heard_nothing):
        yield


@contextmanager
def looking_without_hearing() -> Iterator[None]:
    """What the look showed is kept, and not heard before the decision."""

    async def heard_nothing(*_: Any) -> Any:
        return push.Counts()

    with patch.object(push, "hear_looked", heard_nothing):
        yield


@contextmanager
def consent_by_newest() -> Iterator[None]:
    """Whoever spoke last of consent wins, with evidence or without."""
    original = hear._statement

    def newest(reading: Any, at: str, seen: str, *, fresh: bool) -> Any:
        if reading.state == "none" and fresh:
            evidence = hear_evidence(at)
            return survive.Statements(granted_at=at, evidence=evidence)
        return original(reading, at, seen, fresh=fresh)

    with patch.object(hear, "_statement", newest):
        yield


def hear_evidence(at: str) -> Any:
    return survive.Evidence("nobody", at, "a box was not ticked")


@contextmanager
def consent_is_told_once() -> Iterator[None]:
    """A denial that was told is not looked at again."""
    original = decide._consent_cells

    def once(golden: Any, link: Any, policy: Any) -> Any:
        told = link.sent if link else {}
        return [c for c in original(golden, link, policy) if told.get(c.field) is None]

    with patch.object(decide, "_consent_cells", once):
        yield


@contextmanager
def gone_while_in_doubt() -> Iterator[None]:
    """A deletion is believed although a write is in doubt."""
    original = reconciling._gone

    def believe(scene: Any, *others: Any) -> Any:
        return original(replace(scene, in_doubt=False), *others)

    with patch.object(reconciling, "_gone", believe):
        yield


@contextmanager
def blanks_are_erasures() -> Iterator[None]:
    """A field that a record never had is an erasure."""
    original = hear.hear

    def erasing(link: Any, shown: Any, policy: Any, expected: Any = NOTHING) -> Any:
        heard = original(link, shown, policy, expected)
        first = {n: (v, shown.at) for n, v in shown.values.items() if v is None and n not in link.echo}
        if shown.gone or not first:
            return heard
        return replace(heard, link=replace(heard.link, said={**first, **heard.link.said}))

    with patch.object(reconciling, "hear", erasing):
        yield


@contextmanager
def newest_wins() -> Iterator[None]:
    """Ranks are forgotten; the vendor's record-level time decides."""
    with patch.object(survive, "choose", lambda words, rule: max(words, key=lambda w: w.at) if words else None):
        yield


@contextmanager
def aliases_are_ignored() -> Iterator[None]:
    """A record that answers for older ids is a stranger."""

    with patch.object(judging, "_follow_aliases", lambda batch: None):
        yield


@contextmanager
def answers_swallow_edits() -> Iterator[None]:
    """All that the answer to a write shows is taken for agreed."""
    original = hear.settle

    def swallow(link: Any, told: Any, shown: Any, policy: Any, *, undone: bool = False) -> Any:
        settled = original(link, told, shown, policy, undone=undone)
        if shown is None:
            return settled
        return replace(settled, echo={**settled.echo, **shown.values}, sent={**settled.sent, **shown.values})

    with patch.object(hear, "settle", swallow):
        yield


@contextmanager
def merges_are_deletions() -> Iterator[None]:
    """The loser of a vendor's merge is a deleted person."""
    with patch.object(judging, "_merge_keys", lambda batch, seen, survivors: ()):
        yield


@contextmanager
def undo_is_told() -> Iterator[None]:
    """What an undo puts back is taken for the value that the hub tells there."""
    original = hear.settle

    def tell(link: Any, told: Any, shown: Any, policy: Any, *, undone: bool = False) -> Any:
        return original(link, told, shown, policy)

    with patch.object(hear, "settle", tell):
        yield


@contextmanager
def undo_in_doubt_is_told() -> Iterator[None]:
    """The same where the answer to the undo was lost."""
    original = hear.expectation
    with patch.object(judging, "expectation", lambda doubtful: replace(original(doubtful), undone=frozenset())):
        yield


@contextmanager
def undo_of_what_others_changed() -> Iterator[None]:
    """An undo does not ask whether the record still shows what the run wrote."""
    with (
        patch.object(undo_engine, "_stands", lambda link, policy, attempt: True),
        patch.object(undo_engine, "_retyped", lambda link, policy, last: False),
    ):
        yield


@contextmanager
def undo_without_a_look() -> Iterator[None]:
    """An undo goes by what the store holds."""

    async def nothing(self: Any, decided: Any) -> Any:
        return undoing.Looked(ids={c.remote_id for c in decided.changes() if c.remote_id})

    with patch.object(undoing._Undo, "_look", nothing):
        yield


@contextmanager
def undo_in_canonical_form() -> Iterator[None]:
    """An undo writes values as the hub would, not as they stood."""
    with patch.object(undoing, "restore", lambda lens, values, raw, images: lens.put(values, {}, raw)):
        yield


@contextmanager
def archiving_buries() -> Iterator[None]:
    """A record that is gone when its archiving is repeated was deleted by a person."""
    with patch.object(settle, "_archived", lambda item, outcome: outcome):
        yield


ALL: dict[str, Mutant] = {
    f.__name__: f
    for f in (
        no_echo,
        no_attempt_row,
        blind_create,
        retry_in_doubt,
        doubt_is_forgotten,
        delete_beats_edit,
        no_tombstone,
        telling_before_hearing,
        looking_without_hearing,
        consent_by_newest,
        consent_is_told_once,
        gone_while_in_doubt,
        blanks_are_erasures,
        newest_wins,
        aliases_are_ignored,
        answers_swallow_edits,
        merges_are_deletions,
        undo_is_told,
        undo_in_doubt_is_told,
        undo_of_what_others_changed,
        undo_without_a_look,
        undo_in_canonical_form,
        archiving_buries,
    )
}

SURVIVES: dict[str, str] = {}
"""Mutants that nothing catches, each with the reason."""
