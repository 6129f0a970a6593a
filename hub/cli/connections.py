"""`hub connections ...`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, Yes, inside
from hub.cli.screen import answer, err, plain
from hub.errors import BadInput
from hub.operations import connections as operations
from hub.operations import forms
from hub.sdk.connector import Secret
from hub.sdk.streams import FieldInfo

app = typer.Typer(help="The accounts the hub is connected to.", no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="connections")


BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="A sandbox or a proxy instead of the vendor; for csv, the folder.")
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be repeated.")]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="NAME=-",
        help="A secret from stdin (-) or a file (@PATH). Better: HUB_<CONNECTION>_<SECRET>, or be asked.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How you want to call it, e.g. crm.")],
    connector: Annotated[
        str, typer.Option("--connector", "-c", help="Which vendor: see `hub connections connectors`.")
    ],
    base_url: BaseUrl = None,
    settings: Settings = None,
    secrets: Secrets = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Connect an account. It begins read-only: see what would be written with `hub plan`."""
    said = _secrets(secrets or [])
    given = forms.pairs(settings or [], "--set")
    shown = inside(
        home,
        lambda hub: operations.add(hub, name, connector, base_url=base_url, settings=given, secrets=said, ask=_ask),
    )
    answer(shown, _added, as_json=as_json)


def _secrets(said: Sequence[str]) -> dict[str, str]:
    """`-` reads stdin: all of it for one secret, a line each for several. `@PATH` reads a file. A secret in the
    command itself works and is warned of: it stays in the shell's history and in the list of processes."""
    found = forms.pairs(said, "--secret")
    piped = [name for name, value in found.items() if value == "-"]
    if piped:
        text = sys.stdin.read()
        values = [text.strip("\r\n")] if len(piped) == 1 else text.splitlines()
        if len(values) < len(piped) or not all(values[: len(piped)]):
            raise BadInput(
                f"stdin holds fewer secrets than were announced ({', '.join(piped)})", mend="one a line, in that order"
            )
        found.update(zip(piped, values, strict=False))
    for name, value in found.items():
        if name in piped:
            continue
        if value.startswith("@"):
            found[name] = forms.read_secret_file(value[1:], name)
        else:
            err().print(
                Text(f"the secret {name} was given in the command: it stays in the shell's history", style="yellow")
            )
    return found


def _ask(secret: Secret) -> str | None:
    """Asks in the terminal, without echo; nobody is asked when there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    optional = "" if secret.required else " (optional, Enter to leave out)"
    return getpass.getpass(f"{secret.title}{optional}: ", stream=sys.stderr) or None


def _added(shown: operations.ConnectionShown) -> RenderableType:
    return tables.stack(
        tables.line(("connected ", "green"), (shown.name, "bold"), f" ({shown.connector}), read-only"),
        *(tables.line(("warning: ", "yellow"), warning) for warning in shown.warnings),
        _webhook(shown.webhook),
        tables.line(
            "next: ",
            (f"hub connections check {shown.name}", "bold"),
            ", then ",
            ("hub sync", "bold"),
            ", ",
            ("hub plan", "bold"),
            ", and ",
            (f"hub connections allow-writes {shown.name}", "bold"),
        ),
    )


@app.command()
def change(
    name: Name,
    base_url: BaseUrl = None,
    settings: Settings = None,
    secrets: Secrets = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Change an address, settings or secrets; what is not said stays. For rotated tokens, too."""
    said = _secrets(secrets or [])
    given = forms.pairs(settings or [], "--set")
    shown = inside(home, lambda hub: operations.change(hub, name, base_url=base_url, settings=given, secrets=said))
    answer(shown, _changed, as_json=as_json)


def _changed(shown: operations.ConnectionShown) -> RenderableType:
    return tables.stack(
        tables.line(("changed ", "green"), (shown.name, "bold")),
        *(tables.line(("warning: ", "yellow"), warning) for warning in shown.warnings),
        tables.line("next: ", (f"hub connections check {shown.name}", "bold")),
    )


