"""The life of one registration, as its registrar sees it. No I/O; `now` is an argument, the next deadline a return value.

    registering -> registered -> draining -> left
                      |  ^ 404: register again, unless draining
                      v
                  superseded: a newer incarnation holds the id; never register again

What happens at the registry is told by `granted`, `renewed`, `unknown`, `failed`, `supersede`; what the owner wants, by
`drain` and `leave`. `due(now)` says what to do.
"""

from __future__ import annotations

from random import Random
from typing import Literal

from muster.model import limits

State = Literal["registering", "registered", "draining", "superseded", "left"]
Task = Literal["register", "renew", "withdraw"]

_OVER: frozenset[State] = frozenset({"superseded", "left"})


class Tenure:
    """`generation` 0: not registered yet. `interval` None: no lease, so nothing to renew."""

    def __init__(
        self,
        now: float,
        rng: Random,
        *,
        retry: float = limits.CLIENT_HEARTBEAT_RETRY_S,
        longest: float = limits.CLIENT_REGISTER_RETRY_MAX_S,
    ) -> None:
        self._rng = rng
        self._retry = retry
        self._longest = longest
        self._due_at: float | None = now
        self._failures = 0
        self.state: State = "registering"
        self.generation = 0
        self.interval: float | None = None
        self.renewed_at: float | None = None

    def __repr__(self) -> str:
        return f"<Tenure {self.state} generation {self.generation}>"

    @property
    def over(self) -> bool:
        return self.state in _OVER

    @property
    def leased(self) -> bool:
        """The registry holds a lease of ours."""
        return self.state in ("registered", "draining") and self.interval is not None

    def due(self, now: float) -> Task | None:
        """What to do now."""
        if self._due_at is None or now < self._due_at:
            return None
        if self.state == "registering":
            return "register"
        return "withdraw" if self.state == "left" else "renew"

    def next_deadline(self) -> float | None:
        return self._due_at

    def granted(self, now: float, generation: int, interval: float | None) -> None:
        """Registered. Whoever wanted to be gone by then takes it back."""
        self.generation, self.interval = generation, interval
        self.renewed_at = now
        self._failures = 0
        if self.state != "registering":
            self.state, self._due_at = "left", now
            return
        self.state = "registered"
        self._renew_after(now, 0.5)

    def renewed(self, now: float) -> None:
        self.renewed_at = now
        self._failures = 0
        if not self.over:
            self._renew_after(now, 0.9)

    def unknown(self, now: float) -> None:
        """The registry knows of no such instance: register again, unless it was to end anyway."""
        if self.state == "registered":
            self.state, self._due_at = "registering", now
        elif self.state == "draining":
            self.leave()

    def failed(self, now: float) -> None:
        """No answer that counts: again soon, then less often, each time by chance a little later or earlier."""
        self._failures += 1
        if not self.over:
            wait = min(self._longest, self._retry * 2.0 ** min(self._failures - 1, 16))
            self._due_at = now + self._rng.uniform(wait / 2, wait)

    def supersede(self) -> None:
        if self.state != "left":
            self.state, self._due_at = "superseded", None

    def drain(self) -> None:
        """From now on never register again; go on renewing, so that what is drained stays listed as such."""
        if self.state == "registered":
            self.state = "draining"
        elif self.state == "registering":
            self.leave()

    def leave(self) -> None:
        """It is over, by the owner's wish."""
        self.state, self._due_at = "left", None

    def _renew_after(self, now: float, least: float) -> None:
        """`least` to one interval: earlier is safe, and spreads the heartbeats of what was registered at once."""
        self._due_at = None if self.interval is None else now + self.interval * self._rng.uniform(least, 1.0)
