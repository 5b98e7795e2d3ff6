"""A breaker: closed, open, half-open with one trial. One per endpoint; time is an argument, the next deadline a field.

    closed     requests pass; enough failures in a row open it
    open       none pass until `until`; then one trial may
    half_open  the trial is under way; a success closes, a failure opens for twice as long

(M. Nygard, Release It!, 2nd ed., "Circuit Breaker". Envoy has none per endpoint: outlier detection comes closest.)
"""

from __future__ import annotations

from typing import Literal

from muster.model.resilience import Breaker as Terms

from .outcome import Outcome

State = Literal["closed", "open", "half_open"]


class Breaker:
    """`until`: when an open one lets a trial through, or a half-open one gives its trial up for lost (s)."""

    __slots__ = ("_connect_failures", "_failures", "_openings", "opened_at", "state", "until")

    def __init__(self) -> None:
        self.state: State = "closed"
        self.until = 0.0
        self.opened_at = 0.0
        self._failures = 0
        self._connect_failures = 0
        self._openings = 0

    def __repr__(self) -> str:
        return f"<Breaker {self.state} {self._failures} failures>"

    def ready(self, now: float) -> bool:
        """Whether a trial may be made."""
        return self.state != "closed" and now >= self.until

    def begin_trial(self, now: float, patience: float) -> None:
        """The request that decides is under way. If nothing is heard of it for `patience` s, another one may be."""
        self.state = "half_open"
        self.until = now + patience

    def succeeded(self, started: float) -> bool:
        """An answer to a request begun at `started`. One from before it opened proves nothing. True if it closed."""
        self._failures = self._connect_failures = 0
        if self.state == "closed" or started < self.opened_at:
            return False
        self.state = "closed"
        self._openings = 0
        return True

    def failed(self, outcome: Outcome, started: float, now: float, terms: Terms) -> bool:
        """A failure of a request begun at `started`. True if it opened, anew or again."""
        self._failures += 1
        self._connect_failures = self._connect_failures + 1 if outcome is Outcome.CONNECT else 0
        if self.state == "half_open":
            # Requests that were under way when it opened go on failing; they are not the trial.
            return started >= self.opened_at and self._open(now, terms)
        spent = (
            self._failures >= terms.consecutive_failures or self._connect_failures >= terms.connect_failures
        )
        return self.state == "closed" and spent and self._open(now, terms)

    def gave_up(self, now: float) -> bool:
        """The trial's caller lost interest: the next request is the trial. True if there was one."""
        if self.state != "half_open":
            return False
        self.state, self.until = "open", now
        return True

    def _open(self, now: float, terms: Terms) -> bool:
        self.state = "open"
        self.opened_at = now
        self.until = now + min(terms.open_time * 2 ** min(self._openings, 30), terms.max_open_time)
        self._openings += 1
        return True
