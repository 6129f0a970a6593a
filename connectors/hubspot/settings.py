"""What an operator says of a HubSpot connection, and the paths that follow from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class HubSpotSettings(BaseModel):
    """Settings of one connected HubSpot account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    auth: Literal["private_app", "oauth"] = Field(
        default="private_app", description="private_app: a static token; oauth: a refresh token of your own app"
    )
    client_id: str = Field(default="", description="the OAuth app's client id; only with auth: oauth")
    version: str = Field(
        default="v3",
        pattern=r"^(v3|20\d\d-\d\d)$",
        description="family of API paths: v3, or a dated one such as 2026-03",
    )
    search_margin_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="how far the search index may lag behind; the last seconds of a walk are read again by the next",
    )
    archived_pages: int = Field(
        default=10,
        ge=0,
        le=1_000,
        description="pages of 100 deleted contacts that a walk by changes reads before it leaves the rest to the next; "
        "0: deletions are seen by full walks only",
    )
    subscription_id: int | None = Field(
        default=None,
        ge=1,
        description="the e-mail subscription type that opt-outs are written to; unset: unsubscribe from all e-mail",
    )

    @model_validator(mode="after")
    def _client(self) -> HubSpotSettings:
        if self.auth == "oauth" and not self.client_id:
            raise ValueError("auth: oauth needs client_id (HubSpot, your app, Auth tab)")
        return self


def contacts_path(settings: HubSpotSettings) -> str:
    """`/crm/v3/objects/contacts`, or `/crm/objects/2026-03/contacts` for a dated version."""
    if settings.version == "v3":
        return "/crm/v3/objects/contacts"
    return f"/crm/objects/{settings.version}/contacts"


def properties_path(settings: HubSpotSettings) -> str:
    if settings.version == "v3":
        return "/crm/v3/properties/contacts"
    return f"/crm/properties/{settings.version}/contacts"


def preferences_path(settings: HubSpotSettings) -> str:
    """Communication preferences are a generation ahead of the CRM: v4 beside CRM v3."""
    return f"/communication-preferences/{'v4' if settings.version == 'v3' else settings.version}"


def account_path(settings: HubSpotSettings) -> str:
    return f"/account-info/{settings.version}/details"
