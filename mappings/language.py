"""The shapes of mapping documents and entity documents: their closed key sets, in one place."""

from __future__ import annotations

from hub.domain.entities import CHANNELS, ENTITIES, Kind
from hub.domain.policy import Compare, Direction, OnBuried, OnGone, Rule, Weight
from mappings.conversions import TRANSFORMS
from mappings.normalisers import NORMALISERS
from mappings.paths import MAX_PATH
from mappings.shapes import (
    RECURSIVE,
    Again,
    Anything,
    Boolean,
    Either,
    Integer,
    Key,
    ListOf,
    MapOf,
    Named,
    Object,
    OneOf,
    Scalar,
    Shape,
    Text,
)
from mappings.transforms import Transform

VERSION = 2
"""Documents of older versions are brought to this one when they are read: see `mappings/upgrade.py`."""
NAME = r"[a-z][a-z0-9_]{0,39}"


_VERSION = Integer(VERSION, VERSION, f"{VERSION}, the version of the language")


def _words(words: type[Compare | Direction | OnBuried | OnGone | Rule | Weight | Kind]) -> Text:
    values = tuple(word.value for word in words)
    return Text(f"one of {', '.join(values)}", values)


PATH = Text("a remote path", max_length=MAX_PATH)
PATHS = Either("a remote path or a list of them", scalar=PATH, many=ListOf(PATH, 1, 20, "a list of remote paths"))
VALUE = Scalar("a single value")
VALUES = ListOf(VALUE, 0, 500, "a list of values")
FIELD_NAME = Text("the name of a canonical field", pattern=r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_ ]{1,60})?", max_length=100)
REGION = Text("a country code (ISO 3166 alpha-2)", pattern="[A-Z]{2}", max_length=2)
COUNTRY = Either(
    "a country code, or {path, default}",
    scalar=REGION,
    mapping=Object(
        {
            "path": Key(PATH, "the remote path of the country", True),
            "default": Key(REGION, "the country when the record names none"),
        },
        "{path, default}",
    ),
)
EXPRESSION = Text("an expression (CEL)", max_length=2_000)
PART = Text("the name of a write call", pattern=NAME, max_length=40)

_NORMALISER = Text(f"one of {', '.join(NORMALISERS)}", tuple(NORMALISERS))
NORMALISE = ListOf(_NORMALISER, 0, 10, "a list of normalisers")


def _arguments(transform: Transform) -> Shape:
    keys = {arg.name: Key(arg.shape, arg.about, arg.required) for arg in transform.args}
    mapping = Object(keys, f"the arguments of {transform.name}")
    if not transform.args:
        return Object({}, f"nothing: {transform.name} takes no arguments")
    return Either(f"the arguments of {transform.name}", scalar=transform.args[0].shape, mapping=mapping)


_BARE = tuple(name for name, t in TRANSFORMS.items() if not any(arg.required for arg in t.args))
_TRANSFORM = Either(
    f"a transform: {', '.join(TRANSFORMS)}",
    scalar=Text(f"a transform without arguments: {', '.join(_BARE)}", _BARE),
    mapping=Named(
        {name: _arguments(t) for name, t in TRANSFORMS.items()},
        f"one of {', '.join(TRANSFORMS)}",
        {name: t.about for name, t in TRANSFORMS.items()},
    ),
)

FIELD = Object(
    {
        "path": Key(PATHS, "the remote path, or several"),
        "constant": Key(Scalar("a single value", null=False), "the value itself"),
        "compute": Key(EXPRESSION, "an expression over `record` that gives the value; only read"),
        "reads": Key(ListOf(PATH, 1, 50, "a list of remote paths"), "what `compute` reads, where it cannot be told"),
        "join": Key(Text("a text", empty=True, max_length=10), "joins the parts of several paths"),
        "split": Key(Text("a text", max_length=10), "separates the elements of a set in one remote text"),
        "normalise": Key(NORMALISE, "normalisers, applied when reading"),
        "transform": Key(ListOf(_TRANSFORM, 0, 10, "a list of transforms"), "transforms, undone when writing"),
        "table": Key(MapOf(VALUE, Text("a remote value", empty=True), True, 2000), "remote value: canonical value"),
        "write_table": Key(MapOf(VALUE, Text("a canonical value"), True, 2000), "canonical value: remote value"),
        "on_unknown": Key(
            Either(
                "reject, pass or {default: value}",
                scalar=Text("reject, pass or {default: value}", ("reject", "pass")),
                mapping=Object(
                    {"default": Key(Scalar("a canonical value", null=False), "the canonical value to take", True)},
                    "{default: value}",
                ),
            ),
            "for values not in the table",
        ),
        "kind": Key(_words(Kind), "the kind of a custom field"),
        "country": Key(COUNTRY, "default region of phone numbers"),
        "compare": Key(_words(Compare), "how the vendor keeps the value"),
        "empty": Key(
            Text("one of keep, is_null, is_missing", ("keep", "is_null", "is_missing")), "what an empty text means"
        ),
        "direction": Key(_words(Direction), "who may change it"),
        "weight": Key(_words(Weight), "how much this connection's word counts"),
        "overwrite": Key(Boolean(), "false: only fill what is empty there"),
        "part": Key(PART, "the write call it travels in"),
        "max_length": Key(Integer(1, 100_000), "longest text"),
    },
    "a key of a field",
    {"write_if_empty": "`overwrite: false`"},
)
FIELDS = MapOf(
    Either("a remote path, or the settings of a field", scalar=PATH, mapping=FIELD), FIELD_NAME, False, 500, "fields"
)

