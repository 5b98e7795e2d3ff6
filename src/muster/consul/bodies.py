"""Bodies that were made, kept for the next who asks the same: so many bytes in all, the one asked for longest ago goes first.

Anybody may ask for a service in any number of ways (filters, tags, nearness), and each way is a body of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from muster.model import limits


class Bodies:
    """By who made them, and for what. `most` bytes are kept, and one body however large."""

    def __init__(self, most: int = limits.CONSUL_BODIES_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[object, Any], bytes] = OrderedDict()
        self._keys: dict[object, dict[Any, None]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, owner: object, key: Any, make: Callable[[], bytes]) -> bytes:
        """What `make` returns, made once as long as it is kept."""
        known = self._kept.get((owner, key))
        if known is not None:
            self._kept.move_to_end((owner, key))
            return known
        body = make()
        keys = self._keys.setdefault(owner, {})
        if len(keys) >= limits.CONSUL_BODIES_PER_VIEW:
            self._drop(owner, next(iter(keys)))
        self._kept[owner, key] = body
        self._keys.setdefault(owner, {})[key] = None
        self.bytes += len(body)
        while self.bytes > self._most and len(self._kept) > 1:
            self._drop(*next(iter(self._kept)))
        return body

    def forget(self, owner: object) -> None:
        """Whatever it made is out of date."""
        for key in [*self._keys.get(owner, ())]:
            self._drop(owner, key)

    def _drop(self, owner: object, key: Any) -> None:
        self.bytes -= len(self._kept.pop((owner, key)))
        keys = self._keys[owner]
        del keys[key]
        if not keys:
            del self._keys[owner]
