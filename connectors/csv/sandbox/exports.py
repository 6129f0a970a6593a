"""Export files in the forms of three vendors, from the seeded world's people who exist in nobody's system but files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.sdk.world import Appearance

Cells = dict[str, str]

STAGES = {
    "subscriber": "Subscriber",
    "lead": "Lead",
    "mql": "Marketing Qualified Lead",
    "sql": "Sales Qualified Lead",
    "opportunity": "Opportunity",
    "customer": "Customer",
    "evangelist": "Evangelist",
    "other": "Other",
}


class AllQuoted(csv.excel):
    quoting = csv.QUOTE_ALL


@dataclass(slots=True)
class Export:
    """One file: `header` in the vendor's order, `rows` by the vendor's own id, `canonical` from our word to theirs."""

    name: str
    shape: str
    id_header: str
    header: tuple[str, ...]
    canonical: dict[str, str]
    encoding: str = "utf-8"
    quote_all: bool = False
    rows: dict[str, Cells] = field(default_factory=dict)

    def text(self) -> bytes:
        buffer = io.StringIO()
        dialect = AllQuoted if self.quote_all else csv.excel
        writer = csv.DictWriter(buffer, self.header, restval="", dialect=dialect)
        writer.writeheader()
        writer.writerows(self.rows.values())
        return buffer.getvalue().encode(self.encoding)


def hubspot() -> Export:
    """The labels of HubSpot's contact export, all fields quoted."""
    canonical = {
        "first_name": "First Name",
        "last_name": "Last Name",
        "email": "Email",
        "more_emails": "Additional email addresses",
        "phone": "Phone Number",
        "company": "Company Name",
        "job_title": "Job Title",
        "street": "Street Address",
        "city": "City",
        "region": "State/Region",
        "postal_code": "Postal Code",
        "country": "Country/Region",
        "owner_email": "Contact owner",
        "lifecycle_stage": "Lifecycle Stage",
        "email_opt_out": "Unsubscribed from all email",
        "created_at": "Create Date",
        "modified_at": "Last Modified Date",
    }
    header = ("Record ID", *canonical.values(), "Lead Status", "Original Source")
    name = "hubspot-crm-exports-all-contacts-2026-01-05.csv"
    return Export(name, "hubspot", "Record ID", header, canonical, quote_all=True)


def salesforce() -> Export:
    """The field names of Salesforce's weekly data export, with a byte order mark as the data loader writes it."""
    canonical = {
        "first_name": "FirstName",
        "last_name": "LastName",
        "email": "Email",
        "phone": "Phone",
        "job_title": "Title",
        "street": "MailingStreet",
        "city": "MailingCity",
        "region": "MailingState",
        "postal_code": "MailingPostalCode",
        "country": "MailingCountry",
        "email_opt_out": "HasOptedOutOfEmail",
        "do_not_call": "DoNotCall",
        "created_at": "CreatedDate",
        "modified_at": "LastModifiedDate",
    }
    header = ("Id", "IsDeleted", "AccountId", *canonical.values(), "OwnerId", "SystemModstamp")
    return Export("Contact.csv", "salesforce", "Id", header, canonical, encoding="utf-8-sig", quote_all=True)


def mailchimp(status: str) -> Export:
    """One of the files of Mailchimp's audience export: the status of its people is in the name only."""
    canonical = {
        "email": "Email Address",
        "first_name": "First Name",
        "last_name": "Last Name",
        "street": "Address",
        "phone": "Phone Number",
        "company": "Company",
        "modified_at": "LAST_CHANGED",
    }
    extra = ("UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_REASON") if status == "unsubscribed" else ()
    header = (
        *("Email Address", "First Name", "Last Name", "Address", "Phone Number", "Company", "MEMBER_RATING"),
        *("OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF"),
        *("TIMEZONE", "CC", "REGION", *extra, "LAST_CHANGED", "LEID", "EUID", "NOTES", "TAGS"),
    )
    name = f"{status}_email_audience_export_4be1f0a9c2.csv"
    return Export(name, "mailchimp", "LEID", header, canonical)


