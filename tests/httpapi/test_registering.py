"""Registering, renewing, changing and leaving: the routes that write."""

from typing import Any

import pytest
from tests.httpapi.asking import Caller

BODY = {"service": "shop", "host": "10.0.0.1", "port": 80}


def test_a_new_instance_is_201_with_its_lease_and_generation(caller: Caller, name: str) -> None:
    told = caller.register(name, f"{name}-1", ttl="6s")
    assert told.status == 201
    assert told.json == {
        "service": name,
        "instance_id": f"{name}-1",
        "namespace": "default",
        "generation": told.json["revision"],
        "revision": told.json["revision"],
        "epoch": told.json["epoch"],
        "status": "healthy",
        "lease": {"ttl": 6.0, "interval": 2.0},
    }


def test_the_same_again_is_200_and_writes_nothing(caller: Caller, name: str) -> None:
    first = caller.register(name, name, incarnation="one")
    again = caller.register(name, name, incarnation="one")
    assert (again.status, again.json) == (200, first.json)


def test_more_of_the_same_incarnation_is_a_change_within_its_generation(caller: Caller, name: str) -> None:
    first = caller.register(name, name, incarnation="one").json
    told = caller.register(name, name, incarnation="one", weight=7)
    assert told.status == 201
    assert told.json["generation"] == first["generation"] < told.json["revision"]


def test_a_new_incarnation_replaces_the_old_one_which_is_superseded(caller: Caller, name: str) -> None:
    old = caller.register(name, name, incarnation="one").json["generation"]
    new = caller.register(name, name, incarnation="two").json["generation"]
    assert new > old
    late = caller.ask("PUT", f"/v1/heartbeat/{name}?generation={old}")
    assert late.problem == (409, "superseded", None)
    again = {**BODY, "service": name, "instance_id": name, "incarnation": "one"}
    assert caller.ask("POST", "/v1/register", again).problem == (409, "superseded", None)


