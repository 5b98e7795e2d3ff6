"""Doubt of a whole zone: when its link is cut, packets vanish, and every endpoint there would have to be found out by a call of its own
that waits for its connection in vain. So several different endpoints in a row that could not be reached, and no success there in
between, speak for all of them: the zone is passed over, but for one trial at a time, as one endpoint is behind its breaker.

(Muster's own. Envoy compares endpoints alone; its localities lose their part of the traffic as their endpoints become unhealthy.)
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from muster.model.resilience import Breaker as Terms

from .breaker import Breaker
from .outcome import Outcome

UNREACHED: Final = frozenset({Outcome.CONNECT, Outcome.TIMEOUT})
"""A reset says that somebody is there, and so does any answer."""


class Doubt:
    """Of one zone, by one caller. `until`: when one that is doubted may be tried (s)."""

    __slots__ = ("_breaker", "_missed")

    def __init__(self) -> None:
        self._breaker = Breaker()
        self._missed: set[int] = set()

    def __repr__(self) -> str:
        return f"<Doubt {self._breaker.state} {len(self._missed)} missed>"

    @property
    def stands(self) -> bool:
        return self._breaker.state != "closed"

    @property
    def until(self) -> float:
        return self._breaker.until

    def ready(self, now: float) -> bool:
        """Whether one request may find out."""
        return self._breaker.ready(now)

    def begin_trial(self, now: float, patience: float) -> None:
        self._breaker.begin_trial(now, patience)

    def missed(self, who: int, outcome: Outcome, started: float, now: float, terms: Terms) -> bool:
        """The endpoint `who` could not be reached. True if the zone is doubted for it, anew or again."""
        if not self.stands:
            if who in self._missed:
                return False
            self._missed.add(who)
        return self._breaker.failed(outcome, started, now, of_zone(terms))

    def reached(self, started: float) -> bool:
        """Somebody there was reached by a request begun at `started`. True if the doubt is over."""
        self._missed.clear()
        return self._breaker.succeeded(started)

    def gave_up(self, started: float, now: float) -> bool:
        """The caller of a request begun at `started` lost interest. True if that may have been the trial."""
        return started >= self._breaker.opened_at and self._breaker.gave_up(now)


def of_zone(terms: Terms) -> Terms:
    """So many failures of whatever kind, each of another endpoint."""
    most = terms.zone_failures
    return structs.replace(terms, consecutive_failures=most, connect_failures=most)
