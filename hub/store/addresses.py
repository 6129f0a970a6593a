"""Addresses in SQL: the three columns that many tables share."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.keys import Address
from hub.store.dialect import given

ID_MAX = 500
"""The most characters a remote id may have: an index entry has to fit a page."""


def in_order(addresses: Iterable[Address]) -> list[Address]:
    """The distinct addresses, sorted, so that neighbours meet on the same pages."""
    return sorted(set(addresses), key=attrgetter("connection", "stream", "remote_id"))


def storable(remote_id: str) -> bool:
    """Whether a store can hold this id: not empty, not longer than `ID_MAX`, without NUL (PostgreSQL has no room for
    that in text)."""
    return 0 < len(remote_id) <= ID_MAX and "\0" not in remote_id


def wanted(conn: AsyncConnection, addresses: Iterable[Address]) -> FromClause:
    """A table of these addresses, to join with."""
    distinct = in_order(addresses)
    return given(
        conn,
        "wanted",
        {
            "connection": [a.connection for a in distinct],
            "stream": [a.stream for a in distinct],
            "remote_id": [a.remote_id for a in distinct],
        },
    )


def same(left: Any, right: Any) -> ColumnElement[bool]:
    """The rows of two tables are about one address."""
    return and_(
        left.c.connection == right.c.connection, left.c.stream == right.c.stream, left.c.remote_id == right.c.remote_id
    )


def at(table: Any, address: Address) -> ColumnElement[bool]:
    return and_(
        table.c.connection == address.connection,
        table.c.stream == address.stream,
        table.c.remote_id == address.remote_id,
    )


def at_bound(table: Any) -> ColumnElement[bool]:
    """The row whose address comes by the parameters of `bound`: for a statement that runs once per address."""
    return and_(
        table.c.connection == bindparam("a_connection"),
        table.c.stream == bindparam("a_stream"),
        table.c.remote_id == bindparam("a_remote_id"),
    )


def bound(address: Address, **more: Any) -> dict[str, Any]:
    return {
        "a_connection": address.connection,
        "a_stream": address.stream,
        "a_remote_id": address.remote_id,
        **more,
    }
