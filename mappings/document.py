"""Mapping documents: from text to a checked `Document`, or to every complaint at once."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import orjson

from hub.errors import BadInput, Complaint
from mappings.authoring import build
from mappings.clauses import Document
from mappings.language import DOCUMENT
from mappings.shapes import Checker
from mappings.tree import Node, plain, read
from mappings.upgrade import current


class BadDocument(BadInput):
    """A document that cannot be used; `complaints` says everything that is wrong with it."""


def check(source: bytes | str, file: str) -> tuple[Document | None, tuple[Complaint, ...]]:
    """The document, or None with every complaint. Never raises, whatever the input."""
    tree, complaints = read(source, file)
    if tree is None:
        return None, complaints
    checker = Checker(file)
    tree = current(checker, tree)
    data = checker.check(tree, DOCUMENT)
    if not isinstance(data, dict):
        return None, tuple(checker.complaints)
    document = build(checker, data, digest(tree, ("about", "examples")))
    if document is None or checker.complaints:
        return None, tuple(checker.complaints)
    return replace(document, lines=checker.lines), ()


def parse(source: bytes | str, file: str) -> Document:
    """The document. `BadDocument` with every complaint."""
    document, complaints = check(source, file)
    if document is None:
        raise rejected(file, complaints)
    return document


def rejected(file: str, complaints: tuple[Complaint, ...]) -> BadDocument:
    count = "1 mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
    return BadDocument(f"{file} has {count}", mend="Mend them and try again", complaints=complaints)


def digest(tree: Node, without: tuple[str, ...]) -> str:
    """A hash of the document's content, whatever the order of its keys; `without` some top-level keys."""
    content = plain(tree)
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key not in without}
    data = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(data, digest_size=16).hexdigest()
