"""How mapping documents are drawn: lists, versions, fields, what checks found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.screen import cut, plain
from hub.errors import Complaint
from hub.operations.mappings.checks import Check, Tested, Validated
from hub.operations.mappings.comparison import Compared
from hub.operations.mappings.drafts import Dropped, Edited
from hub.operations.mappings.fields import FieldsShown
from hub.operations.mappings.files import Applied, Pull, PulledFiles
from hub.operations.mappings.names import VersionLine
from hub.operations.mappings.versions import History, Mappings

SAID_MOST = 200
"""Characters of what a document says in one place that a table shows."""
ARROWS = {"in": "→", "out": "←", "both": "⇄"}
STATES = {"published": "green", "validated": "cyan", "draft": "yellow", "retired": "dim", "dropped": "dim"}


def listed(answered: Mappings) -> RenderableType:
    """Each document with what holds, and below them what waits for a person."""
    table = tables.table("mapping", "of", "version", "since", "by", "drafts", numbers=["version"])
    for quiet in table.columns[:4]:
        quiet.no_wrap = True
    for m in answered.mappings:
        table.add_row(
            Text(m.name, style="bold"),
            Text(m.entity, style="dim"),
            str(m.version),
            (m.published_at or "")[:10],
            tables.text(cut(m.who, 24)),
            Text(", ".join(_short(d) for d in m.drafts), style="yellow"),
        )
    notes = [
        *(_note("drafts", words) for m in answered.mappings for words in trouble(m.drafts)),
        *(
            _note("library", f"it has a newer {m.name}: ", f"hub mappings edit {m.name} --library")
            for m in answered.mappings
            if m.library
        ),
        *(
            _note(
                "file",
                f"mappings/{m.name}.yaml of the home says something else than what holds; nobody reads it any more",
            )
            for m in answered.mappings
            if m.file is not None
        ),
        *(
            _note("under way", f"{m.name} is still being read again: ", "hub sync")
            for m in answered.mappings
            if m.reading
        ),
    ]
    return tables.stack(table, Group(*notes) if notes else None)


def _note(what: str, said: str, command: str = "") -> Text:
    return tables.line((f"{what}: ", "yellow"), said, (command, "bold"))


def _short(draft: VersionLine) -> str:
    return f"{draft.version} by {cut(draft.who, 20)}{' (stale)' if draft.stale else ''}"


def trouble(drafts: Sequence[VersionLine]) -> list[str]:
    """Drafts that are in each other's way, or that lost their base."""
    found = [
        f"{d.name} version {d.version} by {plain(d.who)} was made from version {d.parent}, which holds no more"
        for d in drafts
        if d.stale
    ]
    fresh = [d for d in drafts if d.rivals and not d.stale]
    if fresh:
        first = fresh[0]
        numbers = [str(n) for n in sorted({first.version, *first.rivals})]
        said = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        found.append(f"{first.name} versions {said} were made from {first.parent}; publishing one makes the rest stale")
    return found


def heading(version: VersionLine) -> Text:
    """One line about a version."""
    made = f" from version {version.parent}" if version.parent else ""
    words = tables.line(
        (version.name, "bold"), f" version {version.version} ", (version.state, STATES.get(version.state, "")),
        (f"{made}, by {plain(version.who)} {version.at[:16].replace('T', ' ')}", "dim"),
    )  # fmt: skip
    if version.why:
        words.append(f": {plain(version.why)}", style="dim")
    return words.append(" (stale)", style="bold red") if version.stale else words


def compared(found: Compared) -> RenderableType:
    """What differs in meaning; comments and layout are counted as nothing, and said."""
    head = tables.line((found.name, "bold"), f" version {found.before.version} → {found.after.version}")
    if not found.differ:
        return tables.stack(head, tables.line(("they are the same", "green")))
    lines = (f"hub mappings diff {found.name} {found.before.version} {found.after.version} --text", "bold")
    if found.differences is None:
        return tables.stack(head, tables.line(("one of them does not compile", "yellow"), "; line by line: ", lines))
    if not found.differences:
        return tables.stack(head, tables.line("they mean the same; only comments or layout differ: ", lines))
    table = tables.table("", "before", "after")
    for d in found.differences:
        before, after = cut(d.before, SAID_MOST), cut(d.after, SAID_MOST)
        table.add_row(Text(plain(d.path), style="bold"), tables.text(before, "dim"), tables.text(after))
    return tables.stack(head, table)


