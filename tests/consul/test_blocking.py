"""Blocking queries: an index of one's own, waking for one's own changes, and never for others'."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.consul.asking import deregister, health, index, register
from tests.httpapi.asking import Answer, Caller

from muster.testing.server import LocalRegistry


class Query(threading.Thread):
    """A query on a connection of its own; `result` waits for its answer."""

    def __init__(self, registry: LocalRegistry, path: str) -> None:
        super().__init__(daemon=True)
        self._caller = Caller(registry.host, registry.port)
        self._path = path
        self._answer: Answer | None = None
        self.start()

    def run(self) -> None:
        with self._caller:
            self._answer = self._caller.ask("GET", self._path)

    def result(self) -> Answer:
        self.join(20)
        assert self._answer is not None, "still waiting"
        return self._answer


def waiting(registry: LocalRegistry) -> int:
    return registry.do(lambda running: len(running.registry.blocked))


@contextmanager
def asked(registry: LocalRegistry, path: str) -> Iterator[Query]:
    """A query that waits."""
    before = waiting(registry)
    query = Query(registry, path)
    while waiting(registry) == before:
        assert query.is_alive(), "it was answered at once"
    yield query


@pytest.mark.parametrize(
    "path",
    ["health/service/{}", "catalog/service/{}", "health/checks/{}", "catalog/services", "health/state/any"],
)
def test_a_query_waits_for_its_change(registry: LocalRegistry, caller: Caller, name: str, path: str) -> None:
    path = "/v1/" + path.format(name)
    held = index(caller.ask("GET", path))
    with asked(registry, f"{path}?index={held}") as query:
        register(caller, name, Check={"TTL": "60s"})
    answer = query.result()
    assert index(answer) > held
    assert name in answer.body.decode()


def test_a_change_of_another_service_wakes_nobody(registry: LocalRegistry, caller: Caller, name: str) -> None:
    register(caller, name, "mine", Address="10.6.0.1")
    held = index(health(caller, name))
    with asked(registry, f"/v1/health/service/{name}?index={held}") as query:
        for n in range(5):
            register(caller, f"{name}-other", f"other-{n}")
        assert query.is_alive()
        assert index(health(caller, name)) == held
        register(caller, name, "more")
    assert len(query.result().json) == 2


def test_output_alone_and_a_repeated_result_are_no_news(caller: Caller, name: str) -> None:
    register(caller, name, Check={"TTL": "60s", "Status": "passing"})
    held = index(health(caller, name))
    caller.ask("PUT", f"/v1/agent/check/pass/service:{name}?note=again")
    assert index(health(caller, name)) == held


def test_a_nodes_check_is_news_to_the_services_on_it(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    register(caller, name)
    held = index(health(caller, name))
    with asked(registry, f"/v1/health/service/{name}?index={held}") as query:
        caller.ask("PUT", "/v1/agent/check/register", {"Name": name, "TTL": "60s", "Status": "critical"})
    assert name in [check["CheckID"] for check in query.result().json[0]["Checks"]]
    caller.ask("PUT", f"/v1/agent/check/deregister/{name}")


def test_who_leaves_last_is_news_and_the_index_stays(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    register(caller, name)
    held = index(health(caller, name))
    with asked(registry, f"/v1/health/service/{name}?index={held}") as query:
        deregister(caller, name)
    gone = query.result()
    assert (gone.json, index(gone) > held) == ([], True)
    assert index(health(caller, name)) == index(gone)


def test_a_wait_ends_with_the_same_index(caller: Caller, name: str) -> None:
    held = index(health(caller, name))
    assert index(health(caller, name, f"?index={held}&wait=10ms")) == held


def test_an_index_ahead_of_us_is_of_another_history_and_answered_at_once(caller: Caller, name: str) -> None:
    assert health(caller, name, "?index=999999999&wait=60s").json == []


def test_a_drain_waits_for_those_who_ask_again(registry: LocalRegistry, caller: Caller, name: str) -> None:
    caller.register(name, name)
    held = index(health(caller, name))
    with asked(registry, f"/v1/health/service/{name}?index={held}&wait=60s") as query:
        answer = caller.ask("POST", f"/v1/instances/{name}/drain?wait=200ms").json
    assert (answer["safe"], len(answer["unacknowledged"])) == (False, 1)
    again = index(query.result())
    with asked(registry, f"/v1/health/service/{name}?index={again}&wait=60s"):
        pass


def test_health_is_no_news_to_who_asks_which_services_there_are(caller: Caller, name: str) -> None:
    register(caller, name, Tags=["t"], Check={"TTL": "60s"})
    held = [index(caller.ask("GET", f"/v1/catalog/{lists}")) for lists in ("services", "nodes")]
    caller.ask("PUT", f"/v1/agent/check/pass/service:{name}")
    register(caller, name, "another", Tags=["t"])
    assert [index(caller.ask("GET", f"/v1/catalog/{lists}")) for lists in ("services", "nodes")] == held
