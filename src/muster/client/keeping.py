"""What a registrar's two threads do: one registers and renews the lease, one holds the session.

They share a `Tenure`, which decides; its lock is never held while anything is sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from random import Random
from typing import ClassVar

import msgspec
from msgspec.structs import asdict, replace

from muster.wire.answers import Registered
from muster.wire.registration import RegisterBody

from .address import Registry, towards
from .backoff import Rounds
from .errors import Lost, Refused, RegistryError
from .http import Access, Request, Requests, part
from .session import Session
from .tenure import Task, Tenure
from .timing import Timing

log = logging.getLogger(__name__)

_FAILURES = (RegistryError, Lost, OSError, ValueError)


class Keeping:
    """One registration being kept. `changed` guards everything that more than one thread looks at."""

    def __init__(
        self,
        access: Access,
        body: RegisterBody,
        *,
        on_superseded: Callable[[], object] | None,
        timing: Timing,
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._access = access
        self._body = body
        self._on_superseded = on_superseded
        self._timing = timing
        self._clock = clock
        self._rng = rng
        self._requests = Requests(access, timeout=timing.request)
        self._secret = body.owner_secret if isinstance(body.owner_secret, str) else ""
        self._stopping = False
        self._busy = False
        self.changed = threading.Condition()
        self.tenure = Tenure(clock(), rng, retry=timing.heartbeat_retry, longest=timing.register_retry_max)
        self.session = Session(access, timing)
        self.id = body.instance_id or body.instanceId or ""
        self.registrations = 0
        self.heartbeats = 0
        self.failure = ""
        self.refusal: Refused | None = None

    def __repr__(self) -> str:
        return f"<Keeping {self.id or '?'} {self.tenure!r}>"

    def of_instance(self, method: str, suffix: str = "", kind: str = "instances", **query: object) -> Request:
        """A request about this registration and no later one."""
        path = f"/{kind}/{part(self.id)}{suffix}"
        return Request(method, path, {**query, "generation": self.tenure.generation}, secret=self._secret)

    def stop(self) -> None:
        """From any thread; waits for nothing."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        self.session.interrupt()

    def disown(self) -> None:
        """In a forked child: the connections are the parent's."""
        self.session.disown()
        self._requests.disown()

    def settled(self) -> bool:
        """Whether nothing is on its way, nor about to be: what was asked for last has been answered, and taken back if need be."""
        return not self._busy and self.tenure.due(self._clock()) is None

    # --- one thread

    def keep_lease(self) -> None:
        while (task := self._next_task()) is not None:
            try:
                self._DO[task](self)
            except Refused as refused:
                self._refused(refused)
            except _FAILURES as error:
                self._failed(str(error))
        self._requests.close()

    def _next_task(self) -> Task | None:
        """What is due, as soon as something is. None: stop."""
        with self.changed:
            self._busy = False
            self.changed.notify_all()
            while not self._stopping:
                now = self._clock()
                if task := self.tenure.due(now):
                    self._busy = True
                    return task
                deadline = self.tenure.next_deadline()
                self.changed.wait(None if deadline is None else deadline - now)
        return None

    def _register(self) -> None:
        host = self._body.host or towards(self._access.registries[0])
        body = said(replace(self._body, host=host))
        granted = msgspec.json.decode(
            self._requests.send(Request("POST", "/register", body=body)).body, type=Registered
        )
        with self.changed:
            self.id, self._secret = granted.instance_id, self._secret or granted.owner_secret or ""
            interval = granted.lease.interval if granted.lease else None
            self.tenure.granted(self._clock(), granted.generation, interval)
            self.registrations += 1
            self._succeeded()
        self.session.interrupt()
        log.info("registered %s, generation %d", self.id, granted.generation)

    def _renew(self) -> None:
        self._requests.send(self.of_instance("PUT", kind="heartbeat"))
        with self.changed:
            self.tenure.renewed(self._clock())
            self.heartbeats += 1
            self._succeeded()

    def _withdraw(self) -> None:
        """It was granted after its owner had left."""
        with self.changed:
            self.tenure.leave()
        self._requests.send(self.of_instance("DELETE"))

    _DO: ClassVar[dict[Task, Callable[[Keeping], None]]] = {
        "register": _register,
        "renew": _renew,
        "withdraw": _withdraw,
    }

    # --- the other

    def keep_session(self) -> None:
        registries, timing = self._access.registries, self._timing
        rounds = Rounds(len(registries), self._rng, timing)
        attempt = rounds.begin()
        while self._session_wanted(attempt.after):
            began = time.monotonic()
            refused = self._hold(registries[attempt.index])
            if time.monotonic() - began >= timing.steady:
                rounds.steady()
            attempt = rounds.elsewhere(refused=refused)

    def _hold(self, registry: Registry) -> bool:
        """Until it ends. True if the registry ended it with a no."""
        generation = self.tenure.generation

        def current() -> bool:
            return not self._over() and self.tenure.generation == generation

        try:
            self.session.hold(registry, self.id, generation, self._secret, wanted=current)
        except Refused as refused:
            # What is said of an earlier registration of ours must not end the present one.
            if current():
                self._refused(refused)
            return True
        except _FAILURES as error:
            if current():
                log.info("the session of %s at %s: %s", self.id, registry, error)
        return False

    def _session_wanted(self, after: float) -> bool:
        """After `after` seconds, and once there is a leased instance to hold one for. False: never again."""
        with self.changed:
            self.changed.wait_for(self._over, after)
            self.changed.wait_for(lambda: self._over() or self.tenure.leased)
            return not self._over()

    def _over(self) -> bool:
        return self._stopping or self.tenure.over

    # --- what the registry says

    def _refused(self, refused: Refused) -> None:
        """404: it forgot us. 409: somebody newer has the id, or we drain. Anything else may be mended: try again."""
        with self.changed:
            match refused.code:
                case "unknown_instance":
                    self.tenure.unknown(self._clock())
                case "superseded":
                    self.tenure.supersede()
                case "draining":
                    self.tenure.leave()
                case _:
                    self.tenure.failed(self._clock())
                    self.refusal = refused
            self.failure = str(refused)
            self.changed.notify_all()
        if self.tenure.state == "superseded":
            self._tell_superseded()

    def _failed(self, why: str) -> None:
        with self.changed:
            self.tenure.failed(self._clock())
            self.failure = why
        log.info("%s: %s", self.id or "not registered yet", why)

    def _succeeded(self) -> None:
        self.failure, self.refusal = "", None
        self.changed.notify_all()

    def _tell_superseded(self) -> None:
        self.session.interrupt()
        callback, self._on_superseded = self._on_superseded, None
        log.warning("a newer incarnation holds %s: not registering again", self.id)
        if callback is not None:
            try:
                callback()
            except Exception:
                log.exception("on_superseded failed")


def said(body: RegisterBody) -> dict[str, object]:
    """The body without what was left open."""
    return {
        name: value
        for name, value in asdict(body).items()
        if value is not None and value is not False and value != ""
    }