def history(answered: History) -> RenderableType:
    table = tables.table("version", "state", "from", "at (UTC)", "by", "why, plan", numbers=["version", "from"])
    table.columns[3].no_wrap = True
    for v in answered.versions:
        state = Text(v.state, style=STATES.get(v.state, ""))
        why = tables.text(v.why, "dim")
        table.add_row(
            str(v.version),
            state.append(" stale", style="bold red") if v.stale else state,
            str(v.parent or ""),
            tables.day_and_minute(v.published_at or v.at),
            tables.text(cut(v.who, 24)),
            why.append(f"{', ' if v.why else ''}plan {v.plan}") if v.plan else why,
        )
    return tables.stack(tables.line(("history of ", "dim"), (answered.name, "bold")), table)


def fields(shown: FieldsShown) -> RenderableType:
    """Remote on the left, canonical on the right, an arrow for the way values go."""
    if shown.rules is not None:
        rules = tables.table("field", "who wins")
        for name, rule in shown.rules.items():
            rules.add_row(Text(name, style="bold"), rule)
        return tables.stack(heading(shown.version), rules)
    table = tables.table("remote", "", shown.entity, "who wins", "form, table")
    for f in shown.fields:
        words = ", ".join(f"{remote}: {canonical}" for remote, canonical in f.table.items())
        form = " · ".join(w for w in (f.form, cut(words, 90)) if w)
        table.add_row(tables.text(f.remote), ARROWS[f.direction], Text(f.canonical, style="bold"), f.wins, Text(form))
    facts: list[tuple[str, RenderableType | str]] = [("known by", key) for key in shown.keys]
    if shown.scope:
        facts.append(("in scope", f"{shown.scope} condition{'s' if shown.scope > 1 else ''}; consent is always read"))
    facts += [(name, said) for name, said in (shown.policy or {}).items()]
    return tables.stack(heading(shown.version), table, tables.facts(facts) if facts else None)


# -- checks ---------------------------------------------------------------------------------------------------------


def complaints(found: Iterable[Complaint], style: str = "red") -> RenderableType:
    """Each with its place, what was said, what was expected, and how to mend it."""
    lines: list[RenderableType] = []
    for c in found:
        lines.append(Text.assemble(("  • ", style), (plain(c.where), "bold"), f": {plain(c.said)}"))
        lines.append(Text(f"    expected {plain(c.expected)}", style="dim"))
        if c.mend:
            lines.append(Text(f"    {plain(c.mend)}", style="green"))
    return Group(*lines)


def validated(found: Validated) -> RenderableType:
    what = f"{found.name} version {found.version}" if found.version is not None else found.name
    if found.ok:
        verdict = tables.line(("passes: ", "green"), (what, "bold"))
        if found.state == "validated":
            verdict.append("; next: ").append(f"hub mappings plan {found.name}", style="bold")
    else:
        verdict = tables.line(("does not pass: ", "bold red"), (what, "bold"))
    return tables.stack(checks(found.checks), verdict)


def checks(found: Sequence[Check]) -> RenderableType:
    lines: list[RenderableType] = []
    for check in found:
        sign, style = ("✗", "bold red") if check.complaints else ("!", "yellow") if check.warnings else ("✓", "green")
        lines.append(Text.assemble((f"{sign} ", style), (f"{check.what:<10}", "bold"), plain(check.said)))
        lines += [complaints(check.complaints)] if check.complaints else []
        lines += [complaints(check.warnings, "yellow")] if check.warnings else []
    return Group(*lines)


