"""From a target's host to the socket addresses that may be connected to.

Names are resolved in a few threads, once per probe, and never by `connect` itself: the address that was judged
is the address that is connected to, so a name that changes its mind in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import NamedTuple

from muster.model import limits
from muster.model.check import Answer
from muster.model.probe_rules import IPAddress, forbidden_address
from muster.probe.conversation import Conclusion


class Address(NamedTuple):
    """A place to connect to. `ip` without a zone: link-local addresses, which alone need one, are never probed."""

    family: socket.AddressFamily
    ip: str
    port: int


Addresses = tuple[Address, ...]


def literal(host: str) -> IPAddress | None:
    """The address that `host` spells, or None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def vetted(ips: Iterable[IPAddress], port: int, *, allow_loopback: bool) -> Addresses | Conclusion:
    """Those of `ips` that may be probed, in their order; if there are none, the conclusion that says why."""
    allowed: list[Address] = []
    reason = "has no address"
    for ip in ips:
        forbidden = forbidden_address(ip, allow_loopback=allow_loopback)
        if forbidden is None:
            family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
            allowed.append(Address(family, str(ip), port))
        else:
            reason = f"{ip} {forbidden}, and never probed"
    if not allowed:
        return Conclusion(Answer.FAILED, reason)
    return tuple(allowed[: limits.PROBE_ADDRESSES])


Found = tuple[IPAddress, ...] | OSError
"""What a look-up found: the addresses of a name, or why there are none."""
Lookup = Callable[[str], Iterable[str]]
"""Name -> addresses as text, blocking; raises OSError."""


def system_lookup(name: str) -> Iterable[str]:
    """The system's own resolver: /etc/hosts, DNS and whatever else nsswitch.conf says."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return (str(sockaddr[0]) for _, _, _, _, sockaddr in found)


class Resolution:
    """One name being looked up. `begun` is False while it waits for a thread; `cancel` forgets it."""

    __slots__ = ("_done", "begun", "name")

    def __init__(self, name: str, done: Callable[[Found], None]) -> None:
        self.name = name
        self.begun = False
        self._done: Callable[[Found], None] | None = done

    @property
    def wanted(self) -> bool:
        return self._done is not None

    def cancel(self) -> None:
        self._done = None

    def deliver(self, answer: Found) -> None:
        if self._done is not None:
            self._done(answer)


class Resolver:
    """A fixed number of threads that look names up, started when the first name comes.

    They are daemons, unlike an executor's: a look-up that hangs must not hold up the end of the process.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        lookup: Lookup = system_lookup,
        threads: int = limits.PROBE_RESOLVER_THREADS,
    ) -> None:
        self._loop = loop
        self._lookup = lookup
        self._threads = threads
        self._started = 0
        self._asked: queue.SimpleQueue[Resolution | None] = queue.SimpleQueue()

    @property
    def full(self) -> bool:
        """No look-up has ended for so long that as many wait as there can be probes."""
        return self._asked.qsize() >= limits.PROBES_IN_FLIGHT

    def resolve(self, name: str, done: Callable[[Found], None]) -> Resolution:
        """Call `done` on the loop with the addresses of `name`, or with the error."""
        resolution = Resolution(name, done)
        self._asked.put(resolution)
        if self._started < self._threads:
            self._started += 1
            threading.Thread(target=self._work, name="muster-probe-resolver", daemon=True).start()
        return resolution

    def close(self) -> None:
        """Let the threads end when they are done; what they still find is dropped."""
        for _ in range(self._started):
            self._asked.put(None)

    def _work(self) -> None:
        while (resolution := self._asked.get()) is not None:
            if resolution.wanted:
                resolution.begun = True
                answer = self._look_up(resolution.name)
                if not self._deliver(resolution, answer):
                    return

    def _look_up(self, name: str) -> Found:
        try:
            return tuple(ip for text in self._lookup(name) if (ip := literal(text)) is not None)
        except OSError as error:
            return error
        except UnicodeError as error:  # a label that IDNA cannot encode
            return OSError(str(error))

    def _deliver(self, resolution: Resolution, answer: Found) -> bool:
        try:
            self._loop.call_soon_threadsafe(resolution.deliver, answer)
        except RuntimeError:  # the loop is closed
            return False
        return True
