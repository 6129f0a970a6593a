"""The reference tables of the README, written from what the steps themselves say."""

from __future__ import annotations

import orjson

from mappings.conversions import TRANSFORMS
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
