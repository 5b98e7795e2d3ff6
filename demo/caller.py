"""A caller: finds greeters by a watch and calls them all the time, from three threads. What a user's program would do.

    MUSTER_URL=http://127.0.0.1:8500 MUSTER_ZONE=a python -m demo.caller

A call goes to the endpoint that `pick` names. If that one refuses or breaks off, it goes to another one: a GET may be repeated.
"""

import http.client
import random
import signal
import threading
import time
from collections.abc import Iterator

import muster
from muster.client import Bound, Endpoint, Mirror
from muster.client.endpoint import of

from .speech import say

SERVICE = "greeter"
THREADS = 3
PAUSE_S = 0.005
TRIES = 3
CALL_TIMEOUT_S = 2.0
LOOK_S = 0.02


def main() -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    began = time.monotonic()
    with muster.Discovery.from_env([SERVICE]) as discovery:
        discovery.on_change(tell_view)
        discovery.wait_ready(10)
        tell_ready(discovery.mirror(SERVICE), time.monotonic() - began)
        callers = [threading.Thread(target=call_until, args=(discovery, ending)) for _ in range(THREADS)]
        for caller in callers:
            caller.start()
        tell_streams_until(discovery, ending)
        for caller in callers:
            caller.join()


def call_until(discovery: muster.Discovery, ending: threading.Event) -> None:
    while not ending.wait(PAUSE_S):
        call(discovery)


def call(discovery: muster.Discovery) -> None:
    began, troubles = time.monotonic(), []
    for endpoint in choices(discovery):
        try:
            ask(endpoint)
        except (OSError, http.client.HTTPException) as error:
            troubles.append(f"{endpoint.id}: {error!r}")
        else:
            say("call", began=began, answered_by=endpoint.id, troubles=troubles)
            return
    say("call", began=began, answered_by=None, troubles=troubles)


def choices(discovery: muster.Discovery) -> Iterator[Endpoint]:
    """Where to go: first as the library picks, then to others that are known, in any order."""
    try:
        first = discovery.pick(SERVICE)
    except muster.NoEndpoint:
        return
    yield first
    others = [of(view) for view in discovery.instances(SERVICE) if view.instance_id != first.id]
    yield from random.sample(others, min(len(others), TRIES - 1))


def ask(endpoint: Endpoint) -> None:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=CALL_TIMEOUT_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"status {answer.status}")
    finally:
        connection.close()


def tell_view(mirror: Mirror) -> None:
    known = mirror.instances if isinstance(mirror, Bound) else ()
    say("view", instances=[view.instance_id for view in known])


def tell_ready(mirror: Mirror, took: float) -> None:
    assert isinstance(mirror, Bound), mirror
    say("ready", took=took, source=mirror.source, age=mirror.age)
    tell_view(mirror)


def tell_streams_until(discovery: muster.Discovery, ending: threading.Event) -> None:
    """Say when the stream from the registry ends, and when there is one again."""
    before: bool | None = None
    while not ending.wait(LOOK_S):
        status = discovery.status()
        now = status.connection is not None and status.services[SERVICE].source == "live"
        if now != before:
            say("stream", open=now)
        before = now


if __name__ == "__main__":
    main()
