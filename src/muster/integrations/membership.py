"""A server's place in the registry, kept from inside it: first to last.

    start  -> the port answers -> join the crew -> lead, or stand by until the leader is gone -> registered
    depart -> callers are told, and have said that they know -> the last request is answered -> deregistered
    leave  -> deregistered, without waiting for anybody: for when the server has stopped accepting by itself

A process that ends while others of its crew go on tells nobody anything: one of them takes over.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from muster.client import fork, parting
from muster.client.port.answering import STILL_WAITING_S, TRY_EVERY_S, answers
from muster.client.port.connections import to_ports
from muster.client.port.idle import LOOK_EVERY_S, Idleness
from muster.client.registrar import Registrar, RegistrarStatus
from muster.model import limits

from . import crew
from .crew import Crew
from .description import Description

log = logging.getLogger(__name__)

STAND_BY_S = 0.5
"""How often who stands by tries to lead. A leader that is gone is missed when its session is, and then the port answers."""
TOGETHER_S = 1.0
"""A server stops its workers one after the other, within this; who is still there then is not being stopped."""
JOIN_S = 2.0
"""How long an end waits for a beginning: longer than one attempt to connect to the port."""


class Membership:
    """`ready` says when the server can take requests besides its port answering; None: that is enough. `directory`: where
    crews meet. `drain_wait` in seconds bounds the wait for callers, `limit` all of `depart`."""

    def __init__(
        self,
        description: Description,
        *,
        ready: Callable[[], bool] | None = None,
        directory: Path | None = None,
        drain_wait: float = limits.DRAIN_WAIT_S,
        limit: float = limits.RUN_LIMIT_S,
    ) -> None:
        self._description = description
        self._ready = ready or (lambda: True)
        self._directory = directory
        self._drain_wait = min(drain_wait, limit)
        self._limit = limit
        self._thread: threading.Thread | None = None
        self._crew: Crew | None = None
        self._registrar: Registrar | None = None
        self._renew_locks()

    def __repr__(self) -> str:
        return f"<Membership of {self._description.service} {self._crew or 'not begun'}>"

    def start(self) -> None:
        """Begin, in a thread. Harmless twice, and useless after the end."""
        if self._thread is None and not self._ending.is_set():
            self._thread = threading.Thread(target=self._begin, name="muster-membership", daemon=True)
            fork.notice(self)
            self._thread.start()

    def depart(self) -> None:
        """Returns when nobody needs this process any more, or at the limit. Raises nothing."""
        deadline = time.monotonic() + self._limit
        self._end(lambda registrar: self._drain(registrar, deadline), deadline)

    def leave(self) -> None:
        """Returns within seconds. Raises nothing. Ends a `depart` that goes on elsewhere."""
        self._hurry.set()
        self._end(lambda registrar: None, time.monotonic())

    def status(self) -> RegistrarStatus | None:
        """None: this process does not lead."""
        registrar = self._registrar
        return registrar.status() if registrar else None

    def forked(self) -> None:
        """In a forked child: all of it is the parent's, and stays there."""
        if self._crew is not None:
            self._crew.close()
        self._thread, self._crew, self._registrar = None, None, None
        self._renew_locks()
        self._ending.set()

    def _renew_locks(self) -> None:
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._end_once = threading.Lock()

    # --- the beginning, in its thread

    def _begin(self) -> None:
        try:
            host = self._until_ready()
            if host and self._until_leading(host):
                self._register(host)
        except Exception:
            log.exception("%s is not registered", self._description.service)

    def _until_ready(self) -> str:
        """The host that answers; empty: it ended before."""
        where, patient_until = self._description, time.monotonic() + STILL_WAITING_S
        while not self._ending.wait(TRY_EVERY_S):
            if self._ready() and (host := self._host()) and answers(host, where.port):
                return host
            if time.monotonic() > patient_until:
                log.warning("%s is not registered yet: port %d does not answer", where.service, where.port)
                patient_until = float("inf")
        return ""

    def _host(self) -> str:
        try:
            return self._description.host()
        except OSError:
            return ""  # the registry's name does not resolve yet

    def _until_leading(self, host: str) -> bool:
        if self._ending.is_set():
            return False
        joined = self._meet(host)
        joined.join()
        self._crew = joined
        while not joined.lead():
            if self._ending.wait(STAND_BY_S):
                return False
        return True

    def _meet(self, host: str) -> Crew:
        described = self._description
        id = described.instance.instance_id or described.instance.instanceId or f"{host}:{described.port}"
        try:
            where = self._directory or crew.directory(os.environ)
            return Crew.meeting(where, described.registries.namespace, described.service, id)
        except OSError as error:
            log.warning("%s can have one worker alone, for they cannot meet: %s", described.service, error)
            return Crew.alone()

    def _register(self, host: str) -> None:
        assert self._crew is not None
        registrar = self._description.registrar(self._crew.incarnation, host)
        if not self._ending.is_set():
            self._registrar = registrar
            registrar.start()

    # --- the end, once, in whatever thread asks for it

    def _end(self, part: Callable[[Registrar], None], deadline: float) -> None:
        self._ending.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(JOIN_S)
        with self._end_once:
            joined, self._crew = self._crew, None
            if joined is not None:
                self._end_as_one_of(joined, part, deadline)
                joined.close()

    def _end_as_one_of(self, joined: Crew, part: Callable[[Registrar], None], deadline: float) -> None:
        joined.retire()
        registrar = self._registrar
        if self._others_go_on(joined):
            log.info("%s goes on without this process", self._description.service)
        elif registrar is None:
            self._until_finished(joined, deadline)
        else:
            part(registrar)
            if why := parting.leave(registrar):
                log.warning("%s was not deregistered: %s", self._description.service, why)
            joined.finish()
        if registrar is not None:
            registrar.close()

    def _others_go_on(self, joined: Crew) -> bool:
        deadline = time.monotonic() + TOGETHER_S
        while joined.others():
            if time.monotonic() > deadline:
                return True
            threading.Event().wait(LOOK_EVERY_S)  # even in a hurry: the difference is worth a second
        return False

    def _until_finished(self, joined: Crew, deadline: float) -> None:
        """The leader ends for all; if it is gone without having said so, there is nothing to wait for."""
        while not joined.finished and not joined.lead() and time.monotonic() < deadline:
            if self._hurry.wait(LOOK_EVERY_S):
                return

    def _drain(self, registrar: Registrar, deadline: float) -> None:
        drained = parting.drain(registrar, self._drain_wait)
        log.info("%s drained: %s", self._description.service, drained)
        idleness = Idleness(time.monotonic())
        while (now := time.monotonic()) < deadline:
            idle_at = idleness.look(to_ports(self._description.ports), now)
            if now >= idle_at or self._hurry.wait(min(idle_at - now, LOOK_EVERY_S)):
                return
        log.warning("%s is still busy after %g s", self._description.service, self._limit)