FORMS = ("given_first", "family_first", "family_comma")
COMPOSITE = Object(
    {
        "path": Key(PATH, "the remote path of the whole", True),
        "fields": Key(ListOf(FIELD_NAME, 2, 10, "a list of canonical fields"), "the canonical fields in it", True),
        "form": Key(Text(f"one of {', '.join(FORMS)}", FORMS), "how a full name is made of a given and a family name"),
        "by": Key(Text("a text", max_length=10), "separates the parts, which stand in the order of `fields`"),
        "empty": Key(Text("keep or is_null", ("keep", "is_null")), "what is written when no part is left"),
        "direction": Key(_words(Direction), "who may change the parts"),
        "weight": Key(_words(Weight), "how much this connection's word counts"),
        "overwrite": Key(Boolean(), "false: only fill what is empty there"),
        "part": Key(PART, "the write call it travels in"),
        "max_length": Key(Integer(1, 100_000), "longest whole"),
    },
    "a key of a composite",
)

MATCH_KINDS = {"contact": ("email", "phone_name"), "campaign": ("code", "name"), "fact": ()}
_KINDS = tuple(kind for kinds in MATCH_KINDS.values() for kind in kinds)
MATCH = Object(
    {
        "key": Key(Text(f"one of {', '.join(_KINDS)}", _KINDS), "the kind of key", True),
        "from": Key(PATHS, "the remote paths it is made of", True),
        "split": Key(Text("a text", max_length=10), "separates several keys in one remote text"),
        "normalise": Key(NORMALISE, "normalisers of the parts"),
        "country": Key(COUNTRY, "default region of phone numbers"),
        "name_from": Key(PATHS, "the parts of the name beside a role mailbox"),
    },
    "a key of a match entry",
)

_SOURCE = Either(
    "a text, or {path: ...}",
    scalar=Text("a text"),
    mapping=Object({"path": Key(PATH, "a remote path", True)}, "{path: ...}"),
)
_WHEN = Either(
    "a remote path",
    scalar=PATH,
    mapping=Object({"path": Key(PATH, "a remote path", True)}, "{path: ...}"),
)
_EVIDENCE = Object(
    {
        "who": Key(_SOURCE, "who granted", True),
        "how": Key(_SOURCE, "by what", True),
        "when": Key(_WHEN, "the path of the time", True),
    },
    "who, how and when",
)
CONSENT_READ = Object(
    {
        "path": Key(PATH, "the remote path", True),
        "denied": Key(VALUES, "the values that deny"),
        "granted": Key(VALUES, "the values that grant"),
        "none": Key(VALUES, "the values that say nothing"),
        "at": Key(PATH, "the path of the vendor's time of the statement"),
        "evidence": Key(_EVIDENCE, "what makes a grant count"),
    },
    "a key of a consent reading",
)
_TELL = MapOf(VALUE, PATH, False, 20, "remote path: value")
CONSENT_WRITE = Object(
    {
        "deny": Key(_TELL, "what is written to deny", True),
        "grant": Key(_TELL, "what is written to grant"),
        "part": Key(PART, "the write call it travels in"),
    },
    "a key of a consent write",
)
CONSENT = Object(
    {
        channel: Key(
            Object(
                {
                    "read": Key(
                        Either(
                            "a reading or a list of them",
                            mapping=CONSENT_READ,
                            many=ListOf(CONSENT_READ, 1, 20, "a list of readings"),
                        ),
                        "how the consent is read",
                    ),
                    "write": Key(CONSENT_WRITE, "how it is written"),
                },
                "read and write",
            ),
            f"how records speak of consent by {channel}",
        )
        for channel in CHANNELS
    },
    f"a channel: {', '.join(CHANNELS)}",
)

_SNIPPET = Text("a text", max_length=200)
RECURSIVE["condition"] = Object(
    {
        "path": Key(PATH, "the remote path"),
        "in": Key(VALUES, "values that qualify"),
        "not_in": Key(VALUES, "values that don't"),
        "present": Key(Boolean(), "whether there must be a value"),
        "starts_with": Key(_SNIPPET, "how the text begins"),
        "ends_with": Key(_SNIPPET, "how the text ends"),
        "contains": Key(_SNIPPET, "what the text contains"),
        "any": Key(ListOf(Again("condition"), 1, 20, "a list of conditions"), "one of these is enough"),
    },
    "a condition",
)
SCOPE = Object(
    {
        "where": Key(ListOf(Again("condition"), 0, 20, "a list of conditions"), "all needed"),
        "when": Key(EXPRESSION, "an expression over `record` that must be true, too"),
    },
    "where or when",
)

