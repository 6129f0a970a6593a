"""What the environment says about how the hub runs. Everything else is in the home, in mapping documents, or asked.

Secrets of connections have variables of their own, `HUB_<CONNECTION>_<SECRET>`, and are read where a connection is
made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from hub.errors import BadInput, Complaint

PREFIX = "HUB_"
DATABASES = ("sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+asyncpg")
QUEUES = ("redis", "rediss", "unix")


class Settings(BaseModel):
    """Each field is the variable `HUB_` + its name in capitals; an empty variable counts as not set. What is secret may
    also be in the file that the variable with `_FILE` behind it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path | None = Field(
        None, description="the folder of the database, the key and your mapping documents", examples=["/srv/hub"]
    )
    database_url: SecretStr | None = Field(
        None,
        description="where the store lives, when it is not hub.db in the home",
        examples=["postgresql://hub@db.example/hub", "sqlite:////srv/hub/hub.db"],
    )
    secret_key: SecretStr | None = Field(
        None,
        description="the master key that seals the secrets of connections, in place of the home's key file",
        examples=["32 bytes in base64"],
    )
    redis_url: SecretStr | None = Field(
        None,
        description="the Redis that carries wake-ups and counts calls when several processes work one store",
        examples=["redis://cache.example:6379/0", "rediss://:password@cache.example:6380/0"],
    )
    lease_seconds: float = Field(
        30.0,
        ge=2,
        le=600,
        description="how long others wait for a worker that fell silent before they take its work over",
        examples=["30", "10"],
    )
    sweep_seconds: float = Field(
        10.0,
        ge=0.2,
        le=60,
        description="how often the store is asked what is to be done, whatever the queue says",
        examples=["10", "60"],
    )
    doubt_seconds: float = Field(
        120.0,
        ge=1,
        le=3600,
        description="how long a write whose answer was lost may still arrive where a look does not show it",
        examples=["120", "600"],
    )
    worker_jobs: int = Field(
        20, ge=1, le=500, description="how many jobs a worker does at a time", examples=["20", "50"]
    )
    listen: str = Field(
        "127.0.0.1:8400",
        description="where `hub web` and `hub up` answer: health, metrics and webhooks",
        examples=["127.0.0.1:8400", "0.0.0.0:8400"],
    )
    worker_listen: str = Field(
        "",
        description="where `hub worker` answers for health and metrics; nowhere when empty",
        examples=["0.0.0.0:8401"],
    )
    public_url: str = Field(
        "",
        description="the address under which vendors reach the webhooks, where a proxy stands before `hub web`",
        examples=["https://hub.example.com"],
    )
    alert_url: SecretStr | None = Field(
        None,
        description="where alerts are posted as they begin and end",
        examples=["https://hooks.slack.com/services/...", "https://ops.example/hub"],
    )
    alert_format: Literal["auto", "json", "slack"] = Field(
        "auto",
        description="the shape of posted alerts; auto is slack for hooks.slack.com, else json",
        examples=["auto", "json", "slack"],
    )
    migrate: Literal["auto", "never"] = Field(
        "auto",
        description="whether commands upgrade an older store when they open it; never leaves that to `hub db upgrade`",
        examples=["auto", "never"],
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="the least that is logged, on stderr", examples=["debug", "info", "warning", "error"]
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto is console on a terminal, else JSON", examples=["auto", "console", "json"]
    )

    @field_validator("migrate", "log_level", "log_format", "alert_format", mode="before")
    @classmethod
    def _any_case(cls, said: object) -> object:
        return said.strip().lower() if isinstance(said, str) else said

    @field_validator("listen", "worker_listen")
    @classmethod
    def _host_and_port(cls, said: str) -> str:
        host, _, port = said.rpartition(":")
        if said and not (host and port.isdigit() and int(port) < 65536):
            raise ValueError("not HOST:PORT")
        return said

    @field_validator("redis_url")
    @classmethod
    def _known_queue(cls, said: SecretStr | None) -> SecretStr | None:
        if said is None:
            return None
        text = said.get_secret_value()
        if text.partition(":")[0].lower() not in QUEUES:
            raise ValueError("another kind of queue")
        if text.lower().startswith("unix:"):
            return said
        text = text.rstrip("/")
        path = urlsplit(text).path.removeprefix("/")
        if path and not path.isdecimal():
            raise ValueError("a database of Redis is a number")
        return SecretStr(text)

    @field_validator("public_url")
    @classmethod
    def _plain_address(cls, said: str) -> str:
        parts = urlsplit(said)
        if said and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("not a plain web address")
        return said.rstrip("/")

    @field_validator("alert_url")
    @classmethod
    def _web_address(cls, said: SecretStr | None) -> SecretStr | None:
        if said is not None and urlsplit(said.get_secret_value()).scheme not in ("http", "https"):
            raise ValueError("not a web address")
        return said

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, said: SecretStr | None) -> SecretStr | None:
        if said is not None and said.get_secret_value().partition(":")[0].lower() not in DATABASES:
            raise ValueError("another kind of database")
        return said


