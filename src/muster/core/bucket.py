"""Token buckets: how much of something is allowed per second, and at once. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict


class Bucket:
    """`rate` tokens per s, up to `burst` of them. It begins full at `now` (s)."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def __repr__(self) -> str:
        return f"<Bucket {self._tokens:.1f} of {self._burst:g}, {self._rate:g}/s>"

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def ready_at(self, now: float, tokens: int = 1) -> float:
        """When so many tokens are there."""
        return max(now, self._at + (min(tokens, self._burst) - self._tokens) / self._rate)


class Buckets:
    """One bucket per name (a source address, an instance); of more than `room`, the least recently used are forgotten."""

    def __init__(self, rate: float, burst: float, room: int) -> None:
        self._rate, self._burst, self._room = rate, burst, room
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float) -> bool:
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._room:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = Bucket(self._rate, self._burst, now)
        self._buckets.move_to_end(name)
        return bucket.take(now)
