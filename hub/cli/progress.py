"""Progress on stderr: one bar per job, connection and stream under way; silent when stderr is not a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from hub.cli.screen import err

WORDS = {
    "pause": "waiting for workers to pause",
    "wait": "waiting until it is time to try or look again",
    "pull": "reading",
    "reconcile": "matching",
    "push": "writing",
    "undo": "undoing",
    "verify": "verifying",
    "backfill": "backfilling",
    "export": "exporting",
    "plan": "planning",
    "reread": "reading again",
    "upgrade": "upgrading",
    "copy": "copying",
    "compare": "comparing",
}
DONE = ("read", "heard", "written", "compared", "done")
"""The counts that say how far a job is, first found first shown; otherwise the sum of all counts."""


class Bars:
    """Used as a context; `update` is called by the job with its counts so far."""

    def __init__(self) -> None:
        self._console = err()
        self._tasks: dict[tuple[str, str, str], TaskID] = {}
        self._progress = self._fresh()

    def _fresh(self) -> Progress:
        return Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[shown]}", justify="right"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self._console.is_terminal,
        )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the bars away while something else is printed; what begins after it gets fresh ones."""
        self._progress.stop()
        yield
        self._tasks.clear()
        self._progress = self._fresh()
        self._progress.start()

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, job: str, connection: str, stream: str, counts: Mapping[str, int], total: int | None) -> None:
        """Shows how far a job is. `total` is None when nobody knows it; then the bar only moves."""
        if self._progress.disable:
            return
        at = (job, connection, stream)
        done = next((counts[name] for name in DONE if counts.get(name)), sum(counts.values()))
        shown = f"{done:,} of {total:,}" if total else f"{done:,}"
        if at not in self._tasks:
            words = " ".join(w for w in (WORDS.get(job, job), connection, stream) if w)
            self._tasks[at] = self._progress.add_task(words, total=total, shown=shown)
        self._progress.update(self._tasks[at], completed=done, total=total, shown=shown)
