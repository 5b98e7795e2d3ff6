"""Eureka's API as a caller of it sees it."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any
from urllib.parse import quote

from tests.eureka.conftest import body
from tests.httpapi.asking import Answer, Caller

JSON = {"accept": "application/json"}


class Eureka:
    def __init__(self, caller: Caller, prefix: str = "/eureka") -> None:
        self._caller = caller
        self._prefix = prefix

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        return self._caller.ask(method, self._prefix + path, body, **JSON | headers)

    def register(self, app: str, id: str = "host-1:web:8080", **fields: Any) -> None:
        answer = self.ask("POST", f"/apps/{app.upper()}", body(app, id, **fields))
        assert answer.status == 204, answer

    def renew(self, app: str, id: str, dirty: int = 0) -> int:
        query = f"?status=UP&lastDirtyTimestamp={dirty}" if dirty else ""
        return self.ask("PUT", f"/apps/{app.upper()}/{quote(id, safe='')}{query}").status

    def instance(self, app: str, id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("GET", f"/apps/{app.upper()}/{quote(id, safe='')}").json["instance"]
        return told

    def status(self, app: str, id: str) -> str:
        return str(self.instance(app, id)["status"])

    def apps(self, path: str = "/apps") -> dict[str, Any]:
        told: dict[str, Any] = self.ask("GET", path).json["applications"]
        return told


def instances(applications: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (app["name"], each["instanceId"]): each
        for app in applications["application"]
        for each in app["instance"]
    }


def hash_of(applications: dict[str, Any]) -> str:
    """As a client computes it."""
    counts = Counter(each["status"] for each in instances(applications).values())
    return "".join(f"{status}_{count}_" for status, count in sorted(counts.items()))


def inflated(answer: Answer) -> bytes:
    assert answer.headers["content-encoding"] == "gzip"
    return gzip.decompress(answer.body)
