"""Equal parts of instances, kept once: those of a service differ in id and address, and hardly in anything else.

What was decoded a moment ago is nobody's yet, so its fields are exchanged in place, for equal ones that are there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import force_setattr, replace

from muster.model import limits
from muster.wire.events import SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView

from .endpoint import Endpoint

Telling = TypeVar("Telling", bound=SnapshotEvent | UpsertEvent)
_ALIKE: Final = ("service", "namespace", "endpoints", "zone", "region", "version", "deployment_group", "tags")
"""The fields that many instances have in common; of metadata, the values."""


class Parts:
    """The parts known so far. When there are too many they are forgotten, and the common ones soon known again."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<Parts {len(self._parts)} kept>"

    def event(self, event: Telling, known: Mapping[str, Endpoint]) -> Telling:
        """The same event, in which instances that are `known` as they are told stand as they are known."""
        return replace(
            event, instances=tuple(self._instance(instance, known) for instance in event.instances)
        )

    def _instance(self, instance: InstanceView, known: Mapping[str, Endpoint]) -> InstanceView:
        before = known.get(instance.instance_id)
        if before is not None and before.instance == instance:
            return before.instance
        if len(self._parts) > limits.CLIENT_SHARED:
            self._parts.clear()
        share = self._parts.setdefault
        for name in _ALIKE:
            part = getattr(instance, name)
            if part:
                force_setattr(instance, name, share(part, part))
        for key, value in instance.metadata.items():
            instance.metadata[key] = share(value, value)
        return instance
