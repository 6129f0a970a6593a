"""What the operator says of a Mailchimp connection, and the secret that its way of signing needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.sdk.connector import Secret
from hub.sdk.limits import fingerprint


class Settings(BaseModel):
    """Settings of one audience. A person is a member *per audience*, so a connection speaks of exactly one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience_id: str = Field(
        pattern=r"^[0-9A-Za-z]{4,40}$", description="Audience ID (Audience > Settings > Audience name)"
    )
    auth: Literal["api_key", "oauth"] = Field(default="api_key", description="How the hub signs: an API key, or OAuth")
    data_center: str = Field(
        default="",
        pattern=r"^([a-z]{1,5}[0-9]{1,4})?$",
        description="Data centre, such as us6; taken from the API key's suffix when empty",
    )
    new_members: Literal["transactional", "pending"] = Field(
        default="transactional",
        description="Status of people the hub adds: transactional (no marketing mail) or pending (asks them by e-mail)",
    )
    skip_merge_validation: bool = Field(
        default=True, description="Accept records that lack a merge field which the sign-up form requires"
    )
    overlap_minutes: int = Field(default=10, ge=0, le=1440, description="Minutes read again before the cursor")
    page_size: int = Field(default=1000, ge=10, le=1000, description="Records per request")
    campaign_days: int = Field(
        default=90, ge=1, le=3650, description="Campaigns made or sent in so many days are read again"
    )
    report_days: int = Field(default=30, ge=1, le=3650, description="Reports of mailings so young are read again")
    time_zone: str = Field(default="UTC", description="The account's time zone: to which day a mailing belongs")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("not a time zone; write it as in Europe/Berlin") from error
        return value


def secrets(settings: Settings) -> Sequence[Secret]:
    if settings.auth == "oauth":
        return (Secret("access_token", "OAuth access token (it never expires)"),)
    return (Secret("api_key", "API key, with its suffix such as -us6"),)


def payer(settings: Settings, given: Mapping[str, str]) -> str | None:
    """Mailchimp limits the user whose key it is, whatever audience is asked for."""
    secret = given.get("access_token" if settings.auth == "oauth" else "api_key")
    return fingerprint(secret) if secret else None


def data_center(settings: Settings, given: Mapping[str, str]) -> str:
    """The data centre of the account: as set, else the part of the API key after its last hyphen; "" when unknown."""
    if settings.data_center:
        return settings.data_center
    _, hyphen, suffix = given.get("api_key", "").rpartition("-")
    return suffix if hyphen and suffix.isalnum() else ""


def home(settings: Any, given: Mapping[str, str]) -> str | None:
    """Where the API lives for these settings and secrets; None when only the OAuth metadata call can say it."""
    center = data_center(settings, given)
    return f"https://{center}.api.mailchimp.com" if center else None
