"""The guides name commands, options, variables, files and headings that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hub import settings
from hub.cli.app import program
from tests.deploy.reading import DEPLOY, TOP, variables

GUIDES = sorted(DEPLOY.glob("*.md"))
PROGRAM: Any = typer.main.get_command(program())
ENDS = {"&&", "||", "|", ";", ">>", ">", "2>", "2>>", "#", ")"}
PROGRAM_NAMED = r"(?<!-u )(?<!-o )(?<!-g )(?<!namespace )(?<![\w.-])hub (?=[a-z-])([^`]*)"
"""Where a command line says the program, and no user, group or namespace of that name."""
NOT_SETTINGS = {"HUB_HUBSPOT_ACCESS_TOKEN", "HUB_WEB_PORT"}


def said(text: str) -> Iterator[list[str]]:
    """Every command line of the hub's in a guide: in code, from the word `hub` (or a path that ends so) on."""
    fenced = re.findall(r"^    (.+)$", text, re.MULTILINE)
    quoted = re.findall(r"`([^`]+)`", text)
    for code in (*fenced, *quoted):
        for match in re.finditer(PROGRAM_NAMED, code):
            words = _words(match[1])
            if words:
                yield words


def _words(text: str) -> list[str]:
    """The words of one command, up to where the shell goes on with something else."""
    text = re.split(r"\s#\s|\s{3,}#", text)[0].replace("...", "")
    try:
        words = shlex.split(text, posix=True)
    except ValueError:
        words = text.replace('"', "").replace("'", "").split()
    command: list[str] = []
    for word in words:
        if word in ENDS or word.startswith((">", "2>")):
            break
        command.append(word.rstrip(";)"))
        if word.endswith(";"):
            break
    return command


def complaint(words: list[str]) -> str:
    """What is wrong with a command line, as far as names of commands and options go; "" when nothing is."""
    at: Any = PROGRAM
    options = _options(at)
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            name = word.partition("=")[0]
            if name not in options:
                return f"no option {name}"
            skip = options[name] and "=" not in word
        elif hasattr(at, "commands"):
            names = word.split("|")
            if missing := [name for name in names if name not in at.commands]:
                return f"no command {missing[0]}"
            at = at.commands[names[0]]
            options = _options(PROGRAM) | _options(at)
    return ""


def _options(command: Any) -> dict[str, bool]:
    """Names of options, each with whether a value follows."""
    found = {"--help": False, "-h": False}
    for parameter in command.params:
        for name in (*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ())):
            found[name] = not getattr(parameter, "is_flag", False)
    return found


COMMANDS = {(guide.name, " ".join(words)): words for guide in GUIDES for words in said(guide.read_text())}


def test_the_commands_of_the_guides_are_found() -> None:
    lines = {line for _, line in COMMANDS}
    assert len(lines) > 60
    assert {"db upgrade --pre", "keys rotate", "alerts --look", "worker", "init /srv/hub"} <= lines


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_command_is_one(guide: Path) -> None:
    wrong = {line: complaint(words) for (name, line), words in COMMANDS.items() if name == guide.name}
    assert {line: why for line, why in wrong.items() if why} == {}


@pytest.mark.parametrize(
    "wrong", ["db upgade", "sync --until-quite", "schedule crm --evry 2m", "db upgrade --pre --home"]
)
def test_a_command_that_is_none_is_noticed(wrong: str) -> None:
    words = _words(wrong)
    assert complaint(words) or words[-1] == "--home"


def test_every_variable_is_one() -> None:
    for guide in GUIDES:
        unknown = variables(guide.read_text()) - settings.variables() - NOT_SETTINGS
        assert not unknown, guide.name


def test_every_variable_is_explained_somewhere() -> None:
    everything = " ".join(guide.read_text() for guide in GUIDES)
    assert not {name for name in settings.variables() if name not in everything and not name.endswith("_FILE")}


def heading(title: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {heading(title) for title in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)}


def broken(path: Path, text: str) -> list[str]:
    """Links within the project that lead nowhere."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("guide", [*GUIDES, TOP / "README.md", TOP / "CHANGELOG.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    assert broken(guide, guide.read_text()) == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    guide = DEPLOY / "README.md"
    assert broken(guide, "[a](nowhere.md) [b](scale.md#nothing) [c](scale.md#redis)") == [
        "nowhere.md",
        "scale.md#nothing",
    ]


def test_every_file_that_the_guides_name_is_there() -> None:
    for guide in GUIDES:
        for name in re.findall(r"(?<![\w/.])(?:deploy|tests|benchmarks|sync_jobs)/[\w@./-]+\w", guide.read_text()):
            assert (TOP / name).exists(), (guide.name, name)


def test_the_user_of_the_units_is_made_before_it_is_used() -> None:
    guide = (DEPLOY / "install.md").read_text()
    users = {name for unit in DEPLOY.glob("systemd/*") for name in re.findall(r"^User=(.+)$", unit.read_text(), re.M)}
    for user in users:
        [made] = re.finditer(rf"^    useradd .* {user}$", guide, re.MULTILINE)
        assert made.end() < guide.index(f"-o {user} ")


def test_every_guide_is_in_the_index() -> None:
    index = (DEPLOY / "README.md").read_text()
    assert all(f"({guide.name})" in index for guide in GUIDES if guide.name != "README.md")
