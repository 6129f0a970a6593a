"""What an operator sets for a folder of CSV files. Everything has a default that suits real exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.sdk.auth import NoAuth
from hub.sdk.connector import Secret

DELIMITERS = {
    "auto": "",
    ",": ",",
    ";": ";",
    "tab": "\t",
    "|": "|",
    "\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
}
ENCODINGS = {
    "auto": "",
    "utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "windows-1252": "cp1252",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "mac-roman": "mac_roman",
}
KIB = 1024


class Settings(BaseModel):
    """The folder itself is the connection's base URL (`file:///home/anna/exports`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: tuple[str, ...] = Field(
        default=("*.csv", "*.tsv", "*.txt"), description="Names of the files to read; * and ? match"
    )
    target_file: str = Field(default="hub-contacts.csv", description="The file that the hub writes")
    shape: Literal["auto", "hubspot", "salesforce", "mailchimp", "plain"] = Field(
        default="auto", description="Whose export"
    )
    encoding: str = Field(default="auto", description="Encoding of the files")
    delimiter: str = Field(default="auto", description="Sign between the fields: auto, comma, semicolon, tab or pipe")
    id_column: str = Field(default="", description="Header of the column that identifies a row")
    time_zone: str = Field(default="UTC", description="Time zone of times without one")
    dates: Literal["iso", "mdy", "dmy"] = Field(default="iso", description="Order of days like 04/05/2026")
    page_kib: int = Field(default=2048, ge=1024, le=4096, description="Kibibytes read at once")

    @field_validator("files", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        """Also one text with commas, as the command line gives it."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("files")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(value) > 100 or any("/" in name or "\\" in name for name in value):
            raise ValueError("expected 1 to 100 file names or patterns such as *.csv, without folders")
        return value

    @field_validator("target_file")
    @classmethod
    def _name(cls, value: str) -> str:
        if not value.strip() or len(value) > 200 or any(sign in value for sign in "/\\\0*?") or value.startswith("."):
            raise ValueError("expected the name of a file in the folder, such as hub-contacts.csv")
        return value

    @field_validator("delimiter")
    @classmethod
    def _delimiter(cls, value: str) -> str:
        if value not in DELIMITERS:
            raise ValueError("expected auto, comma, semicolon, tab or pipe")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        if value.lower() not in ENCODINGS:
            raise ValueError(f"expected one of {', '.join(ENCODINGS)}")
        return value.lower()

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError("expected a time zone such as Europe/Berlin") from None
        return value

    @property
    def page_bytes(self) -> int:
        return self.page_kib * KIB

    def reading(self) -> str:
        """A digest of what decides how files are read: another one makes the next walk read everything again."""
        parts = self.model_dump_json(exclude={"page_kib", "target_file"})
        return blake2b(parts.encode(), digest_size=4).hexdigest()


def secrets(_settings: Settings) -> Sequence[Secret]:
    return ()


def auth(_settings: Any, _secrets: Mapping[str, str]) -> NoAuth:
    return NoAuth()
