"""Outcomes: what becomes of commands, told to whoever they were for.

A command of our own may come too late, and the store may be away. So each is asked for its reason once more just before it is
decided, and one that could not be committed leaves its reason standing, to be found again.
"""

from __future__ import annotations

from .checks import Checks
from .commands import Command, Expire, MarkOverdue, Register, Remove, Revive, SetHealth, SetReach, key_of
from .lease import Lease
from .leases import Leases
from .retention import Retention
from .suspicion import Suspicions
from .verdicts import AGAIN_S, Verdicts


class Outcomes:
    """`expiries` counts leases that lapsed by our own command; `unrevived` are revivals that wait for the store."""

    def __init__(
        self,
        leases: Leases,
        checks: Checks,
        suspicions: Suspicions,
        verdicts: Verdicts,
        retention: Retention,
    ) -> None:
        self._leases = leases
        self._checks = checks
        self._suspicions = suspicions
        self._verdicts = verdicts
        self._retention = retention
        self._unrevived: dict[str, Revive] = {}
        self.expiries = 0

    def begin(self, command: Command) -> bool:
        """Just before one of our own is decided: False if what it was for is over."""
        key = key_of(command)
        lease = self._leases.get(key)
        match command:
            case Expire():
                return self._begin_expiry(lease, command)
            case MarkOverdue():
                return lease is not None and lease.phase in ("overdue", "lapsing")
            case Revive():
                return lease is not None and lease.phase == "held"
            case SetHealth(generation=generation, check=check, health=health):
                return self._checks.wants(key, generation, check, health)
            case SetReach(unreachable=True):
                suspicion = self._suspicions.get(key)
                return suspicion is not None and suspicion.decided
            case _:
                return True

    def _begin_expiry(self, lease: Lease | None, command: Expire) -> bool:
        """From here to the outcome, renewals wait."""
        if lease is None or lease.phase != "lapsing" or lease.generation != command.generation:
            return False
        lease.phase = "expiring"
        return True

    def decided(self, command: Command, now: float, *, asked: bool) -> None:
        """It is committed, or was a no-op. `asked`: by a caller, who is told so next."""
        key = key_of(command)
        match command:
            case Register() | Revive() if asked:
                if lease := self._leases.get(key):
                    self._leases.keep(lease, now)
            case Expire():
                self._expired(key, now)
            case SetHealth():
                self._checks.done(key, command.check, command.health)
            case SetReach(unreachable=True):
                if suspicion := self._suspicions.get(key):
                    self._verdicts.close(suspicion)
            case _:
                pass

    def _expired(self, key: str, now: float) -> None:
        lease = self._leases.get(key)
        if lease is not None and lease.phase == "lapsed":
            self.expiries += 1
        elif lease is not None:
            self._leases.not_expired(lease, now + AGAIN_S)

    def not_committed(self, command: Command, now: float) -> None:
        """It certainly is not. Callers were told; what our own were for is found again."""
        key, again = key_of(command), now + AGAIN_S
        match command:
            case Expire():
                if lease := self._leases.get(key):
                    self._leases.not_expired(lease, again)
            case Revive():
                self._unrevived[key] = command
            case SetHealth():
                self._checks.not_committed(key, command.check, again)
            case SetReach(unreachable=True):
                if suspicion := self._suspicions.get(key):
                    self._verdicts.not_committed(suspicion, again)
            case Remove():
                self._retention.again(key, again)
            case _:
                pass

    def take_unrevived(self) -> list[Revive]:
        """Revivals to try again."""
        waiting, self._unrevived = self._unrevived, {}
        return list(waiting.values())