CAP = OneOf(
    (Integer(0, 10**9), Text("a share", pattern=r"(?:100|[0-9]{1,2}(?:\.[0-9]{1,3})?)%", max_length=10)),
    "a number, or a share such as 2%",
)
CAPS = Object(
    {
        "creates": Key(CAP, "records made here"),
        "clears": Key(CAP, "fields that lose their value here"),
        "removes": Key(CAP, "records removed here"),
        "gone": Key(CAP, "records that a complete read no longer shows"),
    },
    "a cap: creates, clears, removes, gone",
)
POLICY = Object(
    {
        "creates": Key(Boolean(), "may the hub create records here"),
        "create_denied": Key(Boolean(), "also of people who denied a channel"),
        "create_beside": Key(Boolean(), "also of those who live in another stream of the same connection"),
        "create_key": Key(FIELD_NAME, "the field without which nothing is created"),
        "create_requires": Key(ListOf(FIELD_NAME, 0, 50, "a list of fields"), "further fields a create needs"),
        "on_gone": Key(_words(OnGone), "what a deletion there means"),
        "on_buried": Key(_words(OnBuried), "what to do with the record of a buried entity"),
        "caps": Key(CAPS, "the most that one run may do here without a person's consent"),
    },
    "a key of the policy",
)

_DRIFTS = Text("one of park, ignore, adopt", ("park", "ignore", "adopt"))
DRIFT = Object(
    {
        "new": Key(Text("ignore or adopt", ("ignore", "adopt")), "a remote field that is new"),
        "removed": Key(_DRIFTS, "a mapped remote field that is gone"),
        "retyped": Key(_DRIFTS, "a mapped remote field that changed its type or its choices"),
    },
    "a key of drift: new, removed, retyped",
)

_JSON = MapOf(Anything(), Text("a path", max_length=MAX_PATH), False, 500, "a mapping")
EXAMPLE = Object(
    {
        "raw": Key(_JSON, "a record"),
        "modified_at": Key(Text("a time in ISO 8601", max_length=40), "its record-level time"),
        "put": Key(_JSON, "canonical values to write"),
        "onto": Key(_JSON, "the record as it is"),
        "gives": Key(_JSON, "all that comes out"),
        "includes": Key(_JSON, "some of what comes out"),
        "keys": Key(ListOf(Text("a key as kind:value"), 0, 50, "a list of keys"), "the match keys"),
        "consent": Key(MapOf(Text("a state"), Text("a channel"), False, 10, "channel: state"), "consent by channel"),
        "in_scope": Key(Boolean(), "whether it is in scope"),
        "complaints": Key(ListOf(FIELD_NAME, 0, 50, "a list of fields"), "fields complained of"),
    },
    "a key of an example",
)

DOCUMENT = Object(
    {
        "mapping": Key(Text("connector/stream", pattern=f"{NAME}/{NAME}"), "connector/stream", True),
        "version": Key(_VERSION, str(VERSION), True),
        "about": Key(Text("a sentence", max_length=2000, empty=True), "what it is for"),
        "entity": Key(Text(f"one of {', '.join(ENTITIES)}", tuple(ENTITIES)), "contact, campaign or fact", True),
        "match": Key(ListOf(MATCH, 0, 10, "a list of keys"), "what identifies a record"),
        "fields": Key(FIELDS, "canonical name: remote path or settings", True),
        "composites": Key(ListOf(COMPOSITE, 0, 20, "a list of composites"), "remote fields that hold several of ours"),
        "consent": Key(CONSENT, "consent by channel"),
        "scope": Key(SCOPE, "which records are in scope"),
        "policy": Key(POLICY, "what the hub may do here"),
        "drift": Key(DRIFT, "what to do when the remote's fields change"),
        "examples": Key(ListOf(EXAMPLE, 0, 100, "a list of examples"), "executed by the tests"),
    },
    "a key of a mapping document",
)

_RANK = ListOf(Text("a connector or connection", pattern=r"[a-z][a-z0-9_-]{0,59}"), 0, 100, "a list of connectors")
_RULE = _words(Rule)
_SURVIVORSHIP = Either(
    "a rule, or {rule, rank}",
    scalar=_RULE,
    mapping=Object(
        {"rule": Key(_RULE, "who wins"), "rank": Key(_RANK, "connectors or connections, best first")}, "rule and rank"
    ),
)
ENTITY_DOCUMENT = Object(
    {
        "entity": Key(Text("contact or campaign", ("contact", "campaign")), "contact or campaign", True),
        "version": Key(_VERSION, str(VERSION), True),
        "about": Key(Text("a sentence", max_length=2000, empty=True), "what it is for"),
        "default": Key(_SURVIVORSHIP, "the rule of fields without one of their own"),
        "fields": Key(MapOf(_SURVIVORSHIP, FIELD_NAME, False, 500, "fields"), "the rule of a field"),
    },
    "a key of an entity document",
)
