"""Traffic policies: one document for each service, beside the records of its instances in the store.

The registry keeps documents, hands them to readers and looks at nothing in them: whether one may be written, `muster.wire.policy`
has decided before. They are a fold over the store's changes, as the records are; a document's revision is that of its last
write. One write is under way at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from msgspec import Struct

from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Rejected, Unavailable

from .layout import POLICIES
from .seen import Seen
from .store import Batch, Committed, Conflict, Put, Removed, Store, Stored, StoreUnavailable, Unknown, Write


class Held(Struct, frozen=True):
    """A service's policy as of `revision`. `document` None: it was removed then."""

    document: bytes | None
    revision: int


class Policies:
    """`seen`: what of the store's changes was applied; `new_op` names an operation."""

    def __init__(self, store: Store, seen: Seen, new_op: Callable[[], str]) -> None:
        self._store = store
        self._seen = seen
        self._new_op = new_op
        self._held: dict[ServiceKey, Held] = {}
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Policies of {len(self._held)} services>"

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, records: Iterable[Stored]) -> None:
        """Begin from a store's whole content."""
        self._held = {
            _service(stored.key): Held(stored.value, stored.revision)
            for stored in records
            if stored.key.startswith(POLICIES)
        }

    def apply(self, revision: int, entries: Iterable[Put | Removed]) -> list[ServiceKey]:
        """Fold one committed transaction in. The services that have another policy now."""
        changed = []
        for entry in entries:
            if entry.key.startswith(POLICIES):
                service = _service(entry.key)
                self._held[service] = Held(entry.value if isinstance(entry, Put) else None, revision)
                changed.append(service)
        if len(self._held) > 2 * limits.SERVICES:
            self._held = {service: held for service, held in self._held.items() if held.document is not None}
        return changed

    # --- Reads ------------------------------------------------------------------------------------------------------

    def services(self) -> Iterable[ServiceKey]:
        return self._held

    def latest(self, service: ServiceKey) -> Held | None:
        """Its last write, be it that it was removed. None: there was none."""
        return self._held.get(service)

    def get(self, service: ServiceKey) -> Held | None:
        held = self._held.get(service)
        return held if held is not None and held.document is not None else None

    # --- Writes -----------------------------------------------------------------------------------------------------

    async def put(self, service: ServiceKey, document: bytes, expected: int | None) -> Held:
        """`expected`: the revision that whoever writes has seen, 0 for none; None: whatever is there. Writing what is there
        already writes nothing. Raises `Rejected` (`changed_meanwhile`, `limit_reached`), `Unavailable`."""
        async with self._one_at_a_time:
            known = self._expect(service, expected)
            if known is not None and known.document == document:
                return known
            if known is None and sum(h.document is not None for h in self._held.values()) >= limits.SERVICES:
                raise Rejected("limit_reached", f"{limits.SERVICES} services have policies", field="service")
            await self._commit(service, document, known)
            return self._held[service]

    async def remove(self, service: ServiceKey, expected: int | None) -> None:
        """Raises `Rejected` (`unknown_policy`, `changed_meanwhile`), `Unavailable`."""
        async with self._one_at_a_time:
            known = self._expect(service, expected)
            if known is None:
                raise unknown(service)
            await self._commit(service, None, known)

    def _expect(self, service: ServiceKey, expected: int | None) -> Held | None:
        known = self.get(service)
        revision = known.revision if known else 0
        if expected is not None and expected != revision:
            at = f"at revision {revision}" if known else "not there"
            raise Rejected("changed_meanwhile", f"the policy of {service.name!r} is {at}")
        return known

    async def _commit(self, service: ServiceKey, document: bytes | None, known: Held | None) -> None:
        """Return when it is committed and applied. The same write is tried until its fate is known: if it was committed, its
        own guard refuses the second time. Where that takes too long, whoever asked is sent away to ask again."""
        write = Write(
            f"{POLICIES}{service.namespace}/{service.name}", document, known.revision if known else 0
        )
        batch = Batch(self._new_op(), (write,))
        for wait in limits.LOST_ANSWER_WAITS_S:
            try:
                outcome = await self._store.commit(batch)
            except StoreUnavailable as error:
                raise Unavailable("store_unavailable", str(error), retry_after=limits.WRITE_AGAIN_S) from None
            match outcome:
                case Committed(revision=revision):
                    return await self._seen.until(revision)
                case Conflict():
                    if self._seen.saw(batch.op) is not None:
                        return None
                    if self.get(service) != known:
                        raise Rejected(
                            "changed_meanwhile", f"somebody else wrote the policy of {service.name!r}"
                        )
                case Unknown():
                    pass
            await asyncio.sleep(wait)
        raise Unavailable(
            "store_unavailable", "what became of the write is not known yet", retry_after=limits.WRITE_AGAIN_S
        )


def unknown(service: ServiceKey) -> Rejected:
    return Rejected("unknown_policy", f"{service.name!r} has no policy of its own: the defaults hold")


def _service(key: str) -> ServiceKey:
    namespace, _, name = key.removeprefix(POLICIES).partition("/")
    return ServiceKey(namespace, name)
