"""Runs migrations. A module of its own, as the library behind it takes long to load and is seldom needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from hub.store import schema

HEAD = "head"


def alembic_config(conn: Connection | None = None, told: Callable[[str], None] | None = None) -> Config:
    """Alembic's settings, made here so that no file has to be found at run time. `told` hears each version that was
    reached."""

    def applied(*, step: Any, **_: Any) -> None:
        if told is not None:
            told(str(step.up_revision_id))

    config = Config()
    config.set_main_option("script_location", "hub.store:migrations")
    config.set_main_option("version_locations", str(schema.FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    config.attributes["applied"] = applied
    return config


def migrate(conn: Connection, revision: str = HEAD, told: Callable[[str], None] | None = None) -> None:
    """Brings the schema to that version, inside the transaction of `conn`."""
    command.upgrade(alembic_config(conn, told), revision)
