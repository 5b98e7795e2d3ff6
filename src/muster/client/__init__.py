"""The library: discovery inside the caller, and registration of one's own instance. Depends on msgspec and the stdlib alone.

The names below are fetched when they are first used: who only finds does not pay for registering, nor the other way round.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muster.wire.registration import RegisterBody as RegisterBody

    from .address import Registry as Registry
    from .call import Call as Call
    from .changes import Changes as Changes
    from .discovery import Discovery as Discovery
    from .endpoint import Attempt as Attempt
    from .endpoint import Endpoint as Endpoint
    from .errors import NoEndpoint as NoEndpoint
    from .errors import NotReady as NotReady
    from .errors import Refused as Refused
    from .errors import RegistryError as RegistryError
    from .errors import Unreachable as Unreachable
    from .registrar import Drained as Drained
    from .registrar import Registrar as Registrar
    from .registrar import RegistrarStatus as RegistrarStatus
    from .state import Absent as Absent
    from .state import Bound as Bound
    from .state import Failed as Failed
    from .state import Mirror as Mirror
    from .state import Pending as Pending
    from .status import Status as Status
    from .timing import Timing as Timing

_HOMES = {
    **dict.fromkeys(("Absent", "Bound", "Failed", "Mirror", "Pending"), ".state"),
    **dict.fromkeys(("NoEndpoint", "NotReady", "Refused", "RegistryError", "Unreachable"), ".errors"),
    **dict.fromkeys(("Drained", "Registrar", "RegistrarStatus"), ".registrar"),
    "Attempt": ".endpoint",
    "Call": ".call",
    "Changes": ".changes",
    "Discovery": ".discovery",
    "Endpoint": ".endpoint",
    "RegisterBody": "muster.wire.registration",
    "Registry": ".address",
    "Status": ".status",
    "Timing": ".timing",
}

__all__ = [
    "Absent",
    "Attempt",
    "Bound",
    "Call",
    "Changes",
    "Discovery",
    "Drained",
    "Endpoint",
    "Failed",
    "Mirror",
    "NoEndpoint",
    "NotReady",
    "Pending",
    "Refused",
    "RegisterBody",
    "Registrar",
    "RegistrarStatus",
    "Registry",
    "RegistryError",
    "Status",
    "Timing",
    "Unreachable",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
