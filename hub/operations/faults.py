"""What a vendor's fault means to an operator: one sentence, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hub.domain.outcome import Fault, Owner
from hub.errors import HubError
from hub.sdk.auth import Denied
from hub.sdk.http import ContractBroken
from hub.transport.client import Failed

MENDS = {
    Owner.MACHINE: "nothing is lost; run it again later",
    Owner.OPERATOR: "mend the connection's secrets, scopes or settings, then `hub connections check {name}`",
    Owner.STEWARD: "mend the record in that system",
    Owner.US: "the answer is not what the API promises: check --base-url, and whether a proxy stands between",
}


def sentence(fault: Fault) -> str:
    """`code: message`."""
    return f"{fault.code}: {fault.message}"


def mend(fault: Fault, name: str) -> str:
    return MENDS[fault.owner].format(name=name)


@contextmanager
def spoken(name: str) -> Iterator[None]:
    """Turns what a vendor (or the way there) did wrong into an error for the operator of the connection `name`."""
    try:
        yield
    except Failed as failed:
        raise HubError(f"{name}: {sentence(failed.fault)}", mend=mend(failed.fault, name)) from None
    except ContractBroken as broken:
        fault = broken.fault()
        raise HubError(f"{name}: {sentence(fault)}", mend=mend(fault, name)) from None
    except Denied as denied:
        raise HubError(f"{name}: {denied}", mend=MENDS[Owner.OPERATOR].format(name=name)) from None
