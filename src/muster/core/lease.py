"""One lease: the promise with a time to live that keeps an instance listed, and what the registry makes of its silence."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from muster.model import limits

from .wheel import NEVER
from .zone import Zone

Phase = Literal["held", "overdue", "lapsing", "expiring", "lapsed", "promised"]


class Lease(Struct, gc=False):
    """One promise. `renewed` is when it was last kept (s); `phase` says what the registry made of its silence.

    held      in time
    overdue   no renewal for 1.5 intervals: marked, or being marked
    lapsing   past its time, its expiry queued; a renewal still calls it off
    expiring  the expiry is being committed; until its outcome is known, renewals wait for it
    lapsed    expired; a renewal revives it by a write
    promised  another replica's, who was told that nobody here heard of it: a renewal is written to the record. Ours as well, if that one
              does not know yet, or we do not; its time goes on here, for it may be over there

    `mine`: this replica owns it; nothing follows from its silence anywhere else. `granted` is when it last counted as renewed without
    being heard (it was loaded, taken over); `before`, when it was last heard before that; `graced`: taken over and not heard since;
    `marked`: since when its record says overdue, as far as is known here (infinity: it does not). `owed`: it does not lapse before that.
    """

    key: str
    generation: int
    ttl: float
    interval: float
    owner: bytes
    zone: Zone
    renewed: float
    phase: Phase = "lapsed"
    wake: int = NEVER
    mine: bool = True
    granted: float = float("-inf")
    before: float = float("-inf")
    graced: bool = False
    marked: float = float("inf")
    owed: float = float("-inf")

    @property
    def heard(self) -> float:
        """When it was last really heard, here or by whom we asked."""
        return self.renewed if self.renewed > self.granted else self.before

    def grant(self, at: float) -> None:
        """It counts as renewed at that moment, though nobody heard it."""
        if at >= self.renewed:
            self.before = self.heard
            self.renewed = self.granted = at

    def heard_elsewhere(self, at: float) -> None:
        """Another replica heard it then."""
        self.before = max(self.before, at)
        if at > self.renewed:
            self.renewed = at
            self.zone.heard = max(self.zone.heard, at)

    @property
    def patience(self) -> float:
        """How long it may be silent before it is overdue (s)."""
        return self.interval * limits.OVERDUE_INTERVALS

    @property
    def overdue_at(self) -> float:
        return self.renewed + self.patience

    @property
    def expires_at(self) -> float:
        return max(self.renewed + self.ttl, self.owed)

    def __repr__(self) -> str:
        return f"<Lease {self.key} ttl={self.ttl:g}s {self.phase} expires@{self.expires_at:.1f}>"
