"""A document without some of its fields: they are neither read nor written, and what people said of them stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b

from hub.domain.policy import Direction, FieldPolicy, StreamPolicy, Weight
from mappings.clauses import Document

CONSENT = "consent."


def narrowed(document: Document, names: Collection[str]) -> Document:
    """The document without the fields `names`, `consent.<channel>` included; names that it doesn't hold are passed by.

    The policy keeps the fields, as ones that are only read: what people there said of them before counts as it did.
    Where one of them is needed to create records, none are created. The hash differs from the whole document's.
    """
    dropped = frozenset(names) & document.policy.fields.keys()
    if not dropped:
        return document
    return replace(
        document,
        hash=blake2b(" ".join([document.hash, *sorted(dropped)]).encode(), digest_size=16).hexdigest(),
        policy=_policy(document.policy, dropped),
        fields=tuple(field for field in document.fields if field.name not in dropped),
        consent=tuple(doc for doc in document.consent if CONSENT + doc.channel not in dropped),
    )


def _policy(policy: StreamPolicy, dropped: frozenset[str]) -> StreamPolicy:
    needed = {policy.create_key, *policy.create_requires}
    return replace(
        policy,
        fields={name: _silent(field) if name in dropped else field for name, field in policy.fields.items()},
        creates=policy.creates and not needed & dropped,
        grants=tuple(channel for channel in policy.grants if CONSENT + channel not in dropped),
    )


def _silent(field: FieldPolicy) -> FieldPolicy:
    """A field that is not written. One in which people there have no say must not get one by this."""
    weight = field.weight if field.direction.reads else Weight.NEVER
    return replace(field, direction=Direction.IN, weight=weight)
