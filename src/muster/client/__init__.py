"""The library: discovery inside the caller, and registration of one's own instance. Depends on msgspec and the stdlib alone."""

from muster.wire.registration import RegisterBody

from .address import Registry
from .attempt import Attempt
from .call import Call
from .changes import Changes
from .discovery import Discovery
from .endpoint import Endpoint
from .errors import NoEndpoint, NotReady, Refused, RegistryError, Unreachable
from .registrar import Drained, Registrar, RegistrarStatus
from .state import Absent, Bound, Failed, Mirror, Pending
from .status import Status
from .timing import Timing

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
