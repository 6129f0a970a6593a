"""What the sandbox org's objects look like: standard columns with Salesforce's own lengths, and a few custom ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Default = str | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A field in describe's words. `type` is describe's; `relation` with `refers` makes a parent reachable by a dot."""

    name: str
    label: str
    type: str
    length: int = 0
    create: bool = True
    update: bool = True
    nillable: bool = True
    default: Default = None
    choices: tuple[str, ...] = ()
    restricted: bool = False
    refers: tuple[str, ...] = ()
    relation: str = ""
    unique: bool = False
    external: bool = False
    precision: int = 0
    scale: int = 0

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def textual(self) -> bool:
        return self.type in {"string", "textarea", "phone", "email", "url", "picklist", "multipicklist", "address"}

    @property
    def required(self) -> bool:
        return self.create and not self.nillable and self.default is None


@dataclass(frozen=True, slots=True)
class SObject:
    """An object of the org; `columns` by lower-cased name, in describe's order."""

    name: str
    label: str
    prefix: str
    columns: dict[str, Column]
    writable: bool = True

    def column(self, name: str) -> Column | None:
        return self.columns.get(name.lower())


def text(name: str, label: str, length: int, **more: Any) -> Column:
    return Column(name, label, more.pop("type", "string"), length, **more)


def area(name: str, label: str, length: int) -> Column:
    return Column(name, label, "textarea", length)


def phone(name: str, label: str) -> Column:
    return Column(name, label, "phone", 40)


def flag(name: str, label: str, *, fixed: bool = False) -> Column:
    return Column(name, label, "boolean", create=not fixed, update=not fixed, nillable=False, default=False)


def pick(name: str, label: str, choices: str, *, length: int = 255, **more: Any) -> Column:
    return Column(name, label, "picklist", length, choices=tuple(choices.split("|")), **more)


def link(name: str, label: str, to: str, relation: str, **more: Any) -> Column:
    return Column(name, label, "reference", 18, refers=tuple(to.split("|")), relation=relation, **more)


def number(name: str, label: str, kind: str, precision: int, scale: int, *, fixed: bool = False) -> Column:
    return Column(name, label, kind, create=not fixed, update=not fixed, precision=precision, scale=scale)


def fixed(column: Column) -> Column:
    """Read-only."""
    return replace(column, create=False, update=False)


OWNER = link("OwnerId", "Owner ID", "User", "Owner", nillable=False, default="")
CURRENCY = pick("CurrencyIsoCode", "Currency ISO Code", "USD|EUR|GBP|JPY", length=3, restricted=True, default="USD")
SYSTEM = (
    fixed(Column("CreatedDate", "Created Date", "datetime", nillable=False)),
    fixed(link("CreatedById", "Created By ID", "User", "CreatedBy", nillable=False)),
    fixed(Column("LastModifiedDate", "Last Modified Date", "datetime", nillable=False)),
    fixed(link("LastModifiedById", "Last Modified By ID", "User", "LastModifiedBy", nillable=False)),
    fixed(Column("SystemModstamp", "System Modstamp", "datetime", nillable=False)),
)
HEAD = (
    fixed(Column("Id", "Record ID", "id", 18, nillable=False)),
    fixed(flag("IsDeleted", "Deleted", fixed=True)),
)
SOURCES = "Web|Phone Inquiry|Partner Referral|Purchased List|Other"
TITLES = "Mr.|Ms.|Mrs.|Dr.|Prof.|Mx."
TIERS = "Gold|Silver|Bronze"


def _address(prefix: str, label: str) -> tuple[Column, ...]:
    return (
        area(f"{prefix}Street", f"{label} Street".strip(), 255),
        text(f"{prefix}City", f"{label} City".strip(), 40),
        text(f"{prefix}State", f"{label} State/Province".strip(), 80),
        text(f"{prefix}PostalCode", f"{label} Zip/Postal Code".strip(), 20),
        text(f"{prefix}Country", f"{label} Country".strip(), 80),
        number(f"{prefix}Latitude", f"{label} Latitude".strip(), "double", 18, 15),
        number(f"{prefix}Longitude", f"{label} Longitude".strip(), "double", 18, 15),
        fixed(Column(f"{prefix}Address", f"{label} Address".strip(), "address")),
    )


