"""Whether an entity lives: deletions and revivals, read from what was heard in one go.

Edit beats delete: a deletion heard together with news from another copy makes the record anew. A tombstone lasts until
a person makes the record again or changes a copy that was left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub.domain.golden import GoldenState
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.policy import OnGone


@dataclass(frozen=True, slots=True)
class Fate:
    """The links with their new states, what becomes of the entity, and the deletions that a person must judge."""

    links: tuple[Link, ...]
    state: GoldenState
    asks: tuple[Address, ...] = ()


def fate(
    state: GoldenState,
    links: Sequence[Link],
    gone: Mapping[Address, OnGone],
    news: frozenset[Address],
    made_anew: bool,
) -> Fate:
    """`gone`: links of this entity whose remote record was seen deleted just now, with the policy there.
    `news`: links that brought news just now. `made_anew`: a person made a record of this entity that was not linked
    before."""
    alive_news = bool(news - gone.keys()) or made_anew
    if not gone:
        lives = state is GoldenState.BURIED and alive_news
        return Fate(tuple(links), GoldenState.LIVE if lives else state)
    asks: list[Address] = []
    buried = state is GoldenState.BURIED and not alive_news
    after: list[Link] = []
    for link in links:
        policy = gone.get(link.address)
        if policy is None or link.state is not LinkState.LIVE:
            after.append(link)
            continue
        if policy is OnGone.ASK:
            asks.append(link.address)
        if policy is OnGone.BURY and alive_news:
            after.append(replace(link, state=LinkState.GONE))
        elif policy is OnGone.BURY:
            after.append(replace(link, state=LinkState.GONE))
            buried = buried or not _another_copy_here(link, links, gone)
        else:
            after.append(replace(link, state=LinkState.UNLINKED))
    return Fate(tuple(after), GoldenState.BURIED if buried else GoldenState.LIVE, tuple(asks))


def _another_copy_here(link: Link, links: Sequence[Link], gone: Mapping[Address, OnGone]) -> bool:
    """A duplicate that was deleted while its twin in the same stream lives says nothing about the person."""
    return any(
        k.address != link.address
        and k.address.connection == link.address.connection
        and k.address.stream == link.address.stream
        and k.state is LinkState.LIVE
        and k.address not in gone
        for k in links
    )
