"""The files for three replicas set what there is to set, and agree with one another."""

from pathlib import Path

import pytest
import yaml

from muster.server.config import resolve
from muster.server.options import OPTIONS

DEPLOY = Path(__file__).parents[2] / "deploy"
VARIABLES = {option.variable for option in OPTIONS}


def settings(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("MUSTER_")}


def compose() -> list[dict[str, str]]:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return [settings(each["environment"]) for name, each in services.items() if name.startswith("muster")]


def kubernetes() -> list[dict[str, str]]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    (workload,) = (each for each in documents if each["kind"] == "StatefulSet")
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value", "") for each in container["env"]}
    return [
        settings({name: value.replace("$(POD)", f"muster-{n}") for name, value in environment.items()})
        for n in range(3)
    ]


@pytest.mark.parametrize("replicas", [compose(), kubernetes()], ids=["compose", "kubernetes"])
def test_each_replica_starts_with_what_is_set(replicas: list[dict[str, str]]) -> None:
    resolved = [resolve({}, {"MUSTER_LISTEN": "0.0.0.0:8500", **each}).settings for each in replicas]
    assert all(set(each) <= VARIABLES for each in replicas)
    assert len({each.replica.url for each in resolved}) == 3
    assert len({each.store for each in resolved}) == 1
    assert all(each.shares_store for each in resolved)
