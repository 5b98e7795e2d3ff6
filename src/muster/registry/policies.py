"""Traffic policies: one document for each service, beside the records of its instances in the store.

The registry keeps documents, hands them to readers and looks at nothing in them: whether one may be written, `muster.wire.policy`
has decided before. They are a fold over the store's changes, as the records are; a document's revision is that of its last
write. One write is under way at a time.

All of them have one digest, the sum of a term each, kept up to date: replicas compare it. It says what was held at any revision since
the last change of them, and there are few of those.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from muster.core.agreement import Tally
from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.wire.view import DIGEST_MODULUS

from .layout import POLICIES
from .seen import Seen
from .store import Batch, Committed, Conflict, Put, Removed, Store, Stored, StoreUnavailable, Unknown, Write

ALL: Final = "(policies)"
"""What a tally of all policies is called, in place of a service."""


class PolicyEntry(Struct, frozen=True):
    """A service's policy as of `revision`. `document` None: it was removed then."""

    document: bytes | None
    revision: int


class PolicyFix(Struct, frozen=True):
    """What is held of a policy is wrong: the store has it as `stored`. None: it has none."""

    service: ServiceKey
    held: PolicyEntry | None
    stored: PolicyEntry | None

    def __repr__(self) -> str:
        return f"<PolicyFix {self.key}>"

    @property
    def key(self) -> str:
        """The store's."""
        return key_of(self.service)


