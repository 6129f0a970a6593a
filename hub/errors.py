"""Errors are values with an owner: each says where, what was said, what was expected and how to mend it.

Personal data and secrets never go into these texts: name the place (file, line, field, record id), not the person.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in something a person gave us.

    `where` is a place a person can open ("mappings/hubspot/contacts.yaml:12 fields.email.path");
    `said` quotes the input as far as it is not personal; `expected` and `mend` are plain sentences.
    """

    where: str
    said: str
    expected: str
    mend: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.said}; expected {self.expected}"
        return f"{text}. {self.mend}" if self.mend else text


class HubError(Exception):
    """Base of every error a person may see. `mend` says what to do next; `exit_code` is the CLI's."""

    exit_code = 1

    def __init__(self, message: str, *, mend: str = "", complaints: tuple[Complaint, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.complaints = complaints


class BadInput(HubError):
    """What a person gave cannot be used; nothing was changed."""


class NotFound(HubError):
    """The named thing does not exist; the message names the nearest that does."""


class NeedsPerson(HubError):
    """A person must decide before work can go on."""

    exit_code = 3


class Refused(HubError):
    """The hub declines to do this because it would do harm."""


class LeaseLost(HubError):
    """Another worker took over what this one was doing; what it was about to keep was not kept."""
