"""The compose file: against the schema of the specification, and against itself."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from jsonschema import Draft202012Validator

from hub import __version__
from tests.deploy.reading import DEPLOY, unknown

PATH = DEPLOY / "compose/compose.yaml"
SCHEMA = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor/compose-spec.json"
COMPOSE: dict[str, Any] = yaml.safe_load(PATH.read_text())
OURS = ("migrate", "web", "worker")


def complaints(compose: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(compose)]


def test_it_is_what_the_specification_expects() -> None:
    assert complaints(COMPOSE) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("services", "web", "port"), ["8400:8400"]),
        (("services", "worker", "deploy", "replicas"), [2]),
        (("services", "postgres", "healthcheck", "interval"), 5.5),
        (("secret",), {}),
    ],
)
def test_a_file_that_is_wrong_is_noticed(place: tuple[str, ...], value: Any) -> None:
    wrong = deepcopy(COMPOSE)
    part = wrong
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert complaints(wrong)


def test_every_variable_is_a_setting() -> None:
    assert not unknown(PATH.read_text())


@pytest.mark.parametrize("service", OURS)
def test_our_containers_may_do_nothing_that_they_need_not(service: str) -> None:
    ours = COMPOSE["services"][service]
    assert ours["image"] == f"hub:{__version__}"
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert {mount.partition(":")[0] for mount in ours["tmpfs"]} == {"/tmp", "/srv/hub"}
    assert "privileged" not in ours
    assert "user" not in ours, "the image's own"
    assert ours["environment"]["HUB_MIGRATE"] == "never"


@pytest.mark.parametrize("service", sorted(COMPOSE["services"]))
def test_what_a_service_names_is_there(service: str) -> None:
    said = COMPOSE["services"][service]
    assert set(said.get("secrets", ())) <= COMPOSE["secrets"].keys()
    assert set(said.get("networks", ())) <= COMPOSE["networks"].keys()
    assert {v.partition(":")[0] for v in said.get("volumes", ())} <= COMPOSE["volumes"].keys()
    for other, how in said.get("depends_on", {}).items():
        there = COMPOSE["services"][other]
        assert how["condition"] != "service_healthy" or "healthcheck" in there
    assert "latest" not in said["image"]
    assert ":" in said["image"]


def test_no_secret_is_in_the_file() -> None:
    files = {secret["file"] for secret in COMPOSE["secrets"].values()}
    made = (DEPLOY / "compose/secrets.sh").read_text()
    assert all(file in made for file in files)
    for service in OURS:
        environment = COMPOSE["services"][service]["environment"]
        for name in ("HUB_SECRET_KEY", "HUB_DATABASE_URL"):
            assert name not in environment
            assert environment[f"{name}_FILE"].removeprefix("/run/secrets/") in COMPOSE["services"][service]["secrets"]
    assert "deploy/compose/secrets/" in (DEPLOY.parent / ".gitignore").read_text().splitlines()


def test_only_the_web_is_reached_from_outside_and_only_from_this_machine() -> None:
    assert {name for name, s in COMPOSE["services"].items() if "ports" in s} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["web"]["ports"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert COMPOSE["services"]["postgres"]["networks"] == ["inside"]
    assert COMPOSE["services"]["redis"]["networks"] == ["inside"]