def stamp(shape: str, moment: datetime) -> str:
    """A time as the vendor writes it (the hub is told that the zone is UTC)."""
    utc = moment.astimezone(ZoneInfo("UTC"))
    if shape == "salesforce":
        return utc.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return utc.strftime("%Y-%m-%d %H:%M" if shape == "hubspot" else "%Y-%m-%d %H:%M:%S")


def flag(shape: str, value: bool) -> str:
    return ("1" if value else "0") if shape == "salesforce" else ("true" if value else "false")


def record_number(number: int) -> str:
    return str(70_000_000_001 + number * 17)


def record_id(number: int) -> str:
    """An 18-character Salesforce id of a contact."""
    return f"0035g00000{number:05d}AAA"


def list_number(number: int) -> str:
    return str(310_000_000 + number)


@dataclass(frozen=True, slots=True)
class Writer:
    """How an appearance becomes a row of one vendor's export."""

    number: Callable[[int], str]
    cells: Callable[[Appearance, Cells], None]


def common(export: Export, person: Appearance) -> Cells:
    """The fields that all three know, in the vendor's headers."""
    values = {
        "first_name": person.given,
        "last_name": person.family,
        "email": person.email,
        "more_emails": ";".join(person.more_emails),
        "phone": f"'{person.phone}" if person.phone.startswith("+") and export.shape == "hubspot" else person.phone,
        "company": person.company,
        "job_title": person.title,
        "street": person.street,
        "city": person.city,
        "region": person.region,
        "postal_code": person.postal_code,
        "country": person.country,
        "owner_email": person.owner,
        "lifecycle_stage": STAGES.get(person.stage, ""),
        "email_opt_out": flag(export.shape, person.opted_out),
        "do_not_call": flag(export.shape, False),
        "created_at": stamp(export.shape, person.created),
        "modified_at": stamp(export.shape, person.modified),
    }
    return {header: values[column] for column, header in export.canonical.items()}


def hubspot_cells(person: Appearance, cells: Cells) -> None:
    cells["Original Source"] = "Offline Sources"


def salesforce_cells(person: Appearance, cells: Cells) -> None:
    cells["IsDeleted"] = "0"
    cells["AccountId"] = f"0015g00000{abs(hash_number(person.company)):05d}AAA" if person.company else ""
    cells["OwnerId"] = "0055g000001AbCdAAK"
    cells["SystemModstamp"] = cells["LastModifiedDate"]


def mailchimp_cells(person: Appearance, cells: Cells) -> None:
    """The address in one cell, its parts two spaces apart; times of the opt-in, or of leaving."""
    parts = (person.street, person.city, person.region, person.postal_code, person.country)
    cells["Address"] = "  ".join(part.replace("  ", " ").strip() for part in parts) if person.street else ""
    cells["MEMBER_RATING"] = "2"
    joined = stamp("mailchimp", person.opted_in_at or person.created)
    cells["OPTIN_TIME"] = joined
    cells["CONFIRM_TIME"] = joined
    if person.opted_out:
        cells["UNSUB_TIME"] = stamp("mailchimp", person.opted_out_at or person.modified)
        cells["UNSUB_REASON"] = "NORMAL"


def hash_number(text: str) -> int:
    return sum(ord(sign) * place for place, sign in enumerate(text, 1)) % 100_000


WRITERS = {
    "hubspot": Writer(record_number, hubspot_cells),
    "salesforce": Writer(record_id, salesforce_cells),
    "mailchimp": Writer(list_number, mailchimp_cells),
}


def exports(people: tuple[Appearance, ...]) -> list[Export]:
    """Every person in one vendor's files; who has no e-mail is in none of Mailchimp's."""
    files = {
        export.name: export for export in (hubspot(), salesforce(), mailchimp("subscribed"), mailchimp("unsubscribed"))
    }
    hub, sales, joined, left = files.values()
    for number, person in enumerate(people):
        turn = number % 3
        if turn == 2 and person.email.strip():
            export = left if person.opted_out else joined
        else:
            export = sales if turn else hub
        writer = WRITERS[export.shape]
        cells = common(export, person)
        writer.cells(person, cells)
        own = writer.number(number)
        cells[export.id_header] = own
        export.rows[own] = cells
    return [*files.values(), mailchimp("cleaned")]
