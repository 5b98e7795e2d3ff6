"""Zones, as the guard sees them: who is leased there, and who of them is silent."""

from __future__ import annotations


class Zone:
    """The leases of one zone, as the guard sees them.

    `heard`: when anything of the zone last renewed or answered a probe. `sighted`: overdue, but the last probe was answered.
    """

    __slots__ = ("heard", "leased", "name", "overdue", "sighted", "unanswered")

    def __init__(self, name: str) -> None:
        self.name = name
        self.leased = 0
        self.overdue: set[str] = set()
        self.unanswered: set[str] = set()
        self.sighted: set[str] = set()
        self.heard = float("-inf")

    @property
    def silent(self) -> set[str]:
        """Leased instances that are overdue or under an unanswered suspicion."""
        return self.overdue | self.unanswered if self.unanswered else self.overdue

    @property
    def silence(self) -> int:
        """How many they are, without making a set of them."""
        return len(self.overdue) + sum(key not in self.overdue for key in self.unanswered)

    def seen(self, key: str, now: float) -> None:
        """A probe of `key` was answered."""
        self.heard = now
        self.unanswered.discard(key)
        if key in self.overdue:
            self.sighted.add(key)

    def __repr__(self) -> str:
        return f"<Zone {self.name!r} leased={self.leased} silent={self.silence}>"
