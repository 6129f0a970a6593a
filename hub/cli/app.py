"""The program: its commands, and the one place where errors become texts and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from hub import __version__, clock, logs, settings, traces
from hub.cli import INTERRUPTED
from hub.cli.options import home_said
from hub.cli.screen import err, fail, plain_lines, print_json
from hub.errors import HubError
from hub.store import schema
from hub.traces import Tracing

ROOMS: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "play": ("sandbox", "simulate"),
    "setup": ("init", "settings", "doctor"),
    "work": ("sync", "plan", "verify", "backfill"),
    "serving": ("up", "worker"),
    "web": ("web",),
    "edits": ("apply", "mappings"),
    "undoing": ("undo",),
    "looking": ("status", "runs", "explain"),
    "alerts": ("alerts",),
    "quota": ("quota",),
    "schedule": ("schedule",),
    "exporting": ("export",),
    "connections": ("connections",),
    "consent": ("consent",),
    "issues": ("issues",),
    "database": ("db",),
    "keys": ("keys",),
}
"""The modules beside this one, in the order in which their commands are listed, and what each registers. Only the one
that is asked for is loaded: all of them take a second more."""


def program(rooms: Iterable[str] = ROOMS) -> typer.Typer:
    """The program with the commands of these rooms."""
    app = typer.Typer(
        name="hub",
        help="Keeps the contacts and campaigns of a marketing stack in agreement.",
        epilog="Exit codes: 0 fine, 1 failed, 2 differences found, 3 needs a person.",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for room in rooms:
        import_module(f"hub.cli.{room}").register(app)
    return app


def rooms_of(arguments: Sequence[str]) -> Sequence[str]:
    """Where the command of this line lives: every room when it names none that there is."""
    words = iter(arguments)
    for word in words:
        if word == "--home":
            next(words, None)
        elif not word.startswith("-"):
            return [room for room, commands in ROOMS.items() if word in commands] or [*ROOMS]
    return [] if "--version" in arguments else [*ROOMS]


def root(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option("--home", help="The hub's folder (default: HUB_HOME, or here).")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the release and its schema version.")] = False,
) -> None:
    """Keeps the contacts and campaigns of a marketing stack in agreement."""
    if version:
        typer.echo(f"hub {__version__}, schema {schema.release()}")
        raise typer.Exit(0)
    home_said.set(home)
    said = settings.load()
    logs.start(said.log_level, said.log_format, clock.now)
    if context.invoked_subcommand is not None and traces.start() is Tracing.NOT_INSTALLED:
        err().print("traces are asked for and not installed: pip install 'martech-hub[otel]'", style="yellow")
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(0)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; answers its exit code. Never raises for what a person may cause."""
    as_json = "--json" in arguments
    try:
        code = typer.main.get_command(program(rooms_of(arguments))).main(
            list(arguments), prog_name="hub", standalone_mode=False
        )
        return int(code or 0)
    except HubError as error:
        return fail(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        err().print("stopped; what was done is kept, and the same command goes on from there", style="yellow")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error, as_json=as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        return fail(error, as_json=as_json)
    finally:
        traces.stop()


def _misused(error: typer.TyperException, *, as_json: bool) -> int:
    """A command line that makes no sense: exit code 1, since 2 means that differences were found."""
    said = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "hub"
    mend = f"see `{path} --help`"
    if as_json:
        print_json({"ok": False, "error": {"kind": "Usage", "message": said, "mend": mend, "complaints": []}})
    else:
        err().print(Text.assemble(("error: ", "bold red"), plain_lines(said)))
        err().print(Text.assemble(("mend:  ", "bold green"), mend))
    return 1


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the `hub` script."""
    raise SystemExit(run(sys.argv[1:] if arguments is None else arguments))
