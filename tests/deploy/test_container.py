"""The image: what its file says, and that its steps make a hub that runs, without any container engine.

No engine runs where these tests do, so nobody has built this very image here. What can be done by hand is done: the
nightly test takes the steps one by one in an empty folder and runs the result as an ordinary user who may write
nowhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from hub import __version__
from tests.deploy.reading import DEPLOY, TOP, unknown

FILE = DEPLOY / "Containerfile"
IGNORED = TOP / ".dockerignore"
"""The name that every engine reads; podman and buildah would prefer `.containerignore`, which Docker does not know."""
ALIVE = DEPLOY / "container/alive.py"


@dataclass(frozen=True)
class Step:
    word: str
    said: str


def stages() -> list[list[Step]]:
    """The instructions of each stage; what precedes the first one is left out."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE)
    found: list[list[Step]] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, said = line.strip().partition(" ")
        if word == "FROM":
            found.append([])
        if word and found:
            found[-1].append(Step(word, said.strip()))
    return found


MADE, RUN = stages()


def of(stage: list[Step], word: str) -> list[str]:
    return [step.said for step in stage if step.word == word]


def test_it_runs_as_nobody_in_particular_and_answers_for_its_health() -> None:
    assert of(RUN, "USER") == ["10001:10001"]
    assert RUN.index(Step("USER", "10001:10001")) > max(RUN.index(s) for s in RUN if s.word in ("COPY", "RUN"))
    [health] = of(RUN, "HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2]) == ["/opt/hub/bin/alive.py"]
    assert of(RUN, "ENTRYPOINT") == ['["hub"]']
    assert of(RUN, "STOPSIGNAL") == ["SIGTERM"]


def test_what_is_installed_is_what_the_lock_says_to_the_byte() -> None:
    [install] = [said for said in of(MADE, "RUN") if "pip --python" in said]
    for word in ("--require-hashes", "--only-binary :all:", "-r requirements.lock"):
        assert word in install
    assert "requirements.lock ./" in of(MADE, "COPY")[0]
    assert of(RUN, "COPY") == ["--from=made /opt/hub /opt/hub"]
    assert not of(MADE, "ADD") + of(RUN, "ADD")


def test_it_holds_no_secret_and_only_settings_that_there_are() -> None:
    text = FILE.read_text()
    assert not unknown(text.replace("HUB_...", ""))
    given = " ".join(of(RUN, "ENV"))
    assert "SECRET" not in given
    assert "DATABASE" not in given


def ignored(path: str) -> bool:
    """As engines read the file: the last pattern that fits a path, or a folder above it, decides."""
    result = False
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in IGNORED.read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.removeprefix("!")
        if any(fnmatch(one, wanted) or fnmatch("/" + one, wanted.replace("**", "*")) for one in above):
            result = not pattern.startswith("!")
    return result


def test_everything_it_copies_is_there_and_sent_to_the_engine() -> None:
    for said in of(MADE, "COPY"):
        for source in said.split()[:-1]:
            assert (TOP / source).exists(), source
            assert not ignored(source), source
    for path in ("hub/cli/app.py", "mappings/library/unruly/people.yaml", "hub/store/migrations/env.py"):
        assert (TOP / path).exists()
        assert not ignored(path), path


def test_every_engine_reads_the_same_list() -> None:
    assert not (TOP / ".containerignore").exists()
    assert not FILE.with_name("Containerfile.dockerignore").exists(), "Docker would prefer it"


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "tests/conftest.py",
        "home/secret.key",
        "hub.db",
        "hub/secret.key",
        "deploy/compose/secrets/hub_secret_key",
        "deploy/README.md",
        "hub/__pycache__/settings.cpython-311.pyc",
        "connectors/hubspot/samples/contacts.yaml",
    ],
)
def test_nothing_else_is_sent_to_the_engine(path: str) -> None:
    assert ignored(path)


