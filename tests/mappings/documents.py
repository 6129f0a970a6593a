"""Documents that the tests share: one that uses every word of the language, and small ones."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

VERSION_1 = Path(__file__).parent / "version_1"
"""Documents as they were written in version 1 of the language; they are not changed."""

EVERYTHING = """\
mapping: acme/people
version: 2
about: Uses every word of the language.
entity: contact
match:
  - key: email
    from: [email, more_emails]
    split: ";"
    normalise: [trim, lower]
    name_from: [names.first, names.last]
  - key: phone_name
    from: [phone, names.first, names.last]
    country: {path: country, default: US}
fields:
  email: {path: email, normalise: [trim, lower], compare: casefold, weight: owner}
  emails: {path: [email, more_emails], split: ";", direction: in, normalise: [trim, lower]}
  phones: {path: phones, split: ",", normalise: [phone], country: US}
  given_name: names.first
  family_name: {path: names.last, normalise: [nfc, collapse_spaces], max_length: 80}
  company_name: {path: company, empty: is_null, overwrite: false}
  title: {path: [title, role], weight: if_empty}
  street: {path: [street_1, street_2], join: "\\n", direction: both, normalise: []}
  city: {path: city, normalise: [], compare: exact}
  region: {path: state, empty: is_missing, normalise: [trim, upper]}
  country: {path: country, transform: [country_name], direction: both}
  phone: {path: phone, normalise: [phone], compare: phone, country: {path: country, default: US}}
  lifecycle_stage:
    path: stage
    table: {New: subscriber, Lead: lead, Warm: mql, Hot: mql, true: customer, "": other}
    write_table: {evangelist: true, opportunity: Hot}
    on_unknown: {default: lead}
  owner_email: {path: owner.email, direction: out}
  custom.score: {path: score, kind: integer, transform: [{integer: {as: text}}]}
  custom.born: {path: born, kind: date, transform: [{date: D.M.YYYY}], part: details}
  custom.joined: {path: joined, kind: datetime, transform: [epoch_ms]}
  custom.spend: {path: spend, kind: money, transform: [{major_to_minor: {currency: currency, as: text}}]}
  custom.currency: {path: currency, normalise: [trim, upper]}
  custom.vip: {path: vip, kind: boolean, transform: [{boolean: {yes: Y, no: N}}]}
  custom.tier: {path: tier, transform: [{default: basic}], weight: never}
  custom.tags: {path: "tags[].name", kind: text_set}
  custom.source: {constant: acme}
  custom.region: {path: area, table: {N: north}, on_unknown: pass}
  custom.rank: {path: rank, table: {A: first}, on_unknown: reject}
  custom.handle: {compute: "'@' + record.nick.lowerAscii()", reads: [nick], kind: text, weight: if_empty}
  custom.age: {compute: "has(record.birth.year) ? dyn(2026 - int(record.birth.year)) : null", kind: integer}
  custom.topics: {compute: "record.topics.split('/')", kind: text_set, normalise: [trim, lower]}
composites:
  - {path: boss, fields: [custom.boss_given, custom.boss_family], form: given_first, empty: is_null, weight: if_empty}
  - path: sorted_name
    fields: [custom.given, custom.family]
    form: family_comma
    direction: both
    overwrite: false
    part: details
    max_length: 60
  - {path: site, fields: [custom.building, custom.floor, custom.room], by: " / "}
consent:
  email:
    read:
      - path: status
        denied: [unsubscribed, cleaned]
        granted: [subscribed]
        none: [pending]
        at: status_at
        evidence: {who: {path: ip}, how: the sign-up form, when: status_at}
      - {path: no_mail, denied: ["*"], at: $modified_at}
    write: {deny: {status: unsubscribed}, grant: {status: pending}, part: consent}
  phone:
    read: {path: do_not_call, denied: [true, 1]}
  sms:
    write: {deny: {sms_off: true}}
scope:
  when: "!has(record.archived) || record.archived != true"
  where:
    - {path: kind, not_in: [test, null]}
    - any:
        - {path: email, present: true}
        - {path: phone, starts_with: "+"}
        - {path: company, contains: gmbh}
        - {path: id, ends_with: x}
        - {path: kind, in: [person]}
policy:
  creates: true
  create_denied: false
  create_beside: true
  create_key: email
  create_requires: [family_name]
  on_gone: ask
  on_buried: remove
  caps: {creates: 100, clears: 2%, removes: 0, gone: 12.5%}
drift: {new: adopt, removed: park, retyped: ignore}
examples:
  - raw: {email: " Anna@X.com", stage: Warm, names: {first: Anna, last: null}}
    modified_at: "2026-01-01T00:00:00.000Z"
    includes: {email: anna@x.com, given_name: Anna, family_name: null, lifecycle_stage: mql}
    keys: ["email:anna@x.com"]
    consent: {}
    in_scope: true
    complaints: []
  - put: {given_name: Anna, phones: ["+14155550100"]}
    consent: {email: denied}
    onto: {names: {first: Ann}}
    gives: {names.first: Anna, phones: "+14155550100", status: unsubscribed}
"""


def document(fields: str, rest: str = "", *, entity: str = "contact", match: str = "") -> str:
    """A small valid document around some fields (and further sections)."""
    keys = {"contact": "match: [{key: email, from: mail}]", "campaign": "match: [{key: name, from: name}]", "fact": ""}
    lines = ["mapping: acme/people", "version: 2", f"entity: {entity}", match or keys[entity], "fields:"]
    body = dedent(fields).strip("\n")
    return "\n".join([*lines, *("  " + line for line in body.split("\n")), dedent(rest).strip("\n"), ""])
