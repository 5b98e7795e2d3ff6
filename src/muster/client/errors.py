"""How the library fails, split by what the caller can do about it.

NoEndpoint    nothing to call now; `reason` says why
NotReady      the wait was over before every service was known
Unreachable   no registry could be asked: later, perhaps
Refused       a registry said no: asking again the same way fails the same way

`Lost` ends a stream and stays within the library, which opens another one.
"""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "pending",
    "absent",
    "no_healthy",
    "no_port",
    "no_subset",
    "remote",
    "ejected",
    "too_old",
    "limit",
    "failed",
    "closed",
]

WHY: dict[Reason, str] = {
    "pending": "no registry has told of it yet",
    "absent": "no instance of this name is registered",
    "no_healthy": "it is registered, but no instance may receive traffic",
    "no_port": "no instance has an endpoint of this name, or any port at all",
    "no_subset": "the policy has no endpoint for it in this subset, and no other to fall back on",
    "remote": "all of it is in other regions, and the policy allows none of them",
    "ejected": "calls of this process failed everywhere, and the policy allows no panic",
    "too_old": "no registry has vouched for what is known, for longer than is allowed",
    "limit": "the policy lets no more calls of this process be under way",
    "failed": "nothing was ever heard of it, and no registry can be asked",
    "closed": "this Discovery is closed",
}


NOBODY: dict[str, Reason] = {
    "empty": "no_healthy",
    "subset": "no_subset",
    "remote": "remote",
    "unusable": "ejected",
    "": "no_subset",
}
"""What a picker says, as told here. Nothing said: there are endpoints, but not where routes or splits led."""


class NoEndpoint(LookupError):
    """`pick` has nothing to offer. `age`: seconds since a registry last vouched for what is known; None if nothing is."""

    def __init__(self, service: str, reason: Reason, *, age: float | None = None, detail: str = "") -> None:
        more = f" ({detail})" if detail else ""
        since = "" if age is None else f", as of {age:.1f} s ago"
        super().__init__(f"no endpoint for {service!r}: {WHY[reason]}{more}{since}")
        self.service = service
        self.reason = reason
        self.age = age
        self.detail = detail


class NotReady(TimeoutError):
    """`services` maps each one that is still unknown to what is known of it."""

    def __init__(self, services: dict[str, str], waited: float) -> None:
        unknown = ", ".join(f"{name} ({why})" for name, why in sorted(services.items()))
        super().__init__(f"not ready after {waited:g} s: {unknown}")
        self.services = services


class RegistryError(Exception):
    """A request to the registry came to nothing."""


class Unreachable(RegistryError):
    """No registry gave an answer that counts. `tried` maps each address to what happened there; `refused` is the last answer
    of 5xx, if there was one: a registry is there, and cannot do it now."""

    def __init__(self, tried: dict[str, str], refused: Refused | None = None) -> None:
        super().__init__("no registry answered: " + ", ".join(f"{url}: {why}" for url, why in tried.items()))
        self.tried = tried
        self.refused = refused


class Refused(RegistryError):
    """A registry's no, an RFC 9457 problem: `status`, the stable `code`, and the offending `field` where there is one."""

    def __init__(
        self, status: int, code: str, detail: str, field: str | None = None, *, retry_after: float = 0.0
    ) -> None:
        where = f" ({field})" if field else ""
        super().__init__(f"{status} {code}{where}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after = retry_after


class Lost(Exception):
    """The stream is over: closed, silent, or not a stream of events. `why` is one of these words."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
