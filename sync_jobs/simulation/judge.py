"""The judge: holds what people did against what the systems hold. It shares no code with the engine."""

from __future__ import annotations

from collections import Counter

from hub.store import golden
from sync_jobs.hub import Hub
from sync_jobs.simulation.people import TEXTS, Crowd, Word
from sync_jobs.simulation.stage import Stage
from sync_jobs.verify import Verification

REMOTE = {canonical: remote for remote, canonical in TEXTS.items()}


async def judge(stage: Stage, crowd: Crowd, second_writes: int, quiet: bool, verified: Verification) -> list[str]:
    """Every law that was broken, in words; none when all is well."""
    assert stage.hub is not None
    found = [] if quiet else ["it never became quiet"]
    if second_writes:
        found.append(f"the second run wrote {second_writes} times")
    if verified.differ:
        found.append(f"verify finds {verified.differ} records that differ: {verified.reasons}")
    found += _duplicates(stage)
    found += _consent(stage, crowd)
    found += await _people(stage.hub, crowd)
    found += _words(stage, crowd)
    return found


def _duplicates(stage: Stage) -> list[str]:
    """Two living records of one address in one vendor, one of them made by the hub after the other."""
    found = []
    for name, vendor in stage.vendors.items():
        made = {remote_id for op, remote_id in vendor.log if op == "create"}
        by_email: dict[str, list[str]] = {}
        for remote_id in vendor.ids():
            person = vendor.get(remote_id) or {}
            by_email.setdefault(str(person.get("email") or "").strip().casefold(), []).append(remote_id)
        found += [
            f"{name} has {len(ids)} records of {email}, {sorted(made & set(ids))} made by the hub"
            for email, ids in by_email.items()
            if len(ids) > 1 and made & set(ids)
        ]
    return found


def _consent(stage: Stage, crowd: Crowd) -> list[str]:
    found = []
    for name, vendor in stage.vendors.items():
        for remote_id in vendor.ids():
            person = vendor.get(remote_id) or {}
            if crowd.vendor_email(name, remote_id) in crowd.truth.denied and not person.get("opted_out"):
                found.append(f"{name} {remote_id} is not opted out, though the person is")
    return found


async def _people(hub: Hub, crowd: Crowd) -> list[str]:
    """One golden person per address."""
    addresses: Counter[str] = Counter()
    async with hub.database.read() as conn:
        async for batch in golden.each(conn, "contact", 1000):
            addresses.update(str(g.values.get("email")) for g in batch)
    return [f"{n} golden records of {email}" for email, n in addresses.items() if n > 1 and email != "None"]


def _words(stage: Stage, crowd: Crowd) -> list[str]:
    """The winner among people's last words holds in every system. Where somebody blanked the field, or a word may
    have gone unread, only this is asked: what holds is something that a person said."""
    found = []
    ranks = {name: rank for rank, name in enumerate(stage.vendors)}
    for email in sorted({w.email for w in crowd.truth.words}):
        for canonical in TEXTS.values():
            words = [w for w in crowd.truth.words if w.email == email and w.field == canonical]
            held = {n: _held(stage, n, email, canonical) for n in stage.vendors if stage.vendors[n].find(email)}
            if not words or not held:
                continue
            said = {_plain(w.value) for w in words} | {""}
            strange = {n: v for n, v in held.items() if _plain(v) not in said}
            if strange:
                found.append(f"{email} {canonical}: {strange} was said by nobody")
            if (email, canonical) in crowd.truth.unsure or any(w.value is None for w in words):
                continue
            words = _outlived(stage, words)
            winner = _plain(min(_last(words), key=lambda w: (ranks[w.connection], -_order(words, w))).value)
            wrong = {n: v for n, v in held.items() if _plain(v) != winner}
            if wrong:
                found.append(f"{email} {canonical}: {winner} should hold everywhere, but {wrong}")
    return found


def _outlived(stage: Stage, words: list[Word]) -> list[Word]:
    """Without the words of records that are gone and about which a living record has said something newer."""
    alive = {(n, i) for n, vendor in stage.vendors.items() for i in vendor.ids()}
    alive |= {
        (n, old) for n, vendor in stage.vendors.items() for old, new in vendor.aliases.items() if (n, new) in alive
    }
    newest = max((w.at for w in words if (w.connection, w.remote_id) in alive), default="")
    return [w for w in words if (w.connection, w.remote_id) in alive or w.at >= newest]


def _last(words: list[Word]) -> list[Word]:
    """The last word of every record."""
    last = {(w.connection, w.remote_id): w for w in words}
    return list(last.values())


def _order(words: list[Word], word: Word) -> int:
    return words.index(word)


def _held(stage: Stage, connection: str, email: str, canonical: str) -> object:
    vendor = stage.vendors[connection]
    person = vendor.get(vendor.find(email) or "") or {}
    return person.get(REMOTE[canonical])


def _plain(value: object) -> str:
    return str(value or "").strip().casefold()
