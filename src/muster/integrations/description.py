"""What a server registers, and where: from its code, and from its environment for whatever the code leaves open.

MUSTER_URL, MUSTER_NAMESPACE, MUSTER_TOKEN[_FILE], MUSTER_CA_FILE     as for every user of the library
MUSTER_SERVICE or OTEL_SERVICE_NAME, PORT, MUSTER_HOST or POD_IP, MUSTER_INSTANCE_ID, MUSTER_ZONE, MUSTER_REGION,
MUSTER_VERSION, MUSTER_GROUP, MUSTER_OWNER_SECRET_FILE                as for `muster run`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from muster.client import address, environment
from muster.client.environment import Environment
from muster.client.registrar import Registrar
from muster.client.timing import USUAL, Timing
from muster.model.errors import invalid
from muster.wire.registration import RegisterBody

_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "service": ("MUSTER_SERVICE", "OTEL_SERVICE_NAME"),
    "host": ("MUSTER_HOST", "POD_IP"),
    "instance_id": ("MUSTER_INSTANCE_ID",),
    "zone": ("MUSTER_ZONE",),
    "region": ("MUSTER_REGION",),
    "version": ("MUSTER_VERSION",),
    "deployment_group": ("MUSTER_GROUP",),
}
_OTHER_SPELLINGS: Final = {
    "service": "service_name",
    "instance_id": "instanceId",
    "deployment_group": "deploymentGroup",
}


class Description(Struct, frozen=True):
    """`instance` is complete but for its incarnation, and perhaps its host."""

    instance: RegisterBody
    registries: Environment
    timing: Timing = USUAL

    def __repr__(self) -> str:
        return f"<Description of {self.service} at port {self.port}>"

    @property
    def service(self) -> str:
        return self.instance.service or self.instance.service_name or ""

    @property
    def ports(self) -> frozenset[int]:
        """All that it serves."""
        more = {endpoint.port for endpoint in self.instance.endpoints or ()}
        return frozenset(more | {self.port})

    @property
    def port(self) -> int:
        """The first one, which callers get."""
        instance = self.instance
        return instance.endpoints[0].port if instance.endpoints else instance.port or 0

    def host(self) -> str:
        """Where callers reach it: as told, or this machine's address on the way to the registry. Raises OSError."""
        return self.instance.host or address.towards(address.parse_all(self.registries.urls)[0])

    def registrar(self, incarnation: str = "", host: str = "127.0.0.1") -> Registrar:
        """Raises ValueError, or `Rejected` naming the field, for what no registry would take."""
        registries = self.registries
        return Registrar(
            registries.urls,
            replace(self.instance, incarnation=incarnation, host=self.instance.host or host),
            namespace=registries.namespace,
            token=registries.token,
            tls=registries.tls,
            timing=self.timing,
        )


def describe(
    instance: RegisterBody | None = None,
    *,
    urls: str | None = None,
    environ: Mapping[str, str] = os.environ,
    port: int | None = None,
    timing: Timing = USUAL,
) -> Description:
    """`instance`: what the code says, `urls`: registries in place of MUSTER_URL, `port`: the one to take if nobody says which.

    Raises ValueError or `Rejected` for what cannot be registered, OSError for a file that cannot be read.
    """
    found = environment.read(environ)
    if not (urls or found.urls):
        raise ValueError(
            "no registry: set MUSTER_URL, or MUSTER_REGISTER=0 for a server that need not be found"
        )
    description = Description(
        _completed(instance or RegisterBody(), environ, port),
        replace(found, urls=found.urls if urls is None else urls),
        timing,
    )
    description.registrar()
    return description


def _completed(instance: RegisterBody, environ: Mapping[str, str], port: int | None) -> RegisterBody:
    if instance.owner_secret is True:
        raise invalid("owner_secret", "must be given: whoever takes over the lead has to know it")
    found: dict[str, object] = {
        field: value
        for field, names in _VARIABLES.items()
        if not getattr(instance, field) and not getattr(instance, _OTHER_SPELLINGS.get(field, ""), None)
        if (value := next((environ[name] for name in names if environ.get(name)), ""))
    }
    if not instance.port and not instance.endpoints and (served := _port(environ) or port):
        found["port"] = served
    if not instance.owner_secret and (secret := environ.get("MUSTER_OWNER_SECRET_FILE")):
        found["owner_secret"] = Path(secret).read_text().strip()
    return replace(instance, **found)


def _port(environ: Mapping[str, str]) -> int:
    """Raises ValueError."""
    given = environ.get("PORT", "")
    if given and not given.isdecimal():
        raise ValueError(f"PORT is {given!r}, which is no port")
    return int(given or 0)
