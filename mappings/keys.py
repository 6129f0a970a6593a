"""Match keys: what of a record says that it is the same person or campaign as another one."""

from __future__ import annotations

import unicodedata

from hub.domain.keys import Key
from mappings.kinds import looks_like_email

_SHARED = """
abuse accounting accounts admin administrator all billing booking bookings buero careers compliance contact contacts
customercare customerservice do-not-reply donotreply editor enquiries enquiry events feedback finance general hello
help helpdesk hi hr info information inquiries inquiry invoice invoices it jobs kontakt legal mail mailbox
mailer-daemon management marketing media news newsletter no-reply no_reply noc noreply notifications office operations
orders partner partners post postmaster pr press privacy reception recruiting recruitment reply root sales security
service services shop staff subscribe support team tech unsubscribe users webmaster welcome
"""
ROLES = frozenset(_SHARED.split())
"""Local parts of mailboxes that several people share. (Not closed in nature: a name that is missing here costs a
merge of strangers, one too many costs a missed match.)"""


def is_role(address: str) -> bool:
    """Whether a lower-cased address is a shared mailbox; a `+tag` is looked through."""
    local = address.partition("@")[0]
    return local in ROLES or ("+" in local and local.partition("+")[0] in ROLES)


def fold_name(name: str) -> str:
    """A name for comparing: NFKC, without case, single spaces."""
    text = name if name.isascii() else unicodedata.normalize("NFKC", name)
    return " ".join(text.casefold().split())


def email_key(address: str, name: str) -> Key | None:
    """The key of a lower-cased address; of a role mailbox only together with the full name.

    None when it is no address, or has a bar in it, which parts the address from the name.
    """
    if not looks_like_email(address) or "|" in address:
        return None
    if not is_role(address):
        return Key("email", address)
    folded = fold_name(name[:500])
    return Key("email", f"{address}|{folded}") if folded else None


def is_own(address: str) -> bool:
    """Whether a lower-cased address, known to be one, is by itself a key: no shared mailbox, no `+tag` to look through,
    no bar in it."""
    return "|" not in address and "+" not in address and address.partition("@")[0] not in ROLES


def name_of(parts: list[str]) -> str:
    """The name of a `phone_name` key; "" when a part of it is empty or too long."""
    for part in parts:
        if len(part) > 500 or not part or part.isspace():
            return ""
    return fold_name(" ".join(parts))


def phone_name_key(number: str | None, name: str) -> Key | None:
    """The key of a phone in E.164, an extension passed over, with a folded name; None when either is missing."""
    return Key("phone_name", f"{number.partition(';')[0]}|{name}") if number and name else None


def word_key(kind: str, text: str) -> Key | None:
    """The key of a campaign's code or name."""
    folded = fold_name(text[:500])
    return Key(kind, folded) if folded else None
