"""Which modules a command line loads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer

from hub.cli.app import ROOMS, program, rooms_of
from tests.cli.conftest import Hub


def names(made: typer.Typer) -> list[str]:
    command: Any = typer.main.get_command(made)
    return list(command.commands) if hasattr(command, "commands") else []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_registers_what_the_table_says(room: str) -> None:
    assert set(names(program([room]))) == set(ROOMS[room])


@pytest.mark.parametrize(
    ("line", "rooms"),
    [
        ("status --json", ["looking"]),
        ("--home /srv/status sync crm", ["work"]),
        ("--home=/srv/hub db check", ["database"]),
        ("mappings plan crm/contacts", ["edits"]),
        ("--version", []),
        ("--help", [*ROOMS]),
        ("", [*ROOMS]),
        ("statsu", [*ROOMS]),
        ("--home", [*ROOMS]),
    ],
)
def test_a_line_asks_for_its_own_room_and_one_that_names_none_for_all(line: str, rooms: list[str]) -> None:
    assert list(rooms_of(line.split())) == rooms


def test_an_unknown_command_is_answered_with_one_that_there_is(hub: Hub) -> None:
    said = hub("statsu")
    assert said.code == 1
    assert "status" in said.err


def test_help_lists_every_command(hub: Hub) -> None:
    shown = hub("--help").out
    assert [c for commands in ROOMS.values() for c in commands if f" {c} " not in shown] == []


def test_what_a_command_does_not_need_is_not_loaded() -> None:
    """Loading is most of what a small command takes."""
    code = "import sys; from hub.cli.app import program, rooms_of; program(rooms_of(['status'])); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"alembic", "arq", "redis", "starlette", "uvicorn", "prometheus_client", "hypothesis"}
    assert heavy.isdisjoint(loaded)
