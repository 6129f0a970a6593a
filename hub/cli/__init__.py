"""The command line: parses what an operator says, calls one operation, renders its answer."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """The entry point of the `hub` script. The program is loaded here, where Ctrl-C has an answer already."""
    try:
        from hub.cli.app import main as program
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was begun\n")
        raise SystemExit(INTERRUPTED) from None
    program()
