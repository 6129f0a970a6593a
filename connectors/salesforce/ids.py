"""Salesforce ids: 15 characters where case matters, or 18 where three more say which letters are capitals.

Salesforce's "Working with IDs" guide: each of the last three characters stands for five of the first fifteen, read as
five bits (capital or not), written as one of A-Z, 0-5.
"""

from __future__ import annotations

import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def is_id(text: str) -> bool:
    """Whether a text has the form of an id (15 or 18 characters)."""
    return _FORM.fullmatch(text) is not None


def suffix(id15: str) -> str:
    """The three characters that make 15 into 18."""
    groups = (id15[0:5], id15[5:10], id15[10:15])
    return "".join(_ALPHABET[sum(1 << i for i, c in enumerate(group) if "A" <= c <= "Z")] for group in groups)


def long_id(text: str) -> str:
    """The 18-character form; a text that is no id comes back as it is."""
    return text + suffix(text) if len(text) == 15 and is_id(text) else text
