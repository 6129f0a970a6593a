"""Reading what is under deploy/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hub import settings

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
NO_MANIFESTS = ("kustomization.yaml", "prometheus-adapter.yaml")


def documents(path: Path) -> list[dict[str, Any]]:
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object, named for people."""
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if path.name not in NO_MANIFESTS:
            for document in documents(path):
                yield f"{path.name}:{document['kind']}/{document['metadata']['name']}", document


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The pod specs of everything that runs."""
    for name, manifest in manifests():
        if manifest["kind"] in ("Deployment", "Job"):
            yield name, manifest["spec"]["template"]["spec"]


def variables(text: str) -> set[str]:
    """The hub's variables that a text names. Those of connections (HUB_<CONNECTION>_<SECRET>) are not settings."""
    return set(re.findall(r"\bHUB_[A-Z][A-Z_]*[A-Z]\b", text))


def unknown(text: str) -> set[str]:
    """Those among them that the hub would not read."""
    return variables(text) - settings.variables()
