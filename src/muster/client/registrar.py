"""The registrar: keeps one instance registered for as long as its process serves.

    with Registrar("http://127.0.0.1:8500", RegisterBody(service="web", port=8080)) as registrar:
        registrar.wait_registered()
        serve()
        registrar.drain()           # callers are told, and have said that they know

A registry that is away, or comes back empty, is met by trying again and by registering again; a newer incarnation of the
same id, or a drain, ends it for good.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from muster.model.check import Result
from muster.wire import registration
from muster.wire.registration import RegisterBody

from . import fork
from .errors import Refused, RegistryError
from .http import Answer, Request, Requests, access
from .keeping import Keeping, said
from .tenure import State
from .timing import USUAL, Timing

log = logging.getLogger(__name__)

_DRAIN_MARGIN_S = 2.0
"""An answer to `drain` may come this much after the wait it asked for."""


class Drained(Struct, frozen=True):
    """`safe`: every live subscriber has said that it knows. If not, `unacknowledged` names some, or `error` says what failed."""

    safe: bool
    waited_ms: int = 0
    unacknowledged: tuple[dict[str, str], ...] = ()
    unacknowledged_count: int = 0
    cannot_acknowledge: dict[str, object] = {}
    error: str = ""


class RegistrarStatus(Struct, frozen=True):
    """`renewed_ago`: seconds since the registry last confirmed the lease, None if never. `failure` is the last one, empty
    once something succeeds."""

    state: State
    service: str
    instance_id: str
    generation: int
    session: bool
    renewed_ago: float | None
    registrations: int
    heartbeats: int
    failure: str


class Registrar:
    """`instance`: what to register; an empty `host` means this machine's address on the way to the registry. `on_superseded`
    is called once, in a background thread. Raises ValueError, or `Rejected` naming the field that cannot be."""

    def __init__(
        self,
        urls: str | Iterable[str],
        instance: RegisterBody,
        *,
        namespace: str = "default",
        token: str | Path | None = None,
        tls: ssl.SSLContext | None = None,
        on_superseded: Callable[[], object] | None = None,
        timing: Timing = USUAL,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._access = access(urls, namespace=namespace, token=token, tls=tls)
        self._service = _checked(instance, self._access.namespace)
        self._timing = timing
        self._clock = clock
        self._keeping = Keeping(
            self._access,
            replace(instance, incarnation=instance.incarnation or uuid.uuid4().hex),
            on_superseded=on_superseded,
            timing=timing,
            clock=clock,
            rng=rng or Random(),  # noqa: S311 - jitter, no secret
        )
        self._threads: tuple[threading.Thread, ...] = ()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Registrar of {self._service}/{self._keeping.id or '?'} {self._keeping.tenure.state}>"

    def start(self) -> None:
        """Begin to register; goes on by itself until it succeeds. Harmless twice."""
        kept = self._keeping
        with kept.changed:
            if self._threads or self._closed:
                return
            fork.notice(self)
            self._threads = (
                threading.Thread(target=kept.keep_lease, name="muster-lease", daemon=True),
                threading.Thread(target=kept.keep_session, name="muster-session", daemon=True),
            )
            for thread in self._threads:
                thread.start()

    def wait_registered(self, timeout: float = 10.0) -> None:
        """Until the registry has it. Raises `Refused` if it will not, TimeoutError if it has not answered."""
        self.start()
        kept = self._keeping
        with kept.changed:
            kept.changed.wait_for(lambda: kept.tenure.state != "registering" or kept.refusal, timeout)
            if kept.refusal is not None:
                raise kept.refusal
            if kept.tenure.state == "registering":
                why = kept.failure or "no answer"
                raise TimeoutError(f"{self._service}: not registered after {timeout:g} s: {why}")

    def drain(self, wait: float = 5.0) -> Drained:
        """No new requests, please: returns when all readers have said that they know, or after `wait` seconds. Raises
        nothing; the instance is never registered again."""
        kept = self._keeping
        with kept.changed:
            kept.tenure.drain()
            state = kept.tenure.state
            kept.changed.notify_all()
        if state != "draining":
            return Drained(safe=state == "left", error="" if state == "left" else f"it is {state}")
        request = kept.of_instance("POST", "/drain", wait=f"{wait:g}s")
        try:
            answer = self._send(replace(request, timeout=wait + _DRAIN_MARGIN_S))
            return msgspec.json.decode(answer.body, type=Drained)
        except Refused as refused:
            return Drained(safe=refused.code == "unknown_instance", error=str(refused))
        except (RegistryError, msgspec.DecodeError) as error:
            return Drained(safe=False, error=str(error))

    def deregister(self) -> None:
        """Gone from the registry, and never registered again. Raises `Unreachable`; the lease then ends by itself.

        A registration that is on its way is waited for, `close` seconds at most: it is taken back when it is granted."""
        kept = self._keeping
        with kept.changed:
            registered = kept.tenure.generation and not kept.tenure.over
            on_its_way = kept.tenure.state == "registering"
            kept.tenure.leave()
            kept.changed.notify_all()
            if on_its_way:
                kept.changed.wait_for(kept.settled, self._timing.close)
        try:
            if registered:
                self._send(kept.of_instance("DELETE"))
        except Refused as refused:
            log.info("deregistering %s: %s", kept.id, refused)
        finally:
            kept.session.interrupt()

    def report(self, result: Result, output: str = "", check: str = "") -> None:
        """The result of a check that the instance makes itself (kind `ttl`). Raises `Refused`, `Unreachable`."""
        body = {"result": result, "output": output} | ({"check": check} if check else {})
        self._send(replace(self._keeping.of_instance("POST", "/check"), body=body))

    def status(self) -> RegistrarStatus:
        kept = self._keeping
        with kept.changed:
            renewed = kept.tenure.renewed_at
            return RegistrarStatus(
                state=kept.tenure.state,
                service=self._service,
                instance_id=kept.id,
                generation=kept.tenure.generation,
                session=kept.session.open,
                renewed_ago=None if renewed is None else self._clock() - renewed,
                registrations=kept.registrations,
                heartbeats=kept.heartbeats,
                failure=kept.failure,
            )

    def close(self) -> None:
        """Stop the threads. Does not deregister: a registered instance that closes its session is suspected to be dead."""
        self._closed = True
        self._keeping.stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(self._timing.close)

    def forked(self) -> None:
        """In a forked child: the registration is the parent's, and stays with it."""
        self._closed, self._threads = True, ()
        self._keeping.disown()
        self._keeping.changed = threading.Condition()
        self._keeping.tenure.leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.deregister()
        except RegistryError as failure:
            log.warning("%s could not be deregistered: %s", self._keeping.id, failure)
        finally:
            self.close()

    def _send(self, request: Request) -> Answer:
        """On a connection of its own: heartbeats go on meanwhile."""
        requests = Requests(self._access, timeout=self._timing.request)
        try:
            return requests.send(request)
        finally:
            requests.close()


def _checked(instance: RegisterBody, namespace: str) -> str:
    """The service's name, if a registry could accept the rest. Raises `Rejected`."""
    body = said(replace(instance, host=instance.host or "127.0.0.1"))
    return registration.parse(msgspec.json.encode(body), namespace, dots=True).instance.service