def _person(master: str) -> tuple[Column, ...]:
    return (
        fixed(link("MasterRecordId", "Master Record ID", master, "MasterRecord")),
        text("LastName", "Last Name", 80, nillable=False),
        text("FirstName", "First Name", 40),
        pick("Salutation", "Salutation", TITLES, length=40),
        fixed(text("Name", "Full Name", 121, nillable=False)),
    )


CONSENT = (
    flag("HasOptedOutOfEmail", "Email Opt Out"),
    flag("HasOptedOutOfFax", "Fax Opt Out"),
    flag("DoNotCall", "Do Not Call"),
)
BOUNCE = (
    text("EmailBouncedReason", "Email Bounced Reason", 255),
    Column("EmailBouncedDate", "Email Bounced Date", "datetime"),
)
HUB = (
    text("HubId__c", "Hub Id", 40, unique=True, external=True),
    number("Score__c", "Score", "double", 18, 2),
    pick("Tier__c", "Tier", TIERS, restricted=True),
)


def _sobject(name: str, label: str, prefix: str, *columns: Column, writable: bool = True) -> SObject:
    return SObject(name, label, prefix, {c.name.lower(): c for c in columns}, writable)


CONTACT = _sobject(
    "Contact",
    "Contact",
    "003",
    *HEAD,
    *_person("Contact"),
    link("AccountId", "Account ID", "Account", "Account"),
    *_address("Other", "Other"),
    *_address("Mailing", "Mailing"),
    phone("Phone", "Business Phone"),
    phone("Fax", "Business Fax"),
    phone("MobilePhone", "Mobile Phone"),
    phone("HomePhone", "Home Phone"),
    phone("OtherPhone", "Other Phone"),
    phone("AssistantPhone", "Asst. Phone"),
    link("ReportsToId", "Reports To ID", "Contact", "ReportsTo"),
    text("Email", "Email", 80, type="email"),
    text("Title", "Title", 128),
    text("Department", "Department", 80),
    text("AssistantName", "Assistant's Name", 40),
    pick("LeadSource", "Lead Source", SOURCES),
    Column("Birthdate", "Birthdate", "date"),
    area("Description", "Contact Description", 32000),
    OWNER,
    CURRENCY,
    *CONSENT,
    *SYSTEM,
    fixed(Column("LastActivityDate", "Last Activity", "date")),
    *BOUNCE,
    fixed(flag("IsEmailBounced", "Is Email Bounced", fixed=True)),
    *HUB,
)

LEAD = _sobject(
    "Lead",
    "Lead",
    "00Q",
    *HEAD,
    *_person("Lead"),
    text("Title", "Title", 128),
    text("Company", "Company", 255, nillable=False),
    *_address("", ""),
    phone("Phone", "Phone"),
    phone("MobilePhone", "Mobile Phone"),
    phone("Fax", "Fax"),
    text("Email", "Email", 80, type="email"),
    text("Website", "Website", 255, type="url"),
    area("Description", "Description", 32000),
    pick("LeadSource", "Lead Source", SOURCES),
    pick(
        "Status",
        "Status",
        "Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted",
        nillable=False,
        default="Open - Not Contacted",
    ),
    pick("Industry", "Industry", "Agriculture|Banking|Consulting|Education|Energy|Retail|Technology|Other"),
    pick("Rating", "Rating", "Hot|Warm|Cold"),
    number("AnnualRevenue", "Annual Revenue", "currency", 18, 0),
    number("NumberOfEmployees", "Employees", "int", 8, 0),
    OWNER,
    CURRENCY,
    *CONSENT,
    flag("IsUnreadByOwner", "Unread By Owner"),
    fixed(flag("IsConverted", "Converted", fixed=True)),
    fixed(Column("ConvertedDate", "Converted Date", "date")),
    fixed(link("ConvertedAccountId", "Converted Account ID", "Account", "ConvertedAccount")),
    fixed(link("ConvertedContactId", "Converted Contact ID", "Contact", "ConvertedContact")),
    fixed(link("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity", "ConvertedOpportunity")),
    *SYSTEM,
    *BOUNCE,
    *HUB,
)

