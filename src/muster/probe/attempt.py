"""One probe: its address is found, connected to, talked to; all within one deadline, ending in one finding.

waiting -> [resolving] -> one line after the other, until one connects -> over
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from muster.model import limits
from muster.model.check import Answer
from muster.model.names import printable
from muster.probe.addresses import Addresses, Found, Resolution, Resolver, literal, vetted
from muster.probe.conversation import Conclusion, Conversation
from muster.probe.line import Line
from muster.registry.prober import Finding, Target

_UNSPEAKABLE = (ValueError, TypeError)
"""What a TLS server name that is none raises in `ssl`, and text that does not encode."""


class Surroundings(Protocol):
    """What an attempt needs of the prober that owns it."""

    loop: asyncio.AbstractEventLoop
    resolver: Resolver
    allow_loopback: bool

    def converse(self, target: Target) -> Conversation: ...

    def ended(self, attempt: Attempt) -> None:
        """Called once, when a begun attempt is over or cancelled."""
        ...


class Attempt:
    """Begun by its owner when there is a place for it; `done` is called once, unless it is cancelled before."""

    __slots__ = (
        "_around",
        "_begun_at",
        "_done",
        "_line",
        "_resolution",
        "_timer",
        "_tried",
        "_untried",
        "target",
        "urgent",
    )

    def __init__(
        self, around: Surroundings, target: Target, done: Callable[[Finding], None], *, urgent: bool
    ) -> None:
        self.target = target
        self.urgent = urgent
        self._around = around
        self._done: Callable[[Finding], None] | None = done
        self._begun_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._resolution: Resolution | None = None
        self._line: Line | None = None
        self._untried: Addresses = ()
        self._tried: tuple[tuple[Line, Conclusion], ...] = ()

    @property
    def over(self) -> bool:
        return self._done is None

    def cancel(self) -> None:
        self._stop()

    def begin(self) -> None:
        self._begun_at = time.monotonic()
        self._timer = self._around.loop.call_later(self.target.timeout, self._on_timeout)
        ip = literal(self.target.host)
        if ip is not None:
            self._on_found((ip,))
        elif self._around.resolver.full:
            self.end(Conclusion(Answer.UNASKED, "too many names are being looked up"))
        else:
            self._resolution = self._around.resolver.resolve(self.target.host, self._on_found)

    def end(self, conclusion: Conclusion) -> None:
        """Tell `done`, which is the caller's code and comes last."""
        done = self._done
        begun_at = self._begun_at
        self._stop()
        if done is not None:
            latency = time.monotonic() - begun_at if begun_at else 0.0
            done(Finding(conclusion.answer, printable(conclusion.detail, limits.CHECK_OUTPUT_CHARS), latency))

    def _stop(self) -> None:
        if self._done is None:
            return
        self._done = None
        if self._resolution is not None:
            self._resolution.cancel()
        if self._line is not None:
            self._line.close()
            self._line, self._tried = None, ()  # they refer to us
        if self._timer is not None:
            self._timer.cancel()
            self._around.ended(self)

    def _on_found(self, found: Found) -> None:
        self._resolution = None
        if isinstance(found, OSError):
            self.end(Conclusion(Answer.SILENT, f"name does not resolve: {found.strerror or found}"))
            return
        addresses = vetted(found, self.target.port, allow_loopback=self._around.allow_loopback)
        if isinstance(addresses, Conclusion):
            self.end(addresses)
            return
        self._untried = addresses
        self._try_next()

    def _try_next(self) -> None:
        address, *rest = self._untried
        self._untried = tuple(rest)
        try:
            conversation = self._around.converse(self.target)
        except _UNSPEAKABLE as error:
            self.end(Conclusion(Answer.FAILED, f"cannot be asked: {error}"))
            return
        self._line = Line(self._around.loop, address, conversation, self._on_line_over)
        self._line.open()

    def _on_line_over(self, conclusion: Conclusion) -> None:
        assert self._line is not None
        self._tried += ((self._line, conclusion),)
        if self._line.connected:
            self.end(conclusion)
        elif self._untried:
            self._try_next()
        else:
            self.end(_nobody_connected(self._tried))

    def _on_timeout(self) -> None:
        self.end(self._timed_out())

    def _timed_out(self) -> Conclusion:
        seconds = f"{self.target.timeout:g} s"
        line = self._line
        if self._resolution is not None:
            if self._resolution.begun:
                return Conclusion(Answer.SILENT, f"the name's look-up took more than {seconds}")
            return Conclusion(Answer.UNASKED, "too many names are being looked up")
        if line is None or not line.connected:
            return Conclusion(Answer.SILENT, f"no connection within {seconds}")
        if line.heard:
            return Conclusion(Answer.FAILED, f"answer not complete within {seconds}")
        return Conclusion(Answer.SILENT, f"connected, but not a byte within {seconds}")


def _nobody_connected(tried: tuple[tuple[Line, Conclusion], ...]) -> Conclusion:
    """Refused is proof only if every address that could be asked refused; one with no way to it counts last."""
    asked = [conclusion for line, conclusion in tried if line.sent] or [conclusion for _, conclusion in tried]
    return next((conclusion for conclusion in asked if conclusion.answer is not Answer.REFUSED), asked[0])
