"""A connector's form, filled in by an operator: settings as `name=value` and secrets, checked before they are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import connectors
from hub.errors import BadInput, Complaint
from hub.operations.nearest import nearest, unknown
from hub.sdk.connector import Connector, Secret

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def connector(name: str) -> Connector:
    """The connector of that name; NotFound names the nearest."""
    if name not in connectors.names():
        raise unknown("connector", name, vendors())
    return connectors.load(name)


def vendors() -> tuple[str, ...]:
    """The connectors of real systems. A made-up one, for simulations, has its home under `.invalid` (RFC 2606)."""
    hosts = {name: urlsplit(connectors.load(name).default_base_url).hostname or "" for name in connectors.names()}
    return tuple(name for name, host in hosts.items() if not host.endswith(".invalid"))


def check_name(name: str) -> None:
    """Connection names go into environment variables, ranks and reports: small letters, digits, `_` and `-`."""
    if not NAME.fullmatch(name):
        raise BadInput(
            f'"{name}" cannot name a connection',
            mend="begin with a small letter; then small letters, digits, _ and -; at most 40 in all",
        )


def pairs(said: Sequence[str], option: str) -> dict[str, str]:
    """`["a=1", "b=2"]` as a dict. The value may hold further `=`."""
    found: dict[str, str] = {}
    complaints = []
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or not name:
            complaints.append(Complaint(option, "a text without a name and a =", "NAME=VALUE"))
        elif name in found:
            complaints.append(Complaint(f"{option} {name}", "given twice", "one value for each name"))
        found[name] = value
    if complaints:
        raise BadInput(f"{option} cannot be read", complaints=tuple(complaints))
    return found


def settings(form: type[BaseModel], said: Mapping[str, str], before: Mapping[str, Any] | None = None) -> BaseModel:
    """The settings object of a connector. Values that look like a JSON list or object are read as such; a text for a
    list-valued setting is split at commas. `before`: what holds where nothing is said. All complaints come at once."""
    given = {**(before or {}), **{name: _value(form, name, text) for name, text in said.items()}}
    try:
        return form.model_validate(given)
    except ValidationError as error:
        complaints = tuple(_complaint(form, detail) for detail in error.errors(include_url=False))
        raise BadInput("the settings cannot be used; nothing was changed", complaints=complaints) from None


def _value(form: type[BaseModel], name: str, text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    field = form.model_fields.get(name)
    origin = getattr(field.annotation, "__origin__", None) if field is not None else None
    if origin in (list, tuple, set, frozenset):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _complaint(form: type[BaseModel], detail: ErrorDetails) -> Complaint:
    path = ".".join(str(part) for part in detail["loc"])
    where = f"--set {path}" if path else "--set"
    if detail["type"] == "extra_forbidden":
        close = nearest(path, form.model_fields)
        there = ", ".join(form.model_fields) or "none"
        return Complaint(
            where, "no such setting", f"one of: {there}", f'did you mean "{close}"?' if close is not None else ""
        )
    if detail["type"] == "missing":
        field = form.model_fields.get(path)
        what = field.description if field is not None and field.description else "a value"
        return Complaint(where, "not given", what, f"add --set {path}=...")
    return Complaint(where, f'"{detail["input"]}"', _expected(detail["msg"]))


def _expected(message: str) -> str:
    """pydantic's sentence as what was expected: "Input should be a valid integer, ..." -> "a valid integer, ..."."""
    for start in ("Input should be ", "Value error, "):
        if message.startswith(start):
            return message.removeprefix(start)
    return message[:1].lower() + message[1:]


def variable(connection: str, secret: str) -> str:
    """The environment variable that may hold a secret: `HUB_<CONNECTION>_<SECRET>`."""
    return re.sub(r"[^A-Z0-9]", "_", f"HUB_{connection}_{secret}".upper())


def nobody_to_ask(secret: Secret) -> None:
    """For runs without a person at a terminal."""


def secrets(
    connection: str,
    wanted: Sequence[Secret],
    said: Mapping[str, str],
    ask: Callable[[Secret], str | None],
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Every secret from the first place that has it: said on the command line, the environment, a person asked.

    `ask` answers None or "" when there is nobody to ask. All missing ones are complained of at once.
    """
    environ = os.environ if environ is None else environ
    known_secrets(wanted, said)
    found: dict[str, str] = {}
    complaints = []
    for secret in wanted:
        value = said.get(secret.name) or environ.get(variable(connection, secret.name)) or ask(secret)
        if value:
            complaints += _too_short(secret, value)
            found[secret.name] = value
        elif secret.required:
            env = variable(connection, secret.name)
            mend = f"set {env}, or pipe it in with --secret {secret.name}=-, or run this in a terminal to be asked"
            complaints.append(Complaint(f"secret {secret.name}", "not given", secret.title, mend))
    if complaints:
        raise BadInput("secrets are missing or unfit; nothing was changed", complaints=tuple(complaints))
    return found


def known_secrets(wanted: Sequence[Secret], said: Mapping[str, str]) -> Mapping[str, str]:
    """What was said, when every name is one that the connector takes; NotFound names the nearest. BadInput for a secret
    that could be guessed."""
    names = [s.name for s in wanted]
    for name in said:
        if name not in names:
            raise unknown("secret", name, names)
    short = [complaint for s in wanted if s.name in said for complaint in _too_short(s, said[s.name])]
    if short:
        raise BadInput("a secret is too short; nothing was changed", complaints=tuple(short))
    return said


def _too_short(secret: Secret, value: str) -> list[Complaint]:
    if len(value) >= secret.least:
        return []
    mend = "let a machine think it up: `openssl rand -hex 32`"
    return [Complaint(f"secret {secret.name}", f"{len(value)} characters", f"at least {secret.least}", mend)]


def read_secret_file(path: str, name: str) -> str:
    """A secret from a file (a private key, say), without its last line end. BadInput when it cannot be read."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(f"the file for the secret {name} cannot be read: {why}", mend="check the path after @") from None