class Policies:
    """`seen`: what of the store's changes was applied; `new_op` names an operation."""

    def __init__(self, store: Store, seen: Seen, new_op: Callable[[], str]) -> None:
        self._store = store
        self._seen = seen
        self._new_op = new_op
        self._held: dict[ServiceKey, PolicyEntry] = {}
        self._changed_at = self._digest = self._count = 0
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Policies of {len(self._held)} services>"

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, records: Iterable[Stored], revision: int) -> None:
        """Begin from a store's whole content at a revision."""
        self._held = {}
        self._digest = self._count = 0
        self._changed_at = revision
        for stored in records:
            if stored.key.startswith(POLICIES):
                self._hold(_service(stored.key), PolicyEntry(stored.value, stored.revision))

    def apply(self, revision: int, entries: Iterable[Put | Removed]) -> list[ServiceKey]:
        """Fold one committed transaction in. The services that have another policy now."""
        changed = []
        for entry in entries:
            if entry.key.startswith(POLICIES):
                service = _service(entry.key)
                self._hold(service, PolicyEntry(entry.value if isinstance(entry, Put) else None, revision))
                self._changed_at = revision
                changed.append(service)
        if len(self._held) > 2 * limits.SERVICES:
            self._held = {service: held for service, held in self._held.items() if held.document is not None}
        return changed

    def _hold(self, service: ServiceKey, held: PolicyEntry) -> None:
        for each, sign in ((self.get(service), -1), (held, 1)):
            if each is not None and each.document is not None:
                self._digest = (self._digest + sign * _term(service, each)) % DIGEST_MODULUS
                self._count += sign
        self._held[service] = held

    # --- Agreement --------------------------------------------------------------------------------------------------

    def tally(self, revision: int) -> Tally | None:
        """How many there were at a revision, and the digest of them all. None: that is no longer known."""
        return Tally("", ALL, self._count, self._digest) if revision >= self._changed_at else None

    def wrong(self, records: Iterable[Stored], loaded: int) -> list[PolicyFix]:
        """What is held otherwise than the store had it at the revision `loaded`, and has not changed since."""
        stored = {_service(each.key): _stored(each) for each in records if each.key.startswith(POLICIES)}
        services = stored.keys() | self._held.keys()
        return [fix for service in services for fix in self._wrong(service, stored.get(service), loaded)]

    def wrong_at(self, key: str, stored: Stored | None, loaded: int) -> list[PolicyFix]:
        """The same of the policy at this key of the store's."""
        return self._wrong(_service(key), _stored(stored) if stored else None, loaded)

    def _wrong(self, service: ServiceKey, stored: PolicyEntry | None, loaded: int) -> list[PolicyFix]:
        held = self.latest(service)
        changed_since = held is not None and held.revision > loaded
        return [PolicyFix(service, held, stored)] if self.get(service) != stored and not changed_since else []

    def put_right(self, revision: int, fixes: Iterable[PolicyFix]) -> list[PolicyFix]:
        """Hold what the store has, from `revision` on. Those that were still as they were found wrong."""
        still = [fix for fix in fixes if self.latest(fix.service) is fix.held]
        for fix in still:
            self._hold(fix.service, fix.stored or PolicyEntry(None, revision))
            self._changed_at = revision
        return still

    # --- Reads ------------------------------------------------------------------------------------------------------

    def services(self) -> Iterable[ServiceKey]:
        return self._held

    def latest(self, service: ServiceKey) -> PolicyEntry | None:
        """Its last write, be it that it was removed. None: there was none."""
        return self._held.get(service)

    def get(self, service: ServiceKey) -> PolicyEntry | None:
        held = self._held.get(service)
        return held if held is not None and held.document is not None else None

    def at(self, key: str) -> int:
        """The revision of the policy at this key of the store's, 0 for none."""
        held = self.get(_service(key))
        return held.revision if held else 0

    # --- Writes -----------------------------------------------------------------------------------------------------

    async def put(self, service: ServiceKey, document: bytes, expected: int | None) -> PolicyEntry:
        """`expected`: the revision that whoever writes has seen, 0 for none; None: whatever is there. Writing what is there
        already writes nothing. Raises `Rejected` (`changed_meanwhile`, `limit_reached`), `Unavailable`."""
        async with self._one_at_a_time:
            known = self._expect(service, expected)
            if known is not None and known.document == document:
                return known
            if known is None and sum(h.document is not None for h in self._held.values()) >= limits.SERVICES:
                raise Rejected("limit_reached", f"{limits.SERVICES} services have policies", field="service")
            await self._commit(service, document, known)
            return self._held.get(service, PolicyEntry(None, 0))

    async def remove(self, service: ServiceKey, expected: int | None) -> None:
        """Raises `Rejected` (`unknown_policy`, `changed_meanwhile`), `Unavailable`."""
        async with self._one_at_a_time:
            known = self._expect(service, expected)
            if known is None:
                raise unknown(service)
            await self._commit(service, None, known)

    def _expect(self, service: ServiceKey, expected: int | None) -> PolicyEntry | None:
        known = self.get(service)
        revision = known.revision if known else 0
        if expected is not None and expected != revision:
            at = f"at revision {revision}" if known else "not there"
            raise Rejected("changed_meanwhile", f"the policy of {service.name!r} is {at}")
        return known

    async def _commit(self, service: ServiceKey, document: bytes | None, known: PolicyEntry | None) -> None:
        """Return when it is committed and applied. The same write is tried until its fate is known: if it was committed, its
        own condition refuses the second time; the first time it is somebody else's write that does. Where that takes too long, whoever
        asked is sent away to ask again."""
        write = Write(key_of(service), document, known.revision if known else 0)
        batch = Batch(self._new_op(), (write,))
        unsure, until = False, asyncio.get_running_loop().time() + limits.LOST_ANSWER_PATIENCE_S
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
                    if not unsure or self.get(service) != known:
                        raise Rejected(
                            "changed_meanwhile", f"somebody else wrote the policy of {service.name!r}"
                        )
                case Unknown():
                    unsure = True
            if asyncio.get_running_loop().time() >= until:
                break
            await asyncio.sleep(wait)
        raise Unavailable(
            "store_unavailable", "what became of the write is not known yet", retry_after=limits.WRITE_AGAIN_S
        )


def unknown(service: ServiceKey) -> Rejected:
    return Rejected("unknown_policy", f"{service.name!r} has no policy of its own: the defaults hold")


def _term(service: ServiceKey, held: PolicyEntry) -> int:
    """A policy's part of the digest of all."""
    said = f"{service.namespace}\0{service.name}\0{held.revision}\0".encode() + (held.document or b"")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")


def key_of(service: ServiceKey) -> str:
    """Where the store has its policy."""
    return f"{POLICIES}{service.namespace}/{service.name}"


def _stored(stored: Stored) -> PolicyEntry:
    return PolicyEntry(stored.value, stored.revision)


def _service(key: str) -> ServiceKey:
    namespace, _, name = key.removeprefix(POLICIES).partition("/")
    return ServiceKey(namespace, name)
