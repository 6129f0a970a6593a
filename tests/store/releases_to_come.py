"""Releases that are still to come: the migrations there are, and made-up ones behind them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from hub.store import schema

Become: TypeAlias = Callable[..., None]
"""Makes this process one of the release with so many of the made-up steps."""

STEP = '''"""{makes}"""

import sqlalchemy as sa
from alembic import op

revision = "{version}"
down_revision = "{before}"
branch_labels = None
depends_on = None
PHASE = "{phase}"


def upgrade() -> None:
    {does}


def downgrade() -> None:
    pass
'''
ADDS = 'op.add_column("pins", sa.Column("colour", sa.String(), nullable=False, server_default="red"))'
TAKES = 'op.drop_column("pins", "why")'
ADDS_MORE = 'op.create_table("moods", sa.Column("name", sa.String(), primary_key=True))'
TO_COME = (
    ("9001", "pre", "A colour for pins.", ADDS),
    ("9002", "post", "Pins without a reason.", TAKES),
    ("9003", "pre", "Moods.", ADDS_MORE),
)


@pytest.fixture
def become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Become]:
    """`become(2)`: from here on this process is of the release that has the first two steps to come; `become(0)`: of
    this release again."""
    ours = schema.FOLDER

    def steps(number: int) -> None:
        folder = tmp_path / f"versions-{number}"
        if not folder.exists():
            shutil.copytree(ours, folder, ignore=shutil.ignore_patterns("__pycache__"))
            before = [match[1] for path in ours.iterdir() if (match := schema.FILE.fullmatch(path.name))]
            for version, phase, makes, does in TO_COME[:number]:
                text = STEP.format(version=version, before=max(before), phase=phase, makes=makes, does=does)
                (folder / f"v{version}_made_up.py").write_text(text)
                before.append(version)
        monkeypatch.setattr(schema, "FOLDER", folder)
        schema.migrations.cache_clear()

    yield steps
    monkeypatch.undo()
    schema.migrations.cache_clear()
