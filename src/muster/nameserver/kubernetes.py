"""The names of Kubernetes (its DNS specification, version 1.1.0), for headless services: the addresses of the instances.

    web.prod.svc.cluster.local                       a service of the namespace `prod`
    _http._tcp.web.prod.svc.cluster.local            SRV of a named port
    10-0-0-1.web.prod.svc.cluster.local              one instance, by its address or by its id
    zone-a.prefer._zone.web.prod.svc.cluster.local   those of a zone, or others; `pin`: nobody else (CoreDNS)
    v2._version.web... canary._subset.web... eu._tag.web...    ours: those of a version, a deployment group, a tag

The same grammar serves our own domain.
"""

from __future__ import annotations

from collections.abc import Sequence

from muster.core.state import ServiceKey

from . import names
from .ask import (
    Absent,
    Apex,
    Ask,
    Between,
    Nameserver,
    OfNamespace,
    OfService,
    Selector,
    Text,
    selected,
)

SPECIFICATION = "1.1.0"


class KubernetesZone:
    def __init__(self, domain: str, *, empty_exists: bool = False) -> None:
        self.labels = names.of_text(domain)
        self.origin = names.wire(self.labels)
        self.nameserver = names.wire(("ns", "dns", *self.labels))
        self.empty_exists = empty_exists

    def __repr__(self) -> str:
        return f"<KubernetesZone {'.'.join(self.labels)}>"

    def ask(self, labels: tuple[str, ...]) -> Ask:
        match labels:
            case ():
                return Apex()
            case ("ns", "dns"):
                return Nameserver()
            case ("dns-version",):
                return Text(SPECIFICATION)
            case ("dns",) | ("svc",):
                return Between()
            case (namespace, "svc"):
                return OfNamespace(namespace)
            case (*before, name, namespace, "svc"):
                return _service(ServiceKey(namespace, name), before)
        return Absent()

    def target(self, service: ServiceKey, label: str, address: names.Address) -> bytes:
        return names.wire((label, service.name, service.namespace, "svc", *self.labels))


def _service(service: ServiceKey, before: Sequence[str]) -> Ask:
    where = selected(before)
    match where:
        case Selector():
            return OfService(service, where)
        case Between():
            return where
    return OfService(service, Selector(label=before[0])) if len(before) == 1 else Absent()
