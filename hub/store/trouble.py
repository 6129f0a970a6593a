"""Trouble with the store itself (gone, locked, full, no database at all), in words for its operator."""

from __future__ import annotations

import errno
from socket import EAI_AGAIN, gaierror
from ssl import SSLError

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.errors import HubError

MENDS = {
    "database is locked": "another process is writing for long; stop it, or try again when it is done",
    "readonly database": "give the hub's user the right to write to the home and to every file in it",
    "unable to open database file": "check that the home exists and that the hub's user may enter it",
    "disk is full": "make room on the disk; nothing that was committed is lost",
    "not a database": "the file is no SQLite database: restore hub.db from a backup",
    "malformed": "the file is damaged: restore hub.db from a backup",
    "password authentication failed": "the password in HUB_DATABASE_URL, PGPASSWORD or ~/.pgpass is not this role's",
    "does not exist": "make the role or the database that HUB_DATABASE_URL names, or name the right one",
    "too many": "give PostgreSQL more max_connections, or run fewer processes: each may hold 16",
    "permission denied": "let the role own the database's schema `public`, at least where `hub db upgrade` runs",
    "read-only transaction": "the database takes no writes: if HUB_DATABASE_URL names a standby, name the primary",
    "was in use": "is PostgreSQL slow, or waiting for a lock? Let this process do less at once (HUB_WORKER_JOBS)",
    "deadlock detected": "nothing was changed by it: workers try again by themselves; a command is to be run again",
    "starting up": "wait: PostgreSQL is starting",
    "Name or service not known": "the host that HUB_DATABASE_URL names has no address: is it right?",
    "No such file": "HUB_DATABASE_URL names a certificate, or the folder of a socket, that is not there",
    "CERTIFICATE": "the server's certificate is not one that sslmode and sslrootcert in HUB_DATABASE_URL accept",
    "SSL upgrade": "the server speaks no TLS, and sslmode in HUB_DATABASE_URL (or PGSSLMODE) wants it",
}
AWAY = ("08", "25006", "28", "3D000", "40P01", "42501", "53", "57P")
"""How SQLSTATE begins where PostgreSQL is gone, going, coming, full, a standby, does not let the hub in, or ended one
of two transactions that waited for each other."""
PASSING = ("08", "57P")
"""How SQLSTATE begins where a connection was cut, or PostgreSQL starts or stops."""
UNREACHED = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOENT}
OTHERWISE = "check HUB_DATABASE_URL, and that the database runs and lets the hub in"


def meaning(error: BaseException) -> HubError | None:
    """The error for an operator, when it is the store's surroundings that failed; None when it is anything else (a
    statement that is wrong is a defect). Statements and their parameters are never quoted."""
    if isinstance(error, OperationalError | InterfaceError) or _away(error):
        said = str(getattr(error, "orig", error)).strip().split("\n")[0].rpartition("'>: ")[2]
    elif isinstance(error, DatabaseError) and any(text in str(error.orig) for text in ("not a database", "malformed")):
        said = str(error.orig)
    elif isinstance(error, ConnectionError | TimeoutError | gaierror | SSLError) or _unreached(error):
        said = getattr(error, "strerror", None) or str(error) or "no answer"
    elif isinstance(error, PoolTimeout):
        said = "every connection of this process was in use for half a minute"
    else:
        return None
    mend = next((mend for text, mend in MENDS.items() if text in said), OTHERWISE)
    return HubError(f"the store cannot be used: {said}", mend=mend)


def passing(error: BaseException) -> bool:
    """Whether the store is just coming or going: a server that starts, stops, or isn't there yet. What an operator has
    to mend (a password, a name, a right) doesn't pass."""
    if isinstance(error, ConnectionError | TimeoutError) or _unreached(error):
        return True
    if isinstance(error, gaierror):
        return error.errno == EAI_AGAIN
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return isinstance(error, InternalError) if state is None else str(state).startswith(PASSING)


def _unreached(error: BaseException) -> bool:
    """No way to the server: its machine or the network is down, its socket isn't there, or none of several addresses of
    it answers (asyncio tells these together, without a number). What a file could not do names the file."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    return error.errno in UNREACHED or (error.errno is None and str(error).startswith("Multiple exceptions: "))


def _away(error: BaseException) -> bool:
    """SQLAlchemy has no kind of its own for these errors of asyncpg. One that no server raised is asyncpg's own
    confusion over a connection that is just being cut."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    if state is None:
        return isinstance(error, InternalError)
    return isinstance(state, str) and state.startswith(AWAY)
