"""A plain watcher: server-sent events over HTTP and nothing else, as a program in any language could read them.

MUSTER_URL=http://127.0.0.1:8500 python -m demo.watcher
"""

import http.client
import json
import os
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .speech import say

SERVICE = "greeter"
SILENCE_S = 5.0
AGAIN_S = 0.2

Event = dict[str, Any]


class View:
    """The service as the stream told it, and the id to go on from. A snapshot may come in pages; it counts when its last one
    has come."""

    def __init__(self) -> None:
        self.instances: set[str] = set()
        self.position = ""
        self._pages: list[set[str]] = []

    def follow(self, name: str, event: Event) -> bool:
        """True if the view is another one now, and whole."""
        ids = {instance["instance_id"] for instance in event.get("instances", ())}
        if name == "snapshot":
            self._pages.append(ids)
            if event["more"]:
                return False
            self.instances, self._pages = set().union(*self._pages), []
        elif name == "upsert":
            self.instances |= ids
        elif name == "remove":
            self.instances -= ids
        return name in ("snapshot", "upsert", "remove") and not event["more"]


def main() -> None:
    view = View()
    while True:
        try:
            for name, mark, event in events(view.position):
                if view.follow(name, event):
                    say("view", instances=sorted(view.instances))
                view.position = mark or view.position
        except (OSError, http.client.HTTPException):
            pass
        say("stream", open=False)
        threading.Event().wait(AGAIN_S)


def events(position: str) -> Iterator[tuple[str, str, Event]]:
    """(name, id or "", body) of each event after `position`, until the stream ends or is silent for too long."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["MUSTER_URL"]).netloc, timeout=SILENCE_S)
    connection.request("GET", f"/v1/watch?service={SERVICE}", headers={"Last-Event-ID": position})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise http.client.HTTPException(f"status {answer.status}")
    say("stream", open=True)
    fields: dict[str, str] = {}
    for line in answer:
        field, _, value = line.decode().rstrip("\r\n").partition(": ")
        if field:
            fields[field] = value
        elif "data" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


if __name__ == "__main__":
    main()
