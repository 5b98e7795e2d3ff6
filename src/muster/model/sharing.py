"""Equal parts of records as one object: the instances of a service differ in id and host and little else.

A decoded record is a kilobyte and a half, most of it what a thousand others say too: the service's name, the zone, the terms of
the lease, the same three pairs of metadata. All of it is frozen, so one copy serves everybody.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from msgspec.structs import force_setattr

from . import limits
from .instance import Instance
from .record import Facts, Record

SHARED = (
    *("namespace", "service", "host", "endpoints", "zone", "region"),
    *("version", "deployment_group", "tags", "checks", "lease"),
)
"""The fields of an instance that others are likely to have the same of. Each can be a key of a dict."""
NOTHING_SAID = Facts()


class Sharing:
    """The parts seen so far. When there are too many, it begins anew: what is in use stays, and is shared no further."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, Any] = {}
        self._metadata: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._parts) + len(self._metadata)

    def share(self, record: Record) -> Record:
        """The same record, made of parts that others have too. Only for one that nobody else has yet: it is changed in place."""
        if len(self) > limits.SHARED_PARTS:
            self._parts.clear()
            self._metadata.clear()
        self._share(record.instance)
        if record.facts == NOTHING_SAID:
            force_setattr(record, "facts", NOTHING_SAID)
        return record

    def _share(self, instance: Instance) -> None:
        parts = self._parts
        for field in SHARED:
            part = getattr(instance, field)
            force_setattr(instance, field, parts.setdefault(part, part))
        pairs = instance.metadata
        force_setattr(instance, "metadata", self._metadata.setdefault(tuple(pairs.items()), pairs))
