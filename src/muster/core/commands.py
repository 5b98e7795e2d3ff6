"""Everything that can be asked of the registry's records. `decide` answers each; nothing else changes them.

`at` is wall-clock milliseconds, for display and retention. `generation` 0 addresses whichever incarnation is current; any other
only the one registered at that revision. `owner` is the digest of the owner secret that was sent, empty for none.
"""

from __future__ import annotations

from msgspec import Struct

from muster.model.check import Check, Health
from muster.model.instance import Instance


class Register(Struct, frozen=True, gc=False):
    """`starting`: the instance is not ready yet. `keep_checks`: those that the id has already and are not named here stay."""

    instance: Instance
    incarnation: str
    starting: bool
    owner: bytes
    at: int
    keep_checks: bool = False


class Deregister(Struct, frozen=True, gc=False):
    key: str
    generation: int
    owner: bytes


class Drain(Struct, frozen=True, gc=False):
    key: str
    generation: int
    owner: bytes
    at: int


class Amend(Struct, frozen=True, gc=False):
    """Change what is not None. `override` and its `reason` are an operator's word and ask for no owner secret; the rest does."""

    key: str
    generation: int
    owner: bytes
    at: int
    weight: int | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    ready: bool | None = None
    override: str | None = None
    reason: str | None = None


class PutCheck(Struct, frozen=True, gc=False):
    """Add a check to an instance, or change the one of that name; the others stay. `deregister_critical_after` (s) is the new one
    of the instance if it is sooner, 0 for no say."""

    key: str
    generation: int
    owner: bytes
    at: int
    check: Check
    deregister_critical_after: float = 0.0


class DropCheck(Struct, frozen=True, gc=False):
    """Take a check away."""

    key: str
    generation: int
    owner: bytes
    at: int
    name: str


class Revive(Struct, frozen=True, gc=False):
    """A renewal arrived for a lease that had lapsed, or was overdue: it is neither any more. `contested`: another replica may be
    letting it lapse at this moment, so that it is written even if it changes nothing, for the store to decide who was first."""

    key: str
    generation: int
    owner: bytes
    at: int
    contested: bool = False


class MarkOverdue(Struct, frozen=True, gc=False):
    key: str
    generation: int
    at: int


class Expire(Struct, frozen=True, gc=False):
    """The lease lapsed. Where others were asked: `seen` is the revision of the record they were asked about, `roster` that of the
    roster they made up; of another one nobody knows whether it lapsed. 0 for a registry that is alone."""

    key: str
    generation: int
    at: int
    seen: int = 0
    roster: int = 0


class SetHealth(Struct, frozen=True, gc=False):
    """A check's health changed."""

    key: str
    generation: int
    check: str
    health: Health
    at: int


class SetReach(Struct, frozen=True, gc=False):
    """A suspicion was confirmed, or a recovery probe was answered."""

    key: str
    generation: int
    unreachable: bool
    at: int


class Remove(Struct, frozen=True, gc=False):
    """The registry's own removal: retention is over, or it was critical for too long. `status` must still hold."""

    key: str
    generation: int
    status: str


Command = (
    Register
    | Deregister
    | Drain
    | Amend
    | PutCheck
    | DropCheck
    | Revive
    | MarkOverdue
    | Expire
    | SetHealth
    | SetReach
    | Remove
)


def key_of(command: Command) -> str:
    """The record a command is about."""
    if isinstance(command, Register):
        return f"{command.instance.namespace}/{command.instance.id}"
    return command.key
