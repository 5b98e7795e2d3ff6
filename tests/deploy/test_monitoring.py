"""Alert rules, the Prometheus configuration and the dashboard: well formed, and about metrics that exist."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tests.parts import require
from tests.source import ROOT, expect_none

from muster.integrations.readings import READINGS

DEPLOY = ROOT / "deploy"
CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"
RULES = DEPLOY / "prometheus" / "muster.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "muster.json"
PROMISED = (
    "Endpoints over time",
    "From a commit to every watcher",
    "Services whose instances come and go",
    "Picks in vain",
)
"""What the panels of the seeds' observability section are called here."""

OURS = re.compile(r"\b(?:service:)?muster_\w+(?::\w+)?")
VARIABLES = {"$__rate_interval": "5m", "$namespace": ".*", "$service": ".*", "$instance": ".*"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [
        panel for panel in msgspec.json.decode(DASHBOARD.read_bytes())["panels"] if panel["type"] != "row"
    ]


def drawn() -> list[str]:
    """Every query of the dashboard, with values in place of its variables."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    for variable, value in VARIABLES.items():
        queries = [query.replace(variable, value) for query in queries]
    return queries


def exposed() -> set[str]:
    """Names of series: the registry's, by the page that is made from a scrape; the library's; those that rules record."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    registry = re.findall(r"(?m)^\| `(\w+)` \| (\w+)", page)
    library = [
        (f"{reading.name}_{reading.unit}" if reading.unit else reading.name, reading.kind)
        for reading in READINGS
    ]
    series = {name for told in (registry, library) for each in told for name in series_of(*each)}
    return series | {rule["record"] for rule in rules() if "record" in rule}


def series_of(name: str, kind: str) -> Iterator[str]:
    match kind:
        case "histogram":
            yield from (f"{name}_{part}" for part in ("bucket", "sum", "count"))
        case "counter":
            yield f"{name.removesuffix('_total')}_total"
        case _:
            yield name


@pytest.mark.parametrize("expression", [*[rule["expr"] for rule in rules()], *drawn()])
def test_every_metric_that_is_named_exists(expression: str) -> None:
    named = set(OURS.findall(expression)) or {"up"}
    expect_none(sorted(named - exposed() - {"up"}))


def test_promtool_accepts_configuration_and_rules() -> None:
    ran = subprocess.run(
        [require("promtool"), "check", "config", CONFIGURATION], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    file = tmp_path / "queries.yml"
    recorded = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(drawn())]
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    ran = subprocess.run([require("promtool"), "check", "rules", file], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_alerts_fire_when_they_should_and_not_before() -> None:
    cases = Path(__file__).parent / "alerts.yml"
    ran = subprocess.run([require("promtool"), "test", "rules", cases], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_says_what_it_means_and_how_urgent_it_is() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    expect_none([rule["alert"] for rule in alerts if rule["labels"]["severity"] not in ("page", "ticket")])
    expect_none([rule["alert"] for rule in alerts if not rule["annotations"].get("summary")])


def test_the_dashboard_shows_what_was_promised() -> None:
    shown = {panel["title"] for panel in panels()}
    expect_none(sorted(set(PROMISED) - shown))
    expect_none([panel["title"] for panel in panels() if not panel["description"]])


def test_no_two_panels_share_a_place() -> None:
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels()
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
