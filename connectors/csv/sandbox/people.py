"""Clerks who keep contacts in other systems and export them again after every change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.csv.sandbox.exports import WRITERS, Export, flag, stamp
from connectors.csv.settings import Settings
from connectors.csv.shapes import layout
from hub.sdk.sandbox import Unsupported

FLAGS = {"email_opt_out", "do_not_call"}


class Clerks:
    """The `People` of this sandbox. Fields are the canonical columns; ids are as the stream gives them
    (`hubspot:70000000001`)."""

    def __init__(self, folder: Path, exports: list[Export], clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._exports = exports
        self._clock = clock
        self._lock = threading.RLock()
        self._settings = Settings()
        for export in exports:
            self._save(export)

    def ids(self) -> list[str]:
        with self._lock:
            return sorted(f"{export.shape}:{own}" for export in self._exports for own in export.rows)

    def find(self, email: str) -> str | None:
        wanted = email.strip().casefold()
        with self._lock:
            for export in self._exports:
                for own, cells in export.rows.items():
                    if cells.get(export.canonical["email"], "").strip().casefold() == wanted:
                        return f"{export.shape}:{own}"
        return None

    def get(self, remote_id: str) -> dict[str, Any] | None:
        with self._lock:
            try:
                export, own = self._row(remote_id)
            except KeyError:
                return None
            cells = [export.rows[own].get(title, "") for title in export.header]
            record = layout(export.header, export.name, self._settings).record(cells, self._settings)
            return None if record is None else dict(record.raw)

    def create(self, fields: Mapping[str, Any]) -> str:
        """In the HubSpot of these clerks."""
        with self._lock:
            export = self._exports[0]
            self._check(export, fields)
            email = str(fields.get("email") or "").strip()
            held = {cells.get("Email", "").strip().casefold() for cells in export.rows.values()}
            if email and email.casefold() in held:
                raise ValueError("a contact with this e-mail exists already")
            number = max((int(own) for own in export.rows), default=int(WRITERS["hubspot"].number(0))) + 17
            export.rows[str(number)] = {"Record ID": str(number), "Create Date": stamp("hubspot", self._clock())}
            self._set(export, str(number), fields)
            return f"hubspot:{number}"

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self._lock:
            export, own = self._row(remote_id)
            self._check(export, fields)
            self._set(export, own, fields)

    def delete(self, remote_id: str) -> None:
        """The next export does not have the row any more."""
        with self._lock:
            export, own = self._row(remote_id)
            del export.rows[own]
            self._save(export)

    def merge(self, winner: str, loser: str) -> str:
        raise Unsupported("files have no merge")

    def opt_out(self, remote_id: str) -> None:
        """Mailchimp moves the row to the file of the unsubscribed, with the time; the others set their field."""
        with self._lock:
            export, own = self._row(remote_id)
            if export.shape != "mailchimp":
                self._set(export, own, {"email_opt_out": True})
                return
            left = next(e for e in self._exports if e.name.startswith("unsubscribed_"))
            cells = export.rows.pop(own)
            left.rows[own] = cells | {"UNSUB_TIME": stamp("mailchimp", self._clock())}
            self._save(export)
            self._save(left)

    def _row(self, remote_id: str) -> tuple[Export, str]:
        shape, _, own = remote_id.partition(":")
        for export in self._exports:
            if export.shape == shape and own in export.rows:
                return export, own
        raise KeyError(remote_id)

    def _check(self, export: Export, fields: Mapping[str, Any]) -> None:
        unknown = sorted(set(fields) - set(export.canonical))
        if unknown:
            raise ValueError(f"{unknown[0]} is not a column of {export.name}")

    def _set(self, export: Export, own: str, fields: Mapping[str, Any]) -> None:
        cells = export.rows[own]
        for column, value in fields.items():
            said = flag(export.shape, bool(value)) if column in FLAGS else str(value or "")
            cells[export.canonical[column]] = said
        cells[export.canonical["modified_at"]] = stamp(export.shape, self._clock())
        self._save(export)

    def _save(self, export: Export) -> None:
        part = self._folder / f".{export.name}.part"
        part.write_bytes(export.text())
        part.replace(self._folder / export.name)