CAMPAIGN = _sobject(
    "Campaign",
    "Campaign",
    "701",
    *HEAD,
    text("Name", "Name", 80, nillable=False),
    link("ParentId", "Parent Campaign ID", "Campaign", "Parent"),
    pick(
        "Type",
        "Type",
        "Conference|Webinar|Trade Show|Public Relations|Partners|Referral Program|Advertisement|Banner Ads"
        "|Direct Mail|Email|Telemarketing|Other|Paid Search|Paid Social|Video|Shopping",
        length=40,
    ),
    pick("Status", "Status", "Planned|In Progress|Paused|Completed|Aborted", length=40, default="Planned"),
    Column("StartDate", "Start Date", "date"),
    Column("EndDate", "End Date", "date"),
    number("ExpectedRevenue", "Expected Revenue", "currency", 18, 0),
    number("BudgetedCost", "Budgeted Cost", "currency", 18, 0),
    number("ActualCost", "Actual Cost", "currency", 18, 0),
    number("ExpectedResponse", "Expected Response (%)", "percent", 10, 2),
    number("NumberSent", "Num Sent", "double", 18, 0),
    flag("IsActive", "Active"),
    area("Description", "Description", 32000),
    *(
        number(f"NumberOf{n}", f"{n} in Campaign", "int", 9, 0, fixed=True)
        for n in ("Leads", "ConvertedLeads", "Contacts", "Responses", "Opportunities", "WonOpportunities")
    ),
    OWNER,
    CURRENCY,
    *SYSTEM,
    text("Campaign_Code__c", "Campaign Code", 40, unique=True, external=True),
    text("UTM_Source__c", "UTM Source", 80),
    text("UTM_Medium__c", "UTM Medium", 80),
)

ACCOUNT = _sobject(
    "Account",
    "Account",
    "001",
    *HEAD,
    fixed(link("MasterRecordId", "Master Record ID", "Account", "MasterRecord")),
    text("Name", "Account Name", 255, nillable=False),
    phone("Phone", "Account Phone"),
    text("Website", "Website", 255, type="url"),
    area("Description", "Account Description", 32000),
    OWNER,
    CURRENCY,
    *SYSTEM,
)

USER = _sobject(
    "User",
    "User",
    "005",
    HEAD[0],
    text("Username", "Username", 80, nillable=False),
    text("LastName", "Last Name", 80, nillable=False),
    text("FirstName", "First Name", 40),
    fixed(text("Name", "Full Name", 121)),
    text("Email", "Email", 128, type="email", nillable=False),
    flag("IsActive", "Active"),
    *SYSTEM,
    writable=False,
)

ORGANIZATION = _sobject(
    "Organization",
    "Organization",
    "00D",
    HEAD[0],
    text("Name", "Name", 80),
    text("OrganizationType", "Edition", 40),
    flag("IsSandbox", "Is Sandbox"),
    text("InstanceName", "Instance Name", 5),
    text("TimeZoneSidKey", "Time Zone", 40),
    text("DefaultLocaleSidKey", "Locale", 40),
    text("LanguageLocaleKey", "Language", 40),
    *SYSTEM,
    writable=False,
)

SCHEMA = {o.name.lower(): o for o in (ACCOUNT, CONTACT, LEAD, CAMPAIGN, USER, ORGANIZATION)}


def described(column: Column) -> dict[str, Any]:
    """A column as describe shows it."""
    return {
        "name": column.name,
        "label": column.label,
        "type": column.type,
        "soapType": _SOAP.get(column.type, "xsd:string"),
        "length": column.length,
        "byteLength": column.length * 3,
        "precision": column.precision,
        "scale": column.scale,
        "custom": column.custom,
        "calculated": column.name in ("Name", "IsEmailBounced"),
        "createable": column.create,
        "updateable": column.update,
        "nillable": column.nillable,
        "defaultedOnCreate": column.default is not None,
        "filterable": column.type not in ("textarea", "address"),
        "sortable": column.type not in ("textarea", "address"),
        "unique": column.unique,
        "externalId": column.external,
        "idLookup": column.external or column.name in ("Id", "Email"),
        "restrictedPicklist": column.restricted,
        "dependentPicklist": False,
        "controllerName": None,
        "defaultValue": column.default or None,
        "picklistValues": [
            {"active": True, "defaultValue": c == column.default, "label": c, "validFor": None, "value": c}
            for c in column.choices
        ],
        "referenceTo": list(column.refers),
        "relationshipName": column.relation or None,
        "compoundFieldName": None,
        "encrypted": False,
    }


_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "datetime": "xsd:dateTime",
    "date": "xsd:date",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "int": "xsd:int",
    "address": "urn:address",
}