def test_a_static_instance_has_no_lease_and_its_heartbeats_do_no_harm(caller: Caller, name: str) -> None:
    assert caller.register(name, name, static=True).json["lease"] is None
    assert caller.ask("PUT", f"/v1/heartbeat/{name}").status == 204


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"service": None}, "service"),
        ({"service": ""}, "service"),
        ({"service": "no spaces"}, "service"),
        ({"service": "dots.collide"}, "service"),
        ({"service": "x" * 129}, "service"),
        ({"service": 7}, "service"),
        ({"service_name": "other"}, "service"),
        ({"instance_id": "no spaces"}, "instance_id"),
        ({"instance_id": "x" * 257}, "instance_id"),
        ({"instance_id": "bell\a"}, "instance_id"),
        ({"host": ""}, "host"),
        ({"host": "10.0.0.256"}, "host"),
        ({"host": "under score"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": None}, "port"),
        ({"port": "80"}, "port"),
        ({"endpoints": [{"port": 80}, {"port": 0}]}, "endpoints[1].port"),
        ({"endpoints": [{"port": 80}] * 17}, "endpoints"),
        ({"endpoints": [{"port": 80, "prt": 1}]}, "endpoints[0].prt"),
        ({"weight": 65_536}, "weight"),
        ({"weight": -1}, "weight"),
        ({"tags": ["a"] * 65}, "tags"),
        ({"tags": ["line\nbreak"]}, "tags[0]"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k" * 129: "v"}}, "metadata"),
        ({"metadata": {str(n): "" for n in range(65)}}, "metadata"),
        ({"metadata": {"deep": {"er": 1}}}, "metadata"),
        ({"zone": "z" * 129}, "zone"),
        ({"version": "\x1b[31m"}, "version"),
        ({"ttl": 1}, "ttl"),
        ({"ttl": "2h"}, "ttl"),
        ({"ttl": 30, "heartbeat_interval": 11}, "heartbeat_interval"),
        ({"static": True, "ttl": 30}, "static"),
        ({"status": "happy"}, "status"),
        ({"incarnation": "i" * 65}, "incarnation"),
        ({"owner_secret": "short"}, "owner_secret"),
        ({"owner_secret": "with,comma,in,the,middle"}, "owner_secret"),
        ({"checks": [{"kind": "tcp", "interval": "0.1s"}]}, "checks[0].interval"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name_and_leaves_nothing(
    caller: Caller, name: str, wrong: dict[str, Any], field: str
) -> None:
    body = {key: value for key, value in {**BODY, "instance_id": name, **wrong}.items() if value is not None}
    status, code, named = caller.ask("POST", "/v1/register", body).problem
    assert (status, code) == (400, "invalid_request")
    assert named is not None
    assert named.startswith(field)
    assert caller.ask("GET", f"/v1/instances/{name}").problem == (404, "unknown_instance", None)


def test_a_heartbeat_is_204_and_of_an_unknown_id_404(caller: Caller, name: str) -> None:
    generation = caller.register(name, name).json["generation"]
    assert caller.ask("PUT", f"/v1/heartbeat/{name}").status == 204
    assert caller.ask("PUT", f"/v1/heartbeat/{name}?generation={generation}").status == 204
    assert caller.ask("PUT", "/v1/heartbeat/nobody").problem == (404, "unknown_instance", None)
    assert caller.ask("PUT", f"/v1/heartbeat/{name}?generation=x").problem == (
        400,
        "invalid_request",
        "generation",
    )


def test_many_heartbeats_in_one_request(caller: Caller, name: str) -> None:
    generation = caller.register(name, f"{name}-a").json["generation"]
    caller.register(name, f"{name}-b")
    beats = [
        {"instance_id": f"{name}-a", "generation": generation},
        {"instance_id": f"{name}-b"},
        {"instance_id": f"{name}-b", "generation": 1_000_000},
        {"instance_id": "nobody"},
    ]
    told = caller.ask("POST", "/v1/heartbeats", {"heartbeats": beats})
    assert told.json == {
        "renewed": 2,
        "refused": [
            {"instance_id": f"{name}-b", "code": "superseded"},
            {"instance_id": "nobody", "code": "unknown_instance"},
        ],
    }


def test_a_batch_of_too_many_heartbeats_is_refused_whole(caller: Caller) -> None:
    beats = [{"instance_id": "a"}] * 20_001
    assert caller.ask("POST", "/v1/heartbeats", {"heartbeats": beats}).problem == (
        400,
        "invalid_request",
        "heartbeats",
    )


def test_a_patch_changes_what_it_names_and_nothing_else(caller: Caller, name: str) -> None:
    caller.register(name, name, weight=5, tags=["x"], metadata={"a": 1})
    told = caller.ask("PATCH", f"/v1/instances/{name}", {"weight": 9, "metadata": {"b": True}}).json
    assert (told["weight"], told["tags"], told["metadata"]) == (9, ["x"], {"b": "true"})
    told = caller.ask("PATCH", f"/v1/instances/{name}", {"tags": ["y"]}).json
    assert (told["weight"], told["tags"], told["metadata"]) == (9, ["y"], {"b": "true"})


def test_an_operator_takes_an_instance_out_and_back(caller: Caller, name: str) -> None:
    caller.register(name, name, incarnation="one")
    assert caller.ask("PATCH", f"/v1/instances/{name}", {"override": "out_of_service"}).json["status"] == (
        "out_of_service"
    )
    caller.register(name, name, incarnation="two")
    assert caller.status_of(name) == "out_of_service"
    assert caller.look(name).ids == []
    caller.ask("PATCH", f"/v1/instances/{name}", {"override": ""})
    assert caller.look(name).ids == [name]


def test_an_instance_that_says_starting_is_out_until_it_says_ready(caller: Caller, name: str) -> None:
    caller.register(name, name, status="starting")
    assert caller.look(name).ids == []
    assert caller.ask("PATCH", f"/v1/instances/{name}", {"ready": True}).json["status"] == "healthy"
    assert caller.look(name).ids == [name]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"weight": "heavy"}, "weight"),
        ({"weight": 70_000}, "weight"),
        ({"override": "maybe"}, "override"),
        ({"ready": 1}, "ready"),
        ({"host": "10.0.0.2"}, "host"),
    ],
)
def test_a_patch_that_breaks_a_rule_changes_nothing(
    caller: Caller, name: str, wrong: dict[str, Any], field: str
) -> None:
    revision = caller.register(name, name).json["revision"]
    told = caller.ask("PATCH", f"/v1/instances/{name}", {"tags": ["new"], **wrong})
    assert told.problem == (400, "invalid_request", field)
    assert caller.ask("GET", f"/v1/instances/{name}").json["revision"] == revision


def test_leaving(caller: Caller, name: str) -> None:
    generation = caller.register(name, name).json["generation"]
    wrong = caller.ask("DELETE", f"/v1/instances/{name}?generation={generation + 1}")
    assert wrong.problem == (409, "superseded", None)
    assert caller.ask("DELETE", f"/v1/instances/{name}?generation={generation}").status == 204
    assert caller.ask("DELETE", f"/v1/instances/{name}").problem == (404, "unknown_instance", None)


