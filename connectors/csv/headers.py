"""Headers of real exports, and the one set of columns that they all become.

Sources: HubSpot's contact export (labels of properties), Salesforce's data export (field names) and report export
(labels), Mailchimp's audience export (three or four files by status), and what people type.
"""

from __future__ import annotations

import re
import unicodedata

CONTACT = """
first_name: givenname forename fname vorname prenom nombre
last_name: familyname surname lname nachname nom nomdefamille apellido apellidos
full_name: name fullname contactname contact
email: emailaddress mail primaryemail emailadresse courriel adresseemail correo correoelectronico
more_emails: additionalemailaddresses additionalemails secondaryemail email2 otheremail otheremails alternateemail
phone: phonenumber telephone telefon telephonenumber businessphone workphone telefonnummer tel
mobile_phone: mobilephonenumber mobile mobilenumber cell cellphone handy mobil portable
more_phones: otherphones additionalphones
company: companyname accountname organization organisation firma unternehmen entreprise societe empresa employer
job_title: jobtitle title position jobposition
street: streetaddress mailingstreet mailingaddress address addressline1 address1 strasse rue
city: mailingcity town ort stadt ville ciudad
region: stateregion state mailingstate mailingstateprovince stateprovince province bundesland county
postal_code: zip zipcode zippostalcode mailingpostalcode mailingzippostalcode postcode plz codepostal
country: countryregion mailingcountry land pays pais
owner: contactowner owneremail leadowner ownername contactownername
lifecycle_stage: lifecyclestage stage
email_opt_out: unsubscribedfromallemail hasoptedoutofemail optedoutofemail emailoptout optout optedout unsubscribed
do_not_call: donotcallme phoneoptout calloptout
status: emailmarketing emailmarketingstatus emailsubscriptionstatus subscriptionstatus subscriberstatus
email_consent:
phone_consent:
consent_at: emailconsentat
consent_who:
consent_how:
created_at: createdate createddate created dateadded creationdate
modified_at: lastmodifieddate lastmodified lastchanged updatedat modifieddate lastupdated datemodified
hub_id:
"""

CAMPAIGN = """
name: campaignname campaign title
channel: type campaigntype campaignchannel
status: campaignstatus campaignstate state
start_date: startdate campaignstartdate senddate start
end_date: enddate campaignenddate end
budget: budgetedcost totalbudget budgetedcostincampaign campaignbudget
currency: currencycode campaigncurrency currencyisocode
code: campaigncode campaigncodec
utm_source:
utm_medium:
utm_campaign:
utm_content:
utm_term:
"""

IDS = {
    "hubspot": ("recordid", "recordidcontact", "contactid", "vid"),
    "salesforce": ("id", "contactid", "leadid", "campaignid", "contactid18", "leadid18", "caseid18"),
    "mailchimp": ("leid", "uniqueid", "euid"),
    "plain": ("hubid", "id", "contactid", "customerid", "personid", "campaignid", "externalid", "recordid"),
}
"""Headers of the vendor's own id, best first."""

OWN_MEANING = {"mailchimp": {"region", "country code", "cc", "timezone", "notes"}}
"""Headers that mean something else in that vendor's export: Mailchimp's REGION is guessed from an IP address."""

MAILCHIMP_ONLY = {"optintime": "opted_in", "confirmtime": "confirmed", "unsubtime": "opted_out", "cleantime": "cleaned"}

NAME_PARTS = {"firstname", "lastname", "name", "fullname", "surname", "familyname"}
HUBSPOT_SIGNS = {
    *("contactowner", "lifecyclestage", "lastmodifieddate", "createdate", "phonenumber", "firstname", "email"),
    *("leadstatus", "originalsource", "unsubscribedfromallemail"),
}
HUBSPOT_OLD_SIGNS = {"lifecyclestage", "originalsource", "hubspotscore", "hubspotteam", "associatedcompanyid"}
MAILCHIMP_SIGNS = {"memberrating", "optintime", "leid", "euid", "lastchanged", "confirmtime", "unsubtime"}
SALESFORCE_FIELD_SIGNS = {
    *("accountid", "hasoptedoutofemail", "ownerid", "systemmodstamp", "mailingcity", "mailingstreet", "leadsource"),
    *("isdeleted", "isconverted", "reportstoid", "lastmodifiedbyid", "convertedcontactid"),
}
SALESFORCE_LABEL_SIGNS = {
    *("accountname", "emailoptout", "mailingcity", "mailingstreet", "mailingstateprovince", "leadsource", "leadowner"),
    *("leadstatus", "contactowner", "lastactivity", "accountowner", "companyaccount", "mailingzippostalcode"),
}
CAMPAIGN_SIGNS = {"campaignname", "campaign", "campaignid", "campaigncode"}


def squash(header: str) -> str:
    """A header without case, accents, spaces and signs: `E-Mail` and `email` are the same."""
    plain = unicodedata.normalize("NFKD", header.replace("ß", "ss")).casefold()
    return re.sub(r"[^a-z0-9]", "", plain)


def _table(text: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in text.strip().splitlines():
        column, _, others = line.partition(":")
        for word in (squash(column), *others.split()):
            table.setdefault(word, column)
    return table


CONTACT_HEADERS = _table(CONTACT)
CAMPAIGN_HEADERS = _table(CAMPAIGN)
CONTACT_COLUMNS = tuple(line.partition(":")[0] for line in CONTACT.strip().splitlines())
_BECOMES: dict[str, tuple[str, ...]] = {"owner": ("owner_email", "owner_name"), "email_opt_out": (), "do_not_call": ()}
SHOWN_COLUMNS = tuple(shown for column in CONTACT_COLUMNS for shown in _BECOMES.get(column, (column,)))
"""The columns as records show them: the owner by what he is called, opt-outs as consents."""
CAMPAIGN_COLUMNS = tuple(line.partition(":")[0] for line in CAMPAIGN.strip().splitlines())


def shape_of(squashed: set[str]) -> str:
    """Whose contact export these headers are: hubspot, salesforce, mailchimp, or plain."""
    has_id = {"recordid", "recordidcontact"} & squashed
    if (has_id and squashed & HUBSPOT_SIGNS) or ("contactid" in squashed and squashed & HUBSPOT_OLD_SIGNS):
        return "hubspot"
    if "emailaddress" in squashed and squashed & MAILCHIMP_SIGNS:
        return "mailchimp"
    if {"uniqueid", "title", "senddate"} <= squashed:
        return "mailchimp"
    if squashed & NAME_PARTS:
        if "id" in squashed and squashed & SALESFORCE_FIELD_SIGNS:
            return "salesforce"
        if {"contactid", "leadid", "contactid18", "leadid18"} & squashed and squashed & SALESFORCE_LABEL_SIGNS:
            return "salesforce"
    if "campaignid" in squashed and {"campaignname", "budgetedcost", "campaignowner"} & squashed:
        return "salesforce"
    return "plain"


def entity_of(squashed: set[str], shape: str) -> str:
    """Of what the rows are: contact, campaign, or "" when that cannot be told."""
    columns = {CONTACT_HEADERS[word] for word in squashed if word in CONTACT_HEADERS}
    campaign = bool(squashed & CAMPAIGN_SIGNS) or {"uniqueid", "title", "senddate"} <= squashed
    if "email" in columns:
        return "contact"
    if campaign and not {"first_name", "last_name"} & columns:
        return "campaign"
    names = {"last_name", "full_name", "first_name"} & columns
    if names and (shape != "plain" or {"phone", "mobile_phone", "email_consent"} & columns):
        return "contact"
    return ""
