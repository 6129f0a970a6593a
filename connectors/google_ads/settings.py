"""What an operator sets for one Google Ads account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.sdk.connector import Secret
from hub.sdk.limits import fingerprint

OLDEST_VERSION = 23
"""Version 23 renamed `campaign.start_date` to `start_date_time`; the connector speaks the new names only."""


class Settings(BaseModel):
    """`customer_id` is the account whose campaigns are read; `login_customer_id` the manager account through which the
    signed-in user reaches it (empty: directly). Both are ten digits; dashes, as the web pages
    show them, are dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    customer_id: str = Field(description="Customer id of the account to read, ten digits")
    login_customer_id: str = Field(
        default="", description="Customer id of the manager account, when access goes through one"
    )
    api_version: str = Field(default="v26", description="API version")
    restate_days: int = Field(default=30, ge=0, le=90, description="Days of metrics read again each time")
    history_days: int = Field(default=730, ge=1, le=4000, description="Days of metrics that the first walk reads")
    history_from: date | None = Field(default=None, description="First day of metrics to read, instead of history_days")
    days_per_query: int = Field(default=31, ge=1, le=366, description="Days of metrics that one query asks for")
    page_rows: int = Field(default=10_000, ge=1_000, le=50_000, description="The most rows that one answer may hold")
    token_url: str = Field(default="https://oauth2.googleapis.com/token", description="Where access tokens are made")

    @field_validator("customer_id", "login_customer_id")
    @classmethod
    def _digits(cls, value: str) -> str:
        digits = value.replace("-", "").replace(" ", "")
        if digits and not (digits.isascii() and digits.isdigit() and len(digits) == 10):
            raise ValueError("expected ten digits such as 123-456-7890, as shown at the top of the Google Ads pages")
        return digits

    @field_validator("customer_id")
    @classmethod
    def _present(cls, value: str) -> str:
        if not value:
            raise ValueError("expected the ten digits of the account whose campaigns are read")
        return value

    @field_validator("api_version")
    @classmethod
    def _version(cls, value: str) -> str:
        number = value.removeprefix("v")
        if not (value.startswith("v") and number.isascii() and number.isdigit() and int(number) >= OLDEST_VERSION):
            raise ValueError(f"expected a version such as v26, at least v{OLDEST_VERSION}")
        return value


def payer(_settings: Settings, given: Mapping[str, str]) -> str | None:
    """Google counts the operations of a Cloud project, whatever account they concern."""
    return fingerprint(given["client_id"]) if given.get("client_id") else None


def secrets(_settings: Settings) -> Sequence[Secret]:
    return (
        Secret("client_id", "OAuth client id of your Google Cloud project"),
        Secret("client_secret", "OAuth client secret"),
        Secret("refresh_token", "Refresh token of a user who may see the account"),
        Secret("developer_token", "Developer token; ignored by Google since 2026-09-09", required=False),
    )
