"""The reference tables of the README, written from what the steps themselves say."""

from __future__ import annotations

import orjson

from mappings.clauses import CompositeDoc
from mappings.composites import apart
from mappings.conversions import TRANSFORMS
from mappings.language import FORMS
from mappings.normalisers import NORMALISERS
from mappings.transforms import Example, Transform


def normaliser_table() -> str:
    """Markdown: every normaliser, what it does, its examples."""
    rows = ["| normaliser | does | for example |", "|---|---|---|"]
    rows += [f"| `{step.name}` | {step.about} | {_examples(step.examples)} |" for step in NORMALISERS.values()]
    return "\n".join(rows)


def transform_table() -> str:
    """Markdown: every transform, its arguments, whether it can be undone, its examples."""
    rows = ["| transform | does | arguments | undone | for example |", "|---|---|---|---|---|"]
    for step in TRANSFORMS.values():
        undone = "yes" if step.inverse is not None else "no: only `in`"
        rows.append(f"| `{step.name}` | {step.about} | {_arguments(step)} | {undone} | {_examples(step.examples)} |")
    return "\n".join(rows)


def form_table() -> str:
    """Markdown: the forms of full names, and how some come apart."""
    names = (
        "Anna Maria Smith",
        "Ludwig van Beethoven",
        "Smith Anna",
        "van Dam Anna Maria",
        "Smith Jones, Anna",
        "Anna",
    )
    shown = {"given_first": (0, 1, 5), "family_first": (2, 3, 5), "family_comma": (4, 5)}
    rows = ["| form | the whole → given name, family name |", "|---|---|"]
    for form in FORMS:
        doc = CompositeDoc("", ("given_name", "family_name"), form)
        told = [(names[i], *apart(doc, names[i])) for i in shown[form]]
        cells = "; ".join(f"`{whole}` → {_part(given)}, {_part(family)}" for whole, given, family in told)
        rows.append(f"| `{form}` | {cells} |")
    return "\n".join(rows)


def _part(text: str) -> str:
    return f"`{text}`" if text else "none"


def _arguments(step: Transform) -> str:
    told = [f"`{a.name}`{'' if not a.required else ' (needed)'}: {a.about}" for a in step.args]
    return "; ".join(told).replace("|", "\\|")


def _examples(examples: tuple[Example, ...]) -> str:
    told = []
    for example in examples:
        given = _json(example.given) if example.args is None else f"{_json(example.given)} with {_json(example.args)}"
        told.append(f"{given} → {_json(example.gives)}")
    return "; ".join(told)


def _json(value: object) -> str:
    return "`" + orjson.dumps(value).decode().replace("|", "\\|").replace("\u00a0", "\\u00a0") + "`"
