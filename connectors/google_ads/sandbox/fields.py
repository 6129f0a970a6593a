"""The fields that the sandbox knows, with the traits that Google's field service lists (API version 26)."""

from __future__ import annotations

from dataclasses import dataclass

ENUMS = {
    "campaign.status": ("ENABLED", "PAUSED", "REMOVED", "UNKNOWN", "UNSPECIFIED"),
    "campaign.serving_status": ("ENDED", "NONE", "PENDING", "SERVING", "SUSPENDED", "UNKNOWN", "UNSPECIFIED"),
    "campaign.advertising_channel_type": (
        *("DEMAND_GEN", "DISPLAY", "HOTEL", "LOCAL", "LOCAL_SERVICES", "MULTI_CHANNEL", "PERFORMANCE_MAX", "SEARCH"),
        *("SHOPPING", "SMART", "TRAVEL", "UNKNOWN", "UNSPECIFIED", "VIDEO"),
    ),
    "campaign_budget.period": ("CUSTOM_PERIOD", "DAILY", "UNKNOWN", "UNSPECIFIED"),
    "customer.status": ("CANCELED", "CLOSED", "ENABLED", "SUSPENDED", "UNKNOWN", "UNSPECIFIED"),
    "customer_client.status": ("CANCELED", "CLOSED", "ENABLED", "SUSPENDED", "UNKNOWN", "UNSPECIFIED"),
    "segments.device": ("CONNECTED_TV", "DESKTOP", "MOBILE", "OTHER", "TABLET", "UNKNOWN", "UNSPECIFIED"),
}

TABLE = """
campaign.resource_name RESOURCE_NAME sfo
campaign.id INT64 sfo
campaign.name STRING sfo
campaign.status ENUM sfo
campaign.serving_status ENUM sfo
campaign.advertising_channel_type ENUM sfo
campaign.start_date_time DATE sfo
campaign.end_date_time DATE sfo
campaign.final_url_suffix STRING sf
campaign.tracking_url_template STRING sf
campaign.campaign_budget RESOURCE_NAME sfo
campaign.labels RESOURCE_NAME sfr
campaign_budget.resource_name RESOURCE_NAME sfo
campaign_budget.id INT64 sfo
campaign_budget.name STRING sfo
campaign_budget.amount_micros INT64 sfo
campaign_budget.total_amount_micros INT64 sfo
campaign_budget.period ENUM sfo
campaign_budget.explicitly_shared BOOLEAN sfo
customer.resource_name RESOURCE_NAME sfo
customer.id INT64 sfo
customer.descriptive_name STRING sfo
customer.currency_code STRING sfo
customer.time_zone STRING sfo
customer.manager BOOLEAN sfo
customer.test_account BOOLEAN sfo
customer.status ENUM sfo
customer_client.resource_name RESOURCE_NAME sfo
customer_client.id INT64 sfo
customer_client.client_customer RESOURCE_NAME sfo
customer_client.descriptive_name STRING sfo
customer_client.currency_code STRING sfo
customer_client.time_zone STRING sfo
customer_client.manager BOOLEAN sfo
customer_client.level INT64 sfo
customer_client.hidden BOOLEAN sfo
customer_client.status ENUM sfo
segments.date DATE sfo
segments.device ENUM sfo
segments.conversion_action_name STRING sf
metrics.impressions INT64 sfo
metrics.clicks INT64 sfo
metrics.cost_micros INT64 sfo
metrics.conversions DOUBLE sfo
metrics.conversions_value DOUBLE sfo
metrics.all_conversions DOUBLE sfo
metrics.view_through_conversions INT64 sfo
metrics.ctr DOUBLE sfo
metrics.average_cpc DOUBLE sfo
"""

ATTRIBUTED = {
    "campaign": {"campaign", "campaign_budget", "customer"},
    "campaign_budget": {"campaign_budget", "customer"},
    "customer": {"customer"},
    "customer_client": {"customer_client", "customer"},
}
"""Whose fields may be selected beside those of the resource in FROM."""

MEASURED = {"campaign", "customer", "campaign_budget"}
"""Resources that have metrics."""

CLICK_METRICS = {
    "metrics.impressions",
    "metrics.clicks",
    "metrics.cost_micros",
    "metrics.ctr",
    "metrics.average_cpc",
}
INCOMPATIBLE = {"segments.conversion_action_name": CLICK_METRICS}
"""Segments that only divide conversions."""


@dataclass(frozen=True, slots=True)
class FieldFact:
    """One field as googleAdsFields describes it."""

    name: str
    type: str
    selectable: bool
    filterable: bool
    sortable: bool
    repeated: bool

    @property
    def head(self) -> str:
        return self.name.partition(".")[0]

    @property
    def category(self) -> str:
        return {"metrics": "METRIC", "segments": "SEGMENT"}.get(self.head, "ATTRIBUTE")

    def as_json(self) -> dict[str, object]:
        """The GoogleAdsField resource; proto3 JSON leaves out what is false or empty."""
        shown: dict[str, object] = {
            "resourceName": f"googleAdsFields/{self.name}",
            "name": self.name,
            "category": self.category,
            "dataType": self.type,
        }
        traits = {
            "selectable": self.selectable,
            "filterable": self.filterable,
            "sortable": self.sortable,
            "isRepeated": self.repeated,
            "enumValues": list(ENUMS.get(self.name, ())),
        }
        shown.update({key: value for key, value in traits.items() if value})
        return shown


def _fact(line: str) -> FieldFact:
    name, kind, traits = line.split()
    return FieldFact(name, kind, "s" in traits, "f" in traits, "o" in traits, "r" in traits)


FIELDS = {fact.name: fact for fact in map(_fact, TABLE.strip().splitlines())}
