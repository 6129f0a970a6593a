"""The dashboard and the rules ask for metrics that there are, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.reading import DEPLOY

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/hub.json").read_text())
RULES: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
OTHERS = {"le", "instance", "job"}
"""Labels that Prometheus sets."""
ENDINGS = ("_bucket", "_sum", "_count")


def known() -> dict[str, set[str]]:
    """Name -> labels, from the tables of metrics.md, which the tests of the web hold against the endpoint."""
    rows = re.findall(r"^\| `(hub_\w+)` \| (.*?) \|", (DEPLOY / "metrics.md").read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


METRICS = known()


def asked() -> Iterator[tuple[str, str]]:
    """Title and expression of every question."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule.get("record") or rule["alert"], rule["expr"]


ASKED = dict(asked())


def complaints(expression: str) -> list[str]:
    """What is wrong with a question, as far as its names tell."""
    wrong = []
    names = {_base(name) for name in re.findall(r"\bhub_\w+", expression)}
    labels: set[str] = set(OTHERS)
    for name in names:
        if name not in METRICS and name not in RECORDED:
            wrong.append(f"there is no {name}")
        labels |= METRICS.get(name, set())
    used = {w for inside in re.findall(r"\bby \(([^)]*)\)", expression) for w in re.findall(r"\w+", inside)}
    used |= set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression))
    if names:
        wrong += [f"no metric here has the label {label}" for label in sorted(used - labels)]
    counted = {name for name in names if name.endswith("_total")}
    if counted and not re.search(r"\b(rate|increase)\(", expression):
        wrong.append(f"{counted} only ever grows: ask for its rate")
    if expression.count("(") != expression.count(")") or expression.count("{") != expression.count("}"):
        wrong.append("brackets")
    return wrong


def _base(name: str) -> str:
    return next((name.removesuffix(e) for e in ENDINGS if name.endswith(e) and name.removesuffix(e) in METRICS), name)


def test_the_tables_of_metrics_are_read() -> None:
    assert len(METRICS) > 30
    assert METRICS["hub_writes_total"] == {"connection", "stream", "outcome"}


@pytest.mark.parametrize("title", ASKED)
def test_every_question_asks_for_what_there_is(title: str) -> None:
    assert complaints(ASKED[title]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "sum(rate(hub_record_read_total[5m]))",
        "sum by (vendor) (rate(hub_writes_total[5m]))",
        'max(hub_issues_open{stream="contacts"})',
        "sum(hub_writes_total)",
        "sum(rate(hub_writes_total[5m])",
    ],
)
def test_a_question_that_is_wrong_is_noticed(wrong: str) -> None:
    assert complaints(wrong)


def test_what_the_store_says_is_never_added_up_over_processes() -> None:
    """Every process says the same: a sum would count it as often as there are processes."""
    table = (DEPLOY / "metrics.md").read_text().partition("## Of the store")[2].partition("\n## ")[0]
    of_the_store = set(re.findall(r"^\| `(hub_\w+)` ", table, re.MULTILINE)) - {"hub_build_info"}
    assert len(of_the_store) > 10
    for title, expression in ASKED.items():
        if {*re.findall(r"\bhub_\w+", expression)} & of_the_store:
            inner = re.findall(r"\b(\w+)(?: by \([^)]*\))? ?\((?=hub_)", expression)
            assert inner, title
            assert {*inner} <= {"max", "min"}, title


def test_every_metric_of_the_hub_is_looked_at_somewhere() -> None:
    everything = " ".join(ASKED.values())
    seldom = {"hub_webhook_hints_total", "hub_alerts_total", "hub_circuits_opened_total"}
    assert {name for name in METRICS if name not in everything} <= seldom


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
