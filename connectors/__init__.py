"""One folder per vendor. Each folder exports `CONNECTOR`, the frozen value that is all the hub knows of it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from hub.sdk.connector import Connector


def names() -> tuple[str, ...]:
    """The connectors there are, by name."""
    return tuple(sorted(m.name for m in iter_modules(__path__) if m.ispkg))


def load(name: str) -> Connector:
    """The connector of that name. KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    connector: Connector = import_module(f"connectors.{name}").CONNECTOR
    return connector
