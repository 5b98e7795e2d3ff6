"""What tests of Consul's API ask over and over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.httpapi.asking import TIMEOUT_S, Answer, Caller


def register(caller: Caller, name: str, id: str = "", **fields: object) -> None:
    """A service with the agent of whoever asks; it is passing unless it has checks."""
    body = {"Name": name, "ID": id or name, "Port": 80} | fields
    answer = caller.ask("PUT", "/v1/agent/service/register", body)
    assert (answer.status, answer.body) == (200, b""), answer


def deregister(caller: Caller, id: str) -> None:
    assert caller.ask("PUT", f"/v1/agent/service/deregister/{id}").status == 200


def health(caller: Caller, name: str, query: str = "") -> Answer:
    answer = caller.ask("GET", f"/v1/health/service/{name}{query}")
    assert answer.status == 200, answer
    return answer


def ids(answer: Answer) -> list[str]:
    return [each["Service"]["ID"] for each in answer.json]


def index(answer: Answer) -> int:
    return int(answer.headers["x-consul-index"])


def until(condition: Callable[[], object]) -> None:
    """Return when it holds. Each look asks the registry, which is not so fast that this would spin."""
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, "it never came"


def catalog(caller: Caller, path: str) -> Any:
    answer = caller.ask("GET", f"/v1/catalog/{path}")
    assert answer.status == 200, answer
    return answer.json