def test_an_id_with_slashes_is_percent_encoded(caller: Caller, name: str) -> None:
    caller.register(name, f"node/{name}:8080@%")
    path = f"node%2F{name}:8080%40%25"
    assert caller.ask("PUT", f"/v1/heartbeat/{path}").status == 204
    assert caller.ask("GET", f"/v1/instances/{path}").json["instance_id"] == f"node/{name}:8080@%"
    assert caller.ask("PATCH", f"/v1/instances/{path}", {"weight": 1}).status == 200
    assert caller.ask("POST", f"/v1/instances/{path}/drain?wait=0s").status == 200
    assert caller.ask("DELETE", f"/v1/instances/{path}").status == 204


def test_namespaces_keep_apart(caller: Caller, name: str) -> None:
    body = {**BODY, "service": name, "instance_id": name}
    for tenant in ("red", "Blue"):
        assert caller.ask("POST", f"/v1/register?namespace={tenant}", body).status == 201
    assert caller.look(name).problem[:2] == (404, "unknown_service")
    assert caller.ask("DELETE", f"/v1/instances/{name}?namespace=red").status == 204
    assert caller.look(name, "?namespace=blue").json["instances"][0]["namespace"] == "blue"
    assert caller.ask("PUT", f"/v1/heartbeat/{name}?namespace=blue").status == 204
    assert caller.ask("PUT", f"/v1/heartbeat/{name}").problem == (404, "unknown_instance", None)
    assert caller.look(name, "?namespace=no%20way").problem == (400, "invalid_request", "namespace")


# --- the owner secret ---


def test_an_owner_secret_guards_its_id(caller: Caller, name: str) -> None:
    secret = caller.register(name, name, owner_secret=True).json["owner_secret"]
    mine = {"muster_owner_secret": secret}
    path = f"/v1/instances/{name}"
    forbidden = (403, "not_owner", None)

    assert caller.ask("PUT", f"/v1/heartbeat/{name}").problem == forbidden
    assert caller.ask("PATCH", path, {"weight": 1}).problem == forbidden
    assert caller.ask("DELETE", path, muster_owner_secret="not-the-secret-at-all").problem == forbidden
    assert caller.ask("POST", f"{path}/drain?wait=0s").problem == forbidden
    assert caller.ask("GET", f"{path}/session").problem == (403, "not_owner", "session")
    again = {**BODY, "service": name, "instance_id": name, "incarnation": "thief"}
    assert caller.ask("POST", "/v1/register", again).problem == forbidden
    beats = {"heartbeats": [{"instance_id": name}]}
    assert caller.ask("POST", "/v1/heartbeats", beats).json["refused"][0]["code"] == "not_owner"

    assert caller.ask("PUT", f"/v1/heartbeat/{name}", **mine).status == 204
    beats = {"heartbeats": [{"instance_id": name, "owner_secret": secret}]}
    assert caller.ask("POST", "/v1/heartbeats", beats).json == {"renewed": 1, "refused": []}
    assert caller.ask("PATCH", path, {"weight": 1}, **mine).status == 200
    assert caller.ask("POST", f"{path}/drain?wait=0s", **mine).status == 200
    assert caller.ask("DELETE", path, **mine).status == 204


def test_an_operator_needs_no_owner_secret_to_take_an_instance_out(caller: Caller, name: str) -> None:
    caller.register(name, name, owner_secret="a-secret-of-its-own")
    assert caller.ask("PATCH", f"/v1/instances/{name}", {"override": "out_of_service"}).status == 200
    mixed = {"override": "", "weight": 1}
    assert caller.ask("PATCH", f"/v1/instances/{name}", mixed).problem == (403, "not_owner", None)


def test_who_has_a_secret_made_and_sends_one_keeps_it(caller: Caller, name: str) -> None:
    """A registration whose answer was lost is sent again; the second one must not lock the first one out."""
    body = {**BODY, "service": name, "instance_id": name, "owner_secret": True}
    secret = caller.ask("POST", "/v1/register", body).json["owner_secret"]
    again = caller.ask("POST", "/v1/register", body, muster_owner_secret=secret)
    assert (again.status, "owner_secret" in again.json) == (200, False)
    short = caller.ask("POST", "/v1/register", body, muster_owner_secret="short")
    assert short.problem == (400, "invalid_request", "owner_secret")


def test_secrets_are_told_once_and_never_shown(caller: Caller, name: str) -> None:
    caller.register(name, name, owner_secret="a-secret-of-its-own")
    for path in (f"/v1/instances/{name}", f"/v1/services/{name}/instances", "/v1/services", "/metrics"):
        assert b"a-secret" not in caller.ask("GET", path).body
    assert caller.ask("GET", f"/v1/instances/{name}").json["guarded"] is True
