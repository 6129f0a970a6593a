"""The Kubernetes base: against the schemas of many versions, and against itself."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.reading import DEPLOY, KUBERNETES, NO_MANIFESTS, documents, manifests, pods, unknown

VERSIONS = ("1.29", "1.33", "1.37")
MANIFESTS = dict(manifests())
PODS = dict(pods())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_manifest_is_what_the_version_expects(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    manifest = deepcopy(MANIFESTS[name])
    change(manifest)
    return manifest


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


MUTANTS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a word that isn't one": ("worker.yaml:Deployment/hub-worker", lambda m: m["spec"].update(replica=2)),
    "a number as text": (
        "web.yaml:Deployment/hub-web",
        lambda m: _pod(m).update(terminationGracePeriodSeconds="30"),
    ),
    "no containers": ("migrate.yaml:Job/hub-migrate", lambda m: _pod(m).pop("containers")),
    "a probe without a port": (
        "worker.yaml:Deployment/hub-worker",
        lambda m: _pod(m)["containers"][0]["livenessProbe"]["httpGet"].pop("port"),
    ),
    "a number where a text must be": ("settings.yaml:ConfigMap/hub-settings", lambda m: m["data"].update(HUB_X=20)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_manifest_that_is_wrong_is_noticed(mutant: str) -> None:
    name, change = MUTANTS[mutant]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(changed(name, change), VERSIONS[-1], strict=True)


def test_the_base_names_every_file_and_no_namespace() -> None:
    base = documents(KUBERNETES / "kustomization.yaml")[0]
    there = {path.name for path in KUBERNETES.glob("*.yaml")} - {*NO_MANIFESTS, "secret.example.yaml"}
    assert set(base["resources"]) == there
    assert "namespace" not in base
    assert not [name for name, manifest in MANIFESTS.items() if "namespace" in manifest["metadata"]]


def test_the_image_is_of_this_release() -> None:
    from hub import __version__

    assert documents(KUBERNETES / "kustomization.yaml")[0]["images"] == [
        {"name": "hub", "newName": "hub", "newTag": __version__}
    ]
    assert {c["image"] for pod in PODS.values() for c in pod["containers"]} == {"hub"}


@pytest.mark.parametrize("name", PODS)
def test_pods_may_do_nothing_that_they_need_not(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, "HUB_WEB_PORT and the like would look like settings"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        allowed = container["securityContext"]
        assert allowed["allowPrivilegeEscalation"] is False
        assert allowed["readOnlyRootFilesystem"] is True
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert {m["mountPath"] for m in container["volumeMounts"]} == {"/tmp", "/srv/hub"}
        assert {v["name"] for v in pod["volumes"]} == {m["name"] for m in container["volumeMounts"]}
        assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("role", ["web", "worker"])
def test_what_serves_is_probed_and_has_time_to_end(role: str) -> None:
    pod = PODS[f"{role}.yaml:Deployment/hub-{role}"]
    [container] = pod["containers"]
    ports = {port["name"] for port in container["ports"]}
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"]["path"] == path
        assert container[probe]["httpGet"]["port"] in ports
    assert pod["terminationGracePeriodSeconds"] == 30
    assert container["args"] == [role]


@pytest.mark.parametrize("role", ["web", "worker"])
def test_nodes_can_be_emptied_while_one_pod_stays_and_while_none_is_ready(role: str) -> None:
    budget = MANIFESTS[f"disruption.yaml:PodDisruptionBudget/hub-{role}"]["spec"]
    pods_least = {
        "web": MANIFESTS["web.yaml:Deployment/hub-web"]["spec"].get("replicas"),
        "worker": MANIFESTS["scaling.yaml:HorizontalPodAutoscaler/hub-worker"]["spec"]["minReplicas"],
    }[role]
    assert budget["minAvailable"] < pods_least
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_every_variable_is_a_setting() -> None:
    for path in KUBERNETES.glob("*.yaml"):
        assert not unknown(path.read_text()), path.name
    assert unknown("HUB_WORKERS_JOBS: 3") == {"HUB_WORKERS_JOBS"}


def test_what_is_referred_to_is_there() -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in MANIFESTS.values()}
    for pod in PODS.values():
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        for container in pod["containers"]:
            for source in container["envFrom"]:
                [(kind, named)] = source.items()
                assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], named["name"]) in names
    scaled = MANIFESTS["scaling.yaml:HorizontalPodAutoscaler/hub-worker"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) in names


def test_selectors_find_pods() -> None:
    labels = [
        m["spec"]["template"]["metadata"]["labels"] for m in MANIFESTS.values() if "template" in m.get("spec", {})
    ]
    selectors = []
    for manifest in MANIFESTS.values():
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            selectors.append(spec["selector"])
        elif manifest["kind"] in ("Deployment", "PodDisruptionBudget"):
            selectors.append(spec["selector"]["matchLabels"])
        elif manifest["kind"] == "NetworkPolicy":
            selectors.append(spec["podSelector"]["matchLabels"])
    assert len(selectors) == 8
    for selector in selectors:
        assert [known for known in labels if selector.items() <= known.items()], selector
    everybody = MANIFESTS["network.yaml:NetworkPolicy/hub"]["spec"]["podSelector"]["matchLabels"]
    assert all(everybody.items() <= known.items() for known in labels), "the rule of what may leave holds for all pods"


def test_what_workers_are_counted_by_is_recorded_and_handed_on() -> None:
    [metric] = MANIFESTS["scaling.yaml:HorizontalPodAutoscaler/hub-worker"]["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    rules = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())
    assert name in {rule.get("record") for group in rules["groups"] for rule in group["rules"]}
    adapter = documents(KUBERNETES / "prometheus-adapter.yaml")[0]
    assert [rule["name"]["as"] for rule in adapter["rules"]["external"]] == [name]