def alive(**environment: str) -> int:
    command = [sys.executable, "-IS", str(ALIVE)]
    return subprocess.run(command, env=environment, timeout=30).returncode


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(tmp_path: Path, free_port: int) -> Iterator[int]:
    """`hub up` in an empty home; its port."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")} | {"PYTHONPATH": str(TOP)}
    command = [sys.executable, "-m", "hub.cli"]
    subprocess.run([*command, "init", str(tmp_path / "home")], env=environment, check=True, capture_output=True)
    running = [*command, "--home", str(tmp_path / "home"), "up", "--listen", f"127.0.0.1:{free_port}"]
    process = subprocess.Popen(running, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", free_port)) == 0:
                break
        time.sleep(0.1)
    yield free_port
    process.terminate()
    process.wait(30)


def test_its_health_is_that_of_the_role_it_has(up: int) -> None:
    assert alive(HUB_LISTEN=f"0.0.0.0:{up}", HUB_WORKER_LISTEN="0.0.0.0:1") == 0
    assert alive(HUB_LISTEN="0.0.0.0:1", HUB_WORKER_LISTEN=f"0.0.0.0:{up}") == 0
    assert alive(HUB_LISTEN="0.0.0.0:1", HUB_WORKER_LISTEN="0.0.0.0:2") == 1
    assert alive() == 1
    proxy = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    assert alive(HUB_LISTEN=f"0.0.0.0:{up}", **proxy) == 0, "vendors are behind the proxy, this container is not"


NOBODY = 65534


@pytest.mark.nightly
def test_its_steps_make_a_hub_that_runs_for_one_who_may_write_nowhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As an engine would take them, with /opt/hub at another place."""
    scratch = Path("/tmp") / f"hub-image-{os.getpid()}"  # below no folder that others may not enter
    place = scratch / "opt/hub"
    place.mkdir(parents=True)
    try:
        for step in MADE:
            if step.word == "COPY":
                *sources, target = step.said.split()
                for source in sources:
                    copy(TOP / source, place / target)
            elif step.word == "RUN":
                said = step.said.replace("/opt/hub", str(place)).replace("python -m venv", f"{base()} -m venv")
                said = said.replace("python -m pip", f"{base()} -m pip")
                subprocess.run(["/bin/sh", "-euc", said], cwd=place, check=True, timeout=600)
        script = place / "bin/hub"
        script.write_text(script.read_text().replace("/opt/hub", str(place)))
        size = sum(f.stat().st_size for f in place.rglob("*") if f.is_file() and not f.is_symlink())
        print(f"\n/opt/hub: {size / 1e6:.0f} MB")  # noqa: T201
        assert size < 320e6
        for path in (place, *place.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        home = scratch / "srv"
        home.mkdir(mode=0o555)
        runs_readonly(script, home)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(scratch)], check=False)
        shutil.rmtree(scratch)


def base() -> str:
    """A Python that everybody may run, as that of an image."""
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    assert found is not None
    return found


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        patterns = shutil.ignore_patterns("__pycache__", "*.pyc", "samples")
        shutil.copytree(source, target, ignore=patterns, dirs_exist_ok=True)
    else:
        target = target / source.name if str(target).endswith("/") or target.is_dir() or source.name else target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def runs_readonly(script: Path, home: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HUB_HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HUB_DATABASE_URL": "postgresql://hub@127.0.0.1:1/hub",
        "HUB_SECRET_KEY": "correct horse battery staple",
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    user = NOBODY if os.geteuid() == 0 else None

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(script), *arguments], env=environment, user=user, group=user, capture_output=True, text=True, cwd="/"
        )

    assert ran("--version").stdout.startswith(f"hub {__version__}")
    assert ran("--help").returncode == 0
    for role in ("web", "worker", "db"):
        refused = ran(role, *(["upgrade"] if role == "db" else []))
        assert refused.returncode == 1, refused.stderr
        assert "the store cannot be used" in refused.stderr
        assert "Traceback" not in refused.stderr
