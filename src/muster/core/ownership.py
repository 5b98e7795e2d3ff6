"""Who looks after which instance, where several registries share one store.

Every instance has one owner among the live replicas, found by rendezvous hashing (Thaler and Ravishankar, 1998): each replica has a
score for each instance, and the highest wins. So all replicas agree without a word, and when one comes or goes only the instances
that are its own change hands. The owner probes the checks, marks who is overdue, and lets leases lapse; everything else anybody does.
"""

from __future__ import annotations

from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import force_setattr

_MASK = (1 << 64) - 1


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
        """Of equal scores, one in 2^64, the greater name wins."""
        at = _digest(key)
        return max([(_score(at, mark), member) for mark, member in self.marks], default=(0, self.me))[1]

    def mine(self, key: str) -> bool:
        return not self.me or (self.me in self.members and self.owner(key) == self.me)


ALONE = Roster()


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _score(key: int, member: int) -> int:
    """splitmix64's finish over both: cheap, and every bit of either changes about half of the result's."""
    mixed = (key ^ member) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
