"""Alembic runs this file: it migrates over the connection that `Database.upgrade` hands in, inside its transaction."""

from __future__ import annotations

from alembic import context

from hub.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("migrations run through hub.store.database.Database.upgrade")
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    on_version_apply=context.config.attributes.get("applied"),
)
with context.begin_transaction():
    context.run_migrations()
