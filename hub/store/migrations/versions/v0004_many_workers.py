"""Schedules, circuits, hints, quotas, alerts and what else many workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
PHASE = "pre"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("lane", sa.String(), nullable=False, server_default="live"))
    op.add_column("tellings", sa.Column("wanted", sa.Integer(), nullable=False, server_default=sa.text("-2147483648")))
    behind = sa.text("rev < wanted")
    op.create_index(
        "ix_tellings_due",
        "tellings",
        ["connection", "stream", "entity_id"],
        sqlite_where=behind,
        postgresql_where=behind,
    )
    op.create_table(
        "sinks",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_sinks")),
    )
    op.create_index("ix_attempts_opened_at", "attempts", ["opened_at", "id"], unique=False)
    op.add_column("cursors", sa.Column("moved_at", sa.String(), nullable=True))
    op.add_column("cursors", sa.Column("not_before", sa.String(), nullable=True))
    op.add_column("cursors", sa.Column("total", sa.Integer(), nullable=True))
    op.create_index("ix_runs_job", "runs", ["job", "connection", "started_at"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("every", sa.Integer(), nullable=True),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("hours", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_schedules")),
    )
    op.create_table(
        "circuits",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_circuits")),
    )
    op.create_table(
        "hints",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "remote_id", name=op.f("pk_hints")),
    )
    op.create_table(
        "passes",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_passes")),
    )
    op.create_table(
        "consent_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("heard_at", sa.String(), nullable=False),
        sa.Column("written_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_changes")),
    )
    still = sa.text("written_at IS NULL")
    op.create_index(
        "ix_consent_changes_open", "consent_changes", ["entity_id"], sqlite_where=still, postgresql_where=still
    )
    op.create_index("ix_consent_changes_written_at", "consent_changes", ["written_at"], unique=False)
    op.create_table(
        "verified",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("asked_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", "remote_id", name=op.f("pk_verified")),
    )
    doubted = sa.text("hash IS NOT NULL")
    op.create_index(
        "ix_verified_doubted",
        "verified",
        ["connection", "stream", "remote_id"],
        sqlite_where=doubted,
        postgresql_where=doubted,
    )
    op.create_table(
        "call_counts",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("hour", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "bucket", "hour", "lane", name=op.f("pk_call_counts")),
    )
    op.create_table(
        "meters",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_meters")),
    )
    op.create_table(
        "alerts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("mend", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("told_began_at", sa.String(), nullable=True),
        sa.Column("told_ended_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key", "began_at", name=op.f("pk_alerts")),
    )
    unended = sa.text("ended_at IS NULL")
    op.create_index("ix_alerts_open", "alerts", ["key"], unique=True, sqlite_where=unended, postgresql_where=unended)
    op.create_table(
        "volumes",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", "hour", name=op.f("pk_volumes")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )


def downgrade() -> None:
    for table in (
        *("volumes", "workers", "alerts", "meters", "call_counts", "verified", "consent_changes"),
        *("passes", "hints", "circuits", "schedules", "sinks"),
    ):
        op.drop_table(table)
    op.drop_index("ix_runs_job", "runs")
    op.drop_index("ix_attempts_opened_at", "attempts")
    op.drop_index("ix_tellings_due", "tellings")
    op.drop_column("tellings", "wanted")
    op.drop_column("cursors", "total")
    op.drop_column("cursors", "not_before")
    op.drop_column("cursors", "moved_at")
    op.drop_column("attempts", "lane")
