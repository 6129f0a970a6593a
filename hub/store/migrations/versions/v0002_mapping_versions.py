"""Versions of mapping documents, plans of edits, and what is to be read again after one was published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
PHASE = "post"


def upgrade() -> None:
    # What an edit touches is found when it is published; nothing is due because of a document's hash any more.
    op.drop_column("tellings", "epoch")
    op.create_table(
        "mapping_versions",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("published_at", sa.String(), nullable=True),
        sa.Column("plan", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_mapping_versions")),
    )
    op.create_index("ix_mapping_versions_state", "mapping_versions", ["state", "name"], unique=False)
    op.create_table(
        "mapping_plans",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("bases", sa.Text(), nullable=False),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_mapping_plans")),
    )
    op.create_table(
        "rereadings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("to_version", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rereadings")),
    )


def downgrade() -> None:
    op.drop_table("rereadings")
    op.drop_table("mapping_plans")
    op.drop_table("mapping_versions")
    op.add_column("tellings", sa.Column("epoch", sa.String(), nullable=False, server_default=""))
