"""The schema's history, for alembic. `hub.store.database.Database.upgrade` runs it."""
