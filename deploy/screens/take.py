"""Takes the picture of `hub demo` from a real terminal: .venv/bin/python deploy/screens/take.py

The program runs in a pseudo-terminal of 120 columns; what it prints there becomes `demo.svg` beside this file.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
HUB = HERE.parents[1] / ".venv" / "bin" / "hub"
COLUMNS = 120


def printed(command: list[str]) -> str:
    """What the command writes to a terminal's stdout; progress bars (stderr) are left out. Raises when it fails."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    program = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)  # noqa: S603
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the terminal's other end was closed: the program is over
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    if program.wait():
        raise SystemExit(f"{command} ended with {program.returncode}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def plain_format() -> str:
    """Rich's picture without fonts from the network: the reader's own monospace."""
    head, _, rest = CONSOLE_SVG_FORMAT.partition("    @font-face")
    return head + "    .{unique_id}-matrix" + rest.partition("    .{unique_id}-matrix")[2].replace("Fira Code, ", "")


def main() -> None:
    text = printed([str(HUB), "demo", *sys.argv[1:]])
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, color_system="truecolor", force_terminal=True)
        console.print(Text.from_ansi(text.strip("\n")), highlight=False)
        console.save_svg(str(HERE / "demo.svg"), title="hub demo", code_format=plain_format(), unique_id="hub-demo")


if __name__ == "__main__":
    main()