@app.command("list")
def list_(home: Home = None, as_json: AsJson = False) -> None:
    """The connections, their state and whether the hub may write there."""
    answer(inside(home, operations.all_), _listed, as_json=as_json)


def _listed(answered: operations.Connections) -> RenderableType:
    if not answered.connections:
        return tables.line("no connections yet; ", ("hub connections add NAME --connector CONNECTOR", "bold"))
    table = tables.table(
        *("connection", "connector", "state", "writes", "rank", "account", "base URL"),
        numbers=["rank"],
        names=("connection", "connector", "state", "writes"),
        spare=("base URL", "rank"),
    )
    for c in answered.connections:
        writes = Text("allowed", style="green") if c.writes else Text("read-only", style="yellow")
        state = tables.state(c.state)
        table.add_row(
            Text(c.name, style="bold"),
            c.connector,
            state,
            writes,
            str(c.rank),
            tables.text(c.account or "unchecked"),
            tables.text(c.base_url, "dim"),
        )
    why = [tables.line((f"{c.name}: ", "bold"), (plain(c.reason), "red")) for c in answered.connections if c.reason]
    return tables.stack(table, *why)


@app.command()
def show(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """One connection: its settings, the names of its secrets, where its webhooks go."""
    answer(inside(home, lambda hub: operations.shown(hub, name)), _shown, as_json=as_json)


def _shown(c: operations.ConnectionShown) -> RenderableType:
    rows: list[tuple[str, RenderableType | str]] = [
        ("connector", c.connector),
        ("base URL", c.base_url),
        ("state", tables.state(c.state)),
        *([("why", Text(plain(c.reason), style="red"))] if c.reason else []),
        ("writes", Text("allowed", style="green") if c.writes else Text("read-only", style="yellow")),
        ("rank", str(c.rank)),
        ("account", c.account or "unchecked"),
        *((f"setting {name}", plain(value)) for name, value in c.settings.items() if value not in (None, "", [])),
        ("secrets", ", ".join(c.secrets) or "none"),
    ]
    table = tables.table("webhooks at", "set up as", "opened by", "")
    for way in c.webhook.ways:
        ready = Text("open", style="green") if way.ready else Text("closed", style="dim")
        table.add_row(c.webhook.url or c.webhook.path, tables.text(way.setup), " or ".join(way.secrets), ready)
    closed = tables.line(
        "a secret opens them: ", (f"hub connections change {c.name} --secret {_first(c.webhook)}=-", "bold")
    )
    return tables.stack(tables.facts(rows), table, None if c.webhook.ready else closed)


def _first(webhook: operations.WebhookShown) -> str:
    return next((secret for way in webhook.ways for secret in way.secrets), "NAME")


def _webhook(webhook: operations.WebhookShown) -> RenderableType | None:
    if not webhook.ready:
        return None
    return tables.line("webhooks: ", (webhook.url or webhook.path, "bold"), ", taken by `hub web`")


@app.command()
def connectors(as_json: AsJson = False) -> None:
    """The connectors there are, with the settings and secrets they take."""
    answer(operations.catalogue(), _catalogue, as_json=as_json)


def _catalogue(answered: operations.Catalogue) -> RenderableType:
    parts = []
    for c in answered.connectors:
        streams = [f"{s} (read and write)" if s in c.sinks else s for s in c.streams]
        table = tables.table("--set", "means", "default")
        for setting in c.settings:
            name = Text(setting.name, style="bold").append(" *" if setting.required else "", style="yellow")
            table.add_row(name, tables.text(setting.means), tables.text(setting.default, "dim"))
        head = tables.line((c.name, "bold green"), f"  {c.title}, API {c.api_version}: {', '.join(streams)}")
        parts.append(Group(head, table) if c.settings else head)
    return tables.stack(*parts, tables.line(("* needed", "dim")))


@app.command()
def check(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Ask the vendor who we are there. Mends a broken connection's state when the answer is good."""
    answer(inside(home, lambda hub: operations.check(hub, name)), _checked, as_json=as_json)


def _checked(checked: operations.Checked) -> RenderableType:
    a = checked.account
    more = [("time zone", a.time_zone), ("currency", a.currency)]
    return tables.stack(
        tables.line((checked.connection, "bold"), (" answers as ", "green"), (a.title or a.key, "bold")),
        tables.facts([("account", a.key), *((n, v) for n, v in more if v)]),
    )


@app.command()
def discover(
    name: Name,
    stream: Annotated[str | None, typer.Argument(metavar="[STREAM]", help="Only this stream.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The fields that the vendor has now, for writing mapping documents."""
    answer(inside(home, lambda hub: operations.discover(hub, name, stream)), _discovered, as_json=as_json)


def _discovered(found: operations.Discovered) -> RenderableType:
    parts: list[RenderableType] = []
    for stream, fields in found.streams.items():
        table = tables.table("path", "title", "type", "may", "choices", title=f"{found.connection} · {stream}")
        for f in fields:
            table.add_row(
                Text(f.path, style="bold"),
                tables.text(f.title),
                f.type,
                _may(f),
                tables.text(", ".join(f.choices[:8]), "dim"),
            )
        parts.append(table if fields else tables.line((f"{stream}: the fields are fixed", "dim")))
    parts += [tables.line(("changed: ", "yellow"), plain(change)) for change in found.changes]
    return tables.stack(*parts)


def _may(f: FieldInfo) -> str:
    words = [("read", f.readable), ("create", f.creatable), ("update", f.updatable), ("unique", f.unique)]
    return " ".join([word for word, may in words if may] + (["required"] if f.required else []))


@app.command()
def pause(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Neither read nor write there until it is resumed."""
    answer(inside(home, lambda hub: operations.pause(hub, name)), _state, as_json=as_json)


@app.command()
def resume(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Go on with a paused or broken connection."""
    answer(inside(home, lambda hub: operations.resume(hub, name)), _state, as_json=as_json)


@app.command("allow-writes")
def allow_writes(
    name: Name,
    creates: Annotated[int, typer.Option(min=0, help="Let the next run make this many records.")] = 0,
    clears: Annotated[int, typer.Option(min=0, help="Let the next run blank this many fields.")] = 0,
    removes: Annotated[int, typer.Option(min=0, help="Let the next run remove this many records.")] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let the hub write there from the next sync on. See first what it would write: `hub plan NAME`.

    The brakes stop a run that would go far; --creates, --clears and --removes agree to more, for one run.
    """
    beyond = {"creates": creates, "clears": clears, "removes": removes}
    answer(
        inside(home, lambda hub: operations.set_writes(hub, name, True, beyond_brakes=beyond)), _state, as_json=as_json
    )


@app.command("deny-writes")
def deny_writes(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Make the connection read-only again."""
    answer(inside(home, lambda hub: operations.set_writes(hub, name, False)), _state, as_json=as_json)


def _state(shown: operations.ConnectionShown) -> RenderableType:
    writes = ("writes allowed", "green") if shown.writes else ("read-only", "yellow")
    return tables.line((shown.name, "bold"), " is ", (shown.state, tables.STATES[shown.state]), ", ", writes)


@app.command()
def remove(name: Name, yes: Yes = False, home: Home = None, as_json: AsJson = False) -> None:
    """Forget the account, its secrets and what was read there. Nothing changes at the vendor."""
    if not yes and not as_json:
        typer.confirm(f"Forget {name}, its secrets and what was read there?", abort=True, err=True)
    elif not yes:
        raise BadInput("removing asks first, and --json leaves nobody to ask", mend="add --yes")
    answer(inside(home, lambda hub: operations.remove(hub, name)), _removed, as_json=as_json)


def _removed(removed: operations.Removed) -> RenderableType:
    return tables.line(("removed ", "green"), (removed.connection, "bold"), "; nothing changed at the vendor")