FILE = "_FILE"
SECRETS = frozenset(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))
"""Settings that may be in a file instead: containers and systemd hand secrets over as files."""


@dataclass(frozen=True, slots=True)
class Described:
    """A setting for people: `value` hides what is secret; `source` is "environment" or "default"."""

    name: str
    variable: str
    value: str
    source: str
    means: str


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment (default: this process's). A secret one may instead be in the file that
    `HUB_<NAME>_FILE` names. `BadInput` with a complaint for each bad one; the values of secrets are not quoted."""
    environ = os.environ if environ is None else environ
    given = {name: environ[_variable(name)] for name in Settings.model_fields if environ.get(_variable(name))}
    complaints = [c for name in sorted(SECRETS - given.keys()) if (c := _read(name, environ, given)) is not None]
    try:
        found = Settings.model_validate(given)
    except ValidationError as error:
        complaints += [_complaint(str(e["loc"][0]), given, environ) for e in error.errors(include_input=False)]
    if complaints:
        raise BadInput("the environment says what the hub cannot use", complaints=tuple(complaints)) from None
    return found


def _read(name: str, environ: Mapping[str, str], given: dict[str, str]) -> Complaint | None:
    """Adds the secret that is in a file; a complaint when it cannot be read."""
    path = environ.get(_variable(name) + FILE)
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        return Complaint(
            f"environment {_variable(name)}{FILE}",
            f"{path}: {why}",
            "a file that the hub's user may read",
            f"Mend the file, or give {_variable(name)} itself.",
        )
    if text:
        given[name] = text
        return None
    return Complaint(
        f"environment {_variable(name)}{FILE}", f"{path}: it is empty", "a file with one value", "Mend the file."
    )


def describe(environ: Mapping[str, str] | None = None) -> tuple[Described, ...]:
    """All settings, with where each comes from and what it means. `BadInput` as `load`."""
    environ = os.environ if environ is None else environ
    settings = load(environ)
    return tuple(
        Described(
            name,
            _source(name, environ),
            _shown(name, getattr(settings, name)),
            "environment" if environ.get(_source(name, environ)) else "default",
            str(field.description),
        )
        for name, field in Settings.model_fields.items()
    )


def variables() -> frozenset[str]:
    """Every variable that these settings are read from."""
    return frozenset({_variable(n) for n in Settings.model_fields} | {_variable(n) + FILE for n in SECRETS})


def _source(name: str, environ: Mapping[str, str]) -> str:
    """The variable that says it, or would."""
    file = _variable(name) + FILE
    return file if name in SECRETS and environ.get(file) and not environ.get(_variable(name)) else _variable(name)


def without_password(url: str) -> str:
    """A database or Redis URL as it may be shown: without its password and its parameters, of which one may be one. A
    password in which `/`, `?` or `#` were not written as %2F, %3F, %23 is one all the same, for those who open it."""
    return re.sub(r"^([^:/]+://[^:/@]*):.*@", r"\1:***@", url).partition("?")[0]


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _shown(name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        if name == "alert_url":  # its path is what lets people post there
            return f"{urlsplit(text).scheme}://{urlsplit(text).hostname}/..."
        return without_password(text) if "://" in text else "(set)"
    return "" if value is None else str(value)


def _complaint(name: str, given: Mapping[str, str], environ: Mapping[str, str]) -> Complaint:
    field = Settings.model_fields[name]
    said = "a value that is not shown" if name in SECRETS else repr(given.get(name, ""))[:80]
    return Complaint(
        f"environment {_source(name, environ)}",
        said,
        _expected(field),
        f"Set it so, or unset it: {field.description}.",
    )


def _expected(field: FieldInfo) -> str:
    """What may be said: a span of numbers, or examples."""
    shown = " or ".join(field.examples or ())
    least, most = (next((getattr(m, w) for m in field.metadata if hasattr(m, w)), None) for w in ("ge", "le"))
    return shown if least is None or most is None else f"a number from {least:g} to {most:g}, such as {shown}"
