"""Unruly: a made-up vendor with bad manners, for the simulation and for tests. It is nobody's product.

`streams.py` reads people by changes, `sinks.py` writes them in batches, `faults.py` reads refusals, `sandbox.py` is the
vendor: what it gets wrong is set by its `Manners`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.unruly.faults import classify
from connectors.unruly.sinks import PeopleSink
from connectors.unruly.streams import PeopleStream
from hub.sdk.auth import Auth, BearerSecret
from hub.sdk.connector import Account, Connector, Secret
from hub.sdk.http import Request, Response, get
from hub.sdk.sinks import Sink
from hub.sdk.streams import Stream


class Settings(BaseModel):
    """What the connector must know of this vendor's manners: the rest it finds out the hard way."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    upserts_by_key: bool = Field(False, description="a create whose address exists changes that record")
    shows_record: bool = Field(True, description="answers to writes show the record as it is now")
    sees_deletes: bool = Field(True, description="the listing shows deleted people")
    overlap_seconds: int = Field(120, ge=0, description="seconds read again before the cursor")
    describes: bool = Field(False, description="lists its fields, and is to be asked for those that are mapped")


def _secrets(settings: Any) -> Sequence[Secret]:
    return (Secret("token", "Access token"),)


def _auth(settings: Any, secrets: Mapping[str, str]) -> Auth:
    return BearerSecret(secrets.get("token", ""))


def _stream(name: str, settings: Any, fields: Sequence[str]) -> Stream:
    asked = tuple(fields) if settings.describes else ()
    return PeopleStream(settings.sees_deletes, settings.overlap_seconds, asked)


def _sink(name: str, settings: Any, fields: Sequence[str]) -> Sink:
    asked = tuple(fields) if settings.describes else ()
    return PeopleSink(settings.upserts_by_key, settings.shows_record, asked=asked)


def _check(settings: Any) -> Request:
    return get("/me")


def _account(response: Response) -> Account:
    return Account(str(response.json().get("account", "")))


CONNECTOR = Connector(
    name="unruly",
    title="Unruly (a made-up vendor for tests)",
    api_version="1",
    default_base_url="http://unruly.invalid",
    settings=Settings,
    secrets=_secrets,
    auth=_auth,
    streams=("people",),
    sinks=("people",),
    stream=_stream,
    sink=_sink,
    classify=classify,
    check=_check,
    account=_account,
    rank=90,
)