def tested(found: Tested) -> RenderableType:
    if not found.examples:
        command = f"hub mappings example {found.name} RECORD --add"
        return tables.line(f"{found.name} version {found.version} has no examples: ", (command, "bold"))
    lines: list[RenderableType] = []
    for e in found.examples:
        sign, style = ("✗", "bold red") if e.differs else ("✓", "green")
        way = "reads" if e.reads else "writes"
        where = f"line {e.line}" if e.line else f"number {e.number}"
        about = cut(", ".join(e.about), 60)
        lines.append(Text.assemble((f"{sign} ", style), f"{way:<7}", (f"{where:<10}", "dim"), about))
        lines += [complaints(e.differs)] if e.differs else []
    good = sum(not e.differs for e in found.examples)
    verdict = f"{good} of {len(found.examples)} hold"
    return tables.stack(Group(*lines), tables.line((verdict, "green" if found.ok else "bold red")))


# -- drafts and files -----------------------------------------------------------------------------------------------


def edited(done: Edited) -> RenderableType:
    v = done.version
    said = "made draft" if done.created else "kept draft" if done.changed else "left draft as it was,"
    head = tables.line((f"{said} ", "green" if done.ok else "yellow"), (f"{v.name} version {v.version}", "bold"))
    if not done.differs and done.ok:
        head.append("; it means what holds already", style="dim")
    if done.dropped is not None:
        head.append(f"; version {done.dropped}, which was stale, is dropped for it", style="dim")
    warnings = [tables.line(("note: ", "yellow"), words) for words in trouble([v])]
    if done.complaints:
        count = f"{len(done.complaints)} mistake{'s' if len(done.complaints) > 1 else ''}"
        return tables.stack(
            head,
            *warnings,
            tables.line(("it does not compile: ", "bold red"), f"{count}"),
            complaints(done.complaints),
            tables.line("next: ", (f"hub mappings edit {v.name}", "bold")),
        )
    following = [f"hub mappings validate {v.name}", f"hub mappings plan {v.name}"]
    return tables.stack(
        head, *warnings, tables.line("next: ", (following[0], "bold"), ", then ", (following[1], "bold"))
    )


def dropped(done: Dropped) -> RenderableType:
    v = done.version
    return tables.line(
        ("dropped ", "green"), (f"{v.name} version {v.version}", "bold"), "; its text stays in the history"
    )


PULLS = {Pull.NEW: "green", Pull.CHANGED: "cyan", Pull.SAME: "dim", Pull.KEPT: "bold yellow"}


def pulled(done: PulledFiles) -> RenderableType:
    table = tables.table("", "file", "version", numbers=["version"])
    for f in done.files:
        table.add_row(Text(f.became.value, style=PULLS[f.became]), f"{f.name}.yaml", str(f.version))
    kept = sum(f.became is Pull.KEPT for f in done.files)
    others = ", ".join(plain(p.relative_to(done.folder)) for p in done.others)
    return tables.stack(
        tables.line("in ", (str(done.folder), "bold")),
        table,
        tables.line(("not the hub's: ", "dim"), (others, "dim")) if others else None,
        _kept(done, kept) if kept else None,
    )


def _kept(done: PulledFiles, kept: int) -> RenderableType:
    said = f"{kept} hold a text that the hub never had. " if kept > 1 else "1 holds a text that the hub never had. "
    plans = (f"hub apply {done.folder}", "bold")
    return tables.line(("kept: ", "yellow"), said, plans, " plans it; --force writes over it")


def applied(done: Applied, plan: RenderableType | None) -> RenderableType:
    lines: list[RenderableType] = []
    for f in done.files:
        sign, style = ("✗", "bold red") if f.complaints else ("✓", "green")
        lines.append(Text.assemble((f"{sign} ", style), (f"{f.name}.yaml", "bold"), f" is draft {f.version}"))
        wrong = [check for check in f.checks if check.complaints or check.warnings]
        lines += [checks(wrong)] if wrong else []
    same = f"{done.same} file{'s' if done.same != 1 else ''} say what holds"
    return tables.stack(
        Group(*lines) if lines else None,
        complaints(done.complaints) if done.complaints else None,
        tables.line((same, "dim")) if done.same else None,
        plan,
        None if done.files or done.complaints else tables.line(("nothing to apply", "green")),
    )
