"""A local imitation of Mailchimp's Marketing API 3.0, over real HTTP, with its statuses, refusals and limits.

replies.py   answers, problem documents       query.py     pages, times, parts wanted
audience.py  who is in it, in which status    merge_fields.py  types and what they take
members.py   calls on members                 lists.py     calls on the audience
mailings.py  campaigns, growing reports       batches.py   asynchronous batches
people.py    what persons do                  seed.py      from the seeded world
server.py    routes, auth, the limit on connections
webhooks.py  made by the API, told over HTTP
"""

from __future__ import annotations

from connectors.mailchimp.sandbox.server import MailchimpSandbox
from hub.sdk.sandbox import Sandbox, SandboxOptions

__all__ = ["MailchimpSandbox", "sandbox"]


def sandbox(options: SandboxOptions) -> Sandbox:
    return MailchimpSandbox(options)
