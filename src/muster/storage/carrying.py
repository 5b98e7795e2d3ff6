"""Records on their way from one store to another: what is carried, and what must be written down first.

Another store counts its revisions anew. A record whose generation is the revision of its first write says so only by being at that
revision; carried elsewhere it has to say it in words, or its instance's next heartbeat would be taken for an older one's. Who is a
replica of which store is not carried at all.
"""

from __future__ import annotations

from msgspec.structs import replace

from muster.model import record as records
from muster.registry.layout import INSTANCES, POLICIES
from muster.registry.store import Loaded, Stored

CARRIED = (INSTANCES, POLICIES)


def carried(loaded: Loaded) -> Loaded:
    """The same records, each complete by itself. Raises `msgspec.MsgspecError` for one that is none."""
    kept = tuple(_pinned(stored) for stored in loaded.records if stored.key.startswith(CARRIED))
    return Loaded(kept, loaded.revision, loaded.epoch)


def _pinned(stored: Stored) -> Stored:
    if not stored.key.startswith(INSTANCES):
        return stored
    record = records.decode(stored.value)
    if record.generation:
        return stored
    return replace(stored, value=records.encode(replace(record, generation=stored.revision)))
