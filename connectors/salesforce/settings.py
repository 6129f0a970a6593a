"""What the operator says of a Salesforce connection, and the secrets that its grant needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.sdk.connector import Secret

OPTIONAL = ("Campaign_Code__c", "CurrencyIsoCode")
"""Fields that the library's mappings read and a standard org with one currency does not have."""
SHARED_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})


class Settings(BaseModel):
    """Settings of one Salesforce org, for a standard org with one currency by default.

    Without `login_url` tokens are asked of the connection's base URL, which is login.salesforce.com unless the
    operator gives another. `instance_url` sends API calls through a proxy instead of the address that the token names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grant: Literal["refresh_token", "jwt_bearer", "client_credentials"] = Field(
        default="refresh_token", description="How tokens are got: which secrets are needed follows from it"
    )
    client_id: str = Field(min_length=1, description="Consumer key of the connected app")
    username: str = Field(default="", description="User the hub acts as (jwt_bearer)")
    login_url: str = Field(default="", pattern=r"^(https?://[^/\s]+)?/?$", description="Where tokens are asked for")
    instance_url: str = Field(default="", pattern=r"^(https?://[^/\s]+)?/?$", description="Where the API is called")
    audience: str = Field(default="", description="aud of the JWT; login or test.salesforce.com when empty")
    api_version: str = Field(default="62.0", pattern=r"^[3-9]\d\.0$", description="Version of the REST API")
    session_minutes: int = Field(default=15, ge=1, le=1440, description="Minutes after which a session is renewed")
    overlap_minutes: int = Field(default=5, ge=0, le=1440, description="Minutes read again before the cursor")
    external_id_field: str = Field(
        default="",
        pattern=r"^([A-Za-z]\w*__c)?$",
        description="Unique external id field for the hub's ids (HubId__c): creates become upserts",
    )
    currency: str = Field(
        default="",
        pattern=r"^([A-Z]{3})?$",
        description="The only currency of the org (ISO 4217); empty where records carry CurrencyIsoCode",
    )
    optional_fields: tuple[Literal["Campaign_Code__c", "CurrencyIsoCode"], ...] = Field(
        default=(),
        description="Which of these this org has; a field it lacks is never asked for and says nothing",
    )

    @model_validator(mode="after")
    def _fits_the_grant(self) -> Settings:
        if self.grant == "jwt_bearer" and not self.username:
            raise ValueError("grant jwt_bearer needs `username`: the Salesforce user the hub acts as")
        if self.grant == "client_credentials" and urlsplit(self.login_url).hostname in SHARED_HOSTS:
            raise ValueError(
                "grant client_credentials is only answered by the org's My Domain: "
                "set `login_url` to https://<your-domain>.my.salesforce.com"
            )
        return self

    @property
    def absent(self) -> frozenset[str]:
        """The optional fields that the org lacks, lower case; where it has but one currency, CurrencyIsoCode too."""
        there = set(self.optional_fields) - ({"CurrencyIsoCode"} if self.currency else set())
        return frozenset(f.lower() for f in OPTIONAL if f not in there)

    @property
    def data(self) -> str:
        """The root of the REST API, without a host."""
        return f"/services/data/v{self.api_version}"


def secrets(settings: Settings) -> Sequence[Secret]:
    """The secrets of the chosen grant."""
    if settings.grant == "jwt_bearer":
        return (Secret("private_key", "Private key of the certificate in the connected app (PEM, RSA)"),)
    if settings.grant == "client_credentials":
        return (Secret("client_secret", "Consumer secret of the connected app"),)
    return (
        Secret("client_secret", "Consumer secret of the connected app", required=False),
        Secret("refresh_token", "Refresh token of the user the hub acts as"),
    )
