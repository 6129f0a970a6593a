"""Trouble with the store itself (gone, locked, full, no database at all), in words for its operator."""

from __future__ import annotations

from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError

from hub.errors import HubError

MENDS = {
    "database is locked": "another process is writing for long; stop it, or try again when it is done",
    "readonly database": "give the hub's user the right to write to the home and to every file in it",
    "unable to open database file": "check that the home exists and that the hub's user may enter it",
    "disk is full": "make room on the disk; nothing that was committed is lost",
    "not a database": "the file is no SQLite database: restore hub.db from a backup",
    "malformed": "the file is damaged: restore hub.db from a backup",
}
OTHERWISE = "check HUB_DATABASE_URL, and that the database runs and lets the hub in"


def meaning(error: BaseException) -> HubError | None:
    """The error for an operator, when it is the store's surroundings that failed; None when it is anything else (a
    statement that is wrong is a defect). Statements and their parameters are never quoted."""
    if isinstance(error, OperationalError | InterfaceError):
        said = str(error.orig).strip().split("\n")[0]
    elif isinstance(error, DatabaseError) and any(text in str(error.orig) for text in ("not a database", "malformed")):
        said = str(error.orig)
    elif isinstance(error, ConnectionError | TimeoutError):
        said = error.strerror or "no answer" if isinstance(error, OSError) else "no answer"
    else:
        return None
    mend = next((mend for text, mend in MENDS.items() if text in said), OTHERWISE)
    return HubError(f"the store cannot be used: {said}", mend=mend)
