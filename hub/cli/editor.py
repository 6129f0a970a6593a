"""A person's own editor on a text: in a file that only they can read, which is gone afterwards."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hub.errors import BadInput

USUAL = ("nano", "vi")


def command(environ: Mapping[str, str] | None = None) -> list[str]:
    """$VISUAL, else $EDITOR, else one that is usually there. BadInput when there is none."""
    said = os.environ if environ is None else environ
    named = said.get("VISUAL") or said.get("EDITOR")
    if named:
        return shlex.split(named)
    found = next((path for name in USUAL if (path := shutil.which(name)) is not None), None)
    if found is None:
        raise BadInput(
            "no editor is known", mend="set EDITOR, or give the text with --file or single places with --set"
        )
    return [found]


def edit(text: str, name: str) -> str:
    """The text as the person left it. BadInput when the editor could not be run or failed; then nothing changed."""
    words = command()
    with tempfile.TemporaryDirectory(prefix="hub-edit-") as folder:
        path = Path(folder) / f"{name.replace('/', '-')}.yaml"
        path.write_bytes(text.encode())
        try:
            done = subprocess.run([*words, str(path)], check=False)  # noqa: S603 - the person's own editor
        except OSError as error:
            raise BadInput(f"{words[0]} cannot be run: {error.strerror}", mend="set EDITOR to one that can") from None
        if done.returncode:
            raise BadInput(f"{words[0]} ended with {done.returncode}; nothing was changed", mend="try again")
        return path.read_bytes().decode(errors="surrogateescape")
