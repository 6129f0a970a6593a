"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
PHASE = "pre"

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("op", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("expect", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_entity_id"), "attempts", ["entity_id"], unique=False)
    op.create_index(op.f("ix_attempts_run_id"), "attempts", ["run_id"], unique=False)
    op.create_index(
        "ix_attempts_unsettled",
        "attempts",
        ["connection", "stream"],
        unique=False,
        sqlite_where=sa.text("state IN ('open', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('open', 'in_doubt')"),
    )
    op.create_table(
        "changes",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_entity_id"), "changes", ["entity_id"], unique=False)
    op.create_table(
        "connections",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connections")),
    )
    op.create_table(
        "cursors",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("at", sa.String(), nullable=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=True),
        sa.Column("walk", sa.Integer(), nullable=False),
        sa.Column("walk_full", sa.Boolean(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=True),
        sa.Column("finished_at", sa.String(), nullable=True),
        sa.Column("full_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", "lane", name=op.f("pk_cursors")),
    )
    op.create_table(
        "discoveries",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_discoveries")),
    )
    op.create_table(
        "facts",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("known_from", sa.String(), nullable=False),
        sa.Column("known_to", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("impressions", sa.BigInteger(), nullable=True),
        sa.Column("clicks", sa.BigInteger(), nullable=True),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("conversions", sa.Float(), nullable=True),
        sa.Column("value_minor", sa.BigInteger(), nullable=True),
        sa.Column("sends", sa.BigInteger(), nullable=True),
        sa.Column("opens", sa.BigInteger(), nullable=True),
        sa.Column("unsubscribes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", "campaign_ref", "day", "known_from", name=op.f("pk_facts")),
    )
    op.create_index("ix_facts_day", "facts", ["day"], unique=False)
    op.create_table(
        "golden",
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("merged_into", sa.String(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_golden")),
    )
    op.create_index("ix_golden_due", "golden", ["entity", "entity_id", "state", "rev"], unique=False)
    op.create_index("ix_golden_entity_state", "golden", ["entity", "state"], unique=False)
    op.create_table(
        "hub_statements",
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("statements", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "channel", name=op.f("pk_hub_statements")),
    )
    op.create_table(
        "issues",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dedupe", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issues")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_issues_dedupe")),
    )
    op.create_index("ix_issues_address", "issues", ["connection", "stream", "remote_id"], unique=False)
    op.create_index("ix_issues_state", "issues", ["state"], unique=False)
    op.create_table(
        "keyring",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keyring")),
    )
    op.create_table(
        "link_keys",
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "key", "connection", "stream", "remote_id", name=op.f("pk_link_keys")),
    )
    op.create_index("ix_link_keys_address", "link_keys", ["connection", "stream", "remote_id"], unique=False)
    op.create_table(
        "links",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("echo", sa.Text(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("statements", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("in_scope", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "remote_id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_entity_id"), "links", ["entity_id"], unique=False)
    op.create_table(
        "observations",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("modified_at", sa.String(), nullable=True),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.String(), nullable=True),
        sa.Column("aliases", sa.Text(), nullable=True),
        sa.Column("walk", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "remote_id", name=op.f("pk_observations")),
    )
    op.create_index(
        "ix_observations_unheard",
        "observations",
        ["connection", "stream", "remote_id"],
        unique=False,
        sqlite_where=sa.text("revision > heard AND NOT parked"),
        postgresql_where=sa.text("revision > heard AND NOT parked"),
    )
    op.create_table(
        "pins",
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "field", name=op.f("pk_pins")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "tellings",
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("retry_at", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "connection", "stream", name=op.f("pk_tellings")),
    )


def downgrade() -> None:
    op.drop_table("tellings")
    op.drop_table("settings")
    op.drop_table("secrets")
    op.drop_index("ix_runs_started_at", table_name="runs")
    op.drop_table("runs")
    op.drop_table("pins")
    op.drop_index(
        "ix_observations_unheard",
        table_name="observations",
        sqlite_where=sa.text("revision > heard AND NOT parked"),
        postgresql_where=sa.text("revision > heard AND NOT parked"),
    )
    op.drop_table("observations")
    op.drop_index(op.f("ix_links_entity_id"), table_name="links")
    op.drop_table("links")
    op.drop_index("ix_link_keys_address", table_name="link_keys")
    op.drop_table("link_keys")
    op.drop_table("keyring")
    op.drop_index("ix_issues_state", table_name="issues")
    op.drop_index("ix_issues_address", table_name="issues")
    op.drop_table("issues")
    op.drop_table("hub_statements")
    op.drop_index("ix_golden_entity_state", table_name="golden")
    op.drop_index("ix_golden_due", table_name="golden")
    op.drop_table("golden")
    op.drop_index("ix_facts_day", table_name="facts")
    op.drop_table("facts")
    op.drop_table("discoveries")
    op.drop_table("cursors")
    op.drop_table("connections")
    op.drop_index(op.f("ix_changes_entity_id"), table_name="changes")
    op.drop_table("changes")
    op.drop_index(
        "ix_attempts_unsettled",
        table_name="attempts",
        sqlite_where=sa.text("state IN ('open', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('open', 'in_doubt')"),
    )
    op.drop_index(op.f("ix_attempts_run_id"), table_name="attempts")
    op.drop_index(op.f("ix_attempts_entity_id"), table_name="attempts")
    op.drop_table("attempts")
