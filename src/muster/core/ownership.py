"""Who looks after which instance, where several registries share one store.

Every instance has one owner among the live replicas, found by rendezvous hashing (Thaler and Ravishankar, 1998): each replica has a
score for each instance, and the highest wins. So all replicas agree without a word, and when one comes or goes only the instances
that are its own change hands. The owner probes the checks, marks who is overdue, and lets leases lapse; everything else anybody does.
"""

from __future__ import annotations

from zlib import crc32

from msgspec import Struct
from msgspec.structs import force_setattr

_MASK = 0xFFFF_FFFF
"""Of 32 bits: numbers that Python multiplies at once. Each replica looks at every instance whenever one of them comes or goes."""


class Roster(Struct, frozen=True):
    """The live replicas by name, as of the store's `revision` at which one of them last joined. Without a name of its own a
    registry is alone, and owns everything. `resting`: live as well, and asked like others, but owners of nothing. `marks`: each
    member's digest, made once; 100,000 instances have to be looked at."""

    me: str = ""
    members: frozenset[str] = frozenset()
    revision: int = 0
    resting: frozenset[str] = frozenset()
    marks: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "marks", tuple((_digest(member), member) for member in sorted(self.members)))

    @property
    def others(self) -> frozenset[str]:
        return (self.members | self.resting) - {self.me}

    def owner(self, key: str) -> str:
        """Of equal scores, one in 2^32, the greater name wins. A score is the finish of MurmurHash3 over both checksums: every bit of
        either changes about half of the result's."""
        at, best, owner = _digest(key), -1, self.me
        for mark, member in self.marks:
            mixed = at ^ mark
            mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & _MASK
            mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & _MASK
            mixed ^= mixed >> 16
            if mixed >= best:
                best, owner = mixed, member
        return owner

    def mine(self, key: str) -> bool:
        return not self.me or (self.me in self.members and self.owner(key) == self.me)


ALONE = Roster()


def _digest(text: str) -> int:
    return crc32(text.encode())
