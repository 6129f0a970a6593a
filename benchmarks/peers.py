"""Expression languages doing the fields of `hubspot/contacts`, as far as they can.

What none of them can do without code of ours: phone numbers in E.164, country names to codes, match keys, consent,
complaints about what doesn't fit. JMESPath can neither trim nor change case nor look a word up: it picks and renames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mappings.expressions import check

STAGES = {
    "subscriber": "subscriber",
    "lead": "lead",
    "marketingqualifiedlead": "mql",
    "salesqualifiedlead": "sql",
    "opportunity": "opportunity",
    "customer": "customer",
    "evangelist": "evangelist",
    "other": "other",
}
TEXTS = {
    "given_name": "firstname",
    "family_name": "lastname",
    "phone": "phone",
    "company_name": "company",
    "title": "jobtitle",
    "street": "address",
    "city": "city",
    "region": "state",
    "postal_code": "zip",
    "country": "country",
    "owner_id": "hubspot_owner_id",
}

SIMPLE = "\n".join(
    [
        "mapping: bench/contacts",
        "version: 1",
        "entity: contact",
        "match: [{key: email, from: [email]}]",
        "fields:",
        *(
            f"  {'custom.' * (name == 'owner_id')}{name}: {{path: {path}, direction: in}}"
            for name, path in TEXTS.items()
        ),
        "  email: {path: email, normalise: [trim, lower], direction: in}",
        '  emails: {path: [email, hs_additional_emails], split: ";", normalise: [trim, lower], direction: in}',
        "  custom.phones: {path: [phone, mobilephone], kind: text_set, direction: in}",
        "  lifecycle_stage: {path: lifecyclestage, table: {"
        + ", ".join(f"{remote}: {ours}" for remote, ours in STAGES.items())
        + "}, on_unknown: reject, direction: in}",
        "policy: {creates: false}",
        "",
    ]
)
"""A mapping that does no more than the peers: trim, lower-case, split, look up; read without keys and consent."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`run` makes the fields of one record; `does`: how many of the 15 come out as the simple lens gives them."""

    name: str
    run: Callable[[dict[str, Any]], Any]
    does: str


def jmespath_peer() -> Peer:
    import jmespath

    pairs = [*TEXTS.items(), ("email", "email"), ("lifecycle_stage", "lifecyclestage")]
    pairs += [("emails", "[email, hs_additional_emails]"), ("phones", "[phone, mobilephone]")]
    compiled = jmespath.compile("{" + ", ".join(f"{name}: {path}" for name, path in pairs) + "}")
    return Peer("jmespath", compiled.search, "picks and renames: no trim, no case, no split, no table")


def jsonata_peer() -> Peer:
    import jsonata

    fields = [f'"{name}": $clean({path})' for name, path in TEXTS.items()]
    fields += ['"email": $lowercase($clean(email))', '"lifecycle_stage": $lookup($stages, lifecyclestage)']
    fields += ['"emails": $split($lowercase(email & ";" & hs_additional_emails), ";")']
    fields += ['"phones": [$clean(phone), $clean(mobilephone)]']
    stages = ", ".join(f'"{remote}": "{ours}"' for remote, ours in STAGES.items())
    clean = "$clean := function($t) {$t ? $trim($t) : null}"
    text = f"($stages := {{{stages}}}; {clean}; {{{', '.join(fields)}}})"
    return Peer(
        "jsonata-python", jsonata.Jsonata(text).evaluate, "trim, case, split, table; sets neither sorted nor unique"
    )


def cel_peer() -> Peer:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_strings

    # Loads CEL as the hub does, which sees to it that its nulls don't end the process.
    check("true")

    def clean(path: str) -> str:
        return f"(r.{path} == null ? dyn(null) : dyn(r.{path}.trim()))"

    fields = [f"'{name}': {clean(path)}" for name, path in TEXTS.items()]
    stages = ", ".join(f"'{remote}': '{ours}'" for remote, ours in STAGES.items())
    table = f"(r.lifecyclestage == null ? dyn(null) : dyn({{{stages}}}[r.lifecyclestage]))"
    both = "r.email.lowerAscii() + (r.hs_additional_emails == null ? '' : ';' + r.hs_additional_emails.lowerAscii())"
    fields += [
        "'email': (r.email == null ? dyn(null) : dyn(r.email.trim().lowerAscii()))",
        f"'lifecycle_stage': {table}",
    ]
    fields += [
        f"'emails': (r.email == null ? [] : ({both}).split(';'))",
        f"'phones': [{clean('phone')}, {clean('mobilephone')}]",
    ]
    env = cel.NewEnv(
        variables={"r": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}, extensions=[ext_strings.ExtStrings()]
    )
    program = env.compile("{" + ", ".join(fields) + "}")

    def run(record: dict[str, Any]) -> Any:
        return program.eval(data={"r": record}).plain_value()

    return Peer("CEL (cel-expr-python)", run, "trim, ASCII case, split, table; sets neither sorted nor unique")


def peers() -> tuple[Peer, ...]:
    return jmespath_peer(), jsonata_peer(), cel_peer()
