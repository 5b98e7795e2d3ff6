"""The names of Consul's DNS (`agent/dns.go`): what works against it works against us.

    [tag.]web.service[.dc1].consul              instances of a service, the tag may hold dots
    _web._tcp.service[.dc1].consul              RFC 2782; another word than _tcp is a tag; `.service` may be left out
    host-1.node[.dc1].consul                    a host
    0a000001.addr[.dc1].consul                  an address, 8 or 32 hexadecimal digits
    ...service.prod.ns.default.ap.dc1.dc.consul  the long form; `ns` is the namespace

There is one datacenter and one partition: names of others do not exist. Prepared queries, `connect`, `ingress` and `virtual`
names do not exist either.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from muster.core.state import ServiceKey

from . import names
from .ask import (
    DEFAULT_NAMESPACE,
    Absent,
    Apex,
    Ask,
    Between,
    Nameserver,
    OfAddress,
    OfNode,
    OfService,
    Selector,
    selected,
)

KINDS = ("service", "node", "addr")
_FAMILIES: dict[int, type[names.Address]] = {8: IPv4Address, 32: IPv6Address}
_HEXADECIMAL = frozenset("0123456789abcdef")


class ConsulZone:
    empty_exists = False

    def __init__(self, domain: str, datacenter: str) -> None:
        self.labels = names.of_text(domain)
        self.origin = names.wire(self.labels)
        self.nameserver = names.wire(("ns", *self.labels))
        self._datacenter = datacenter.lower()

    def __repr__(self) -> str:
        return f"<ConsulZone {'.'.join(self.labels)}>"

    def ask(self, labels: tuple[str, ...]) -> Ask:
        if not labels:
            return Apex()
        if labels == ("ns",):
            return Nameserver()
        place = next((at for at in reversed(range(len(labels))) if labels[at] in KINDS), None)
        if place is None:
            return self._without_kind(labels)
        namespace = self._namespace(labels[place + 1 :])
        if namespace is None:
            return Absent()
        return _KINDS[labels[place]](namespace, labels[:place])

    def target(self, service: ServiceKey, label: str, address: names.Address) -> bytes:
        return names.wire((address.packed.hex(), "addr", self._datacenter, *self.labels))

    def _without_kind(self, labels: Sequence[str]) -> Ask:
        """`_web._tcp.consul`, or the middle of a name."""
        if len(labels) >= 2 and labels[0].startswith("_") and labels[1].startswith("_"):
            namespace = self._namespace(labels[2:])
            return Absent() if namespace is None else _service(namespace, labels[:2])
        return Between() if self._in_suffix(labels) else Absent()

    def _namespace(self, suffix: Sequence[str]) -> str | None:
        """What stands behind the kind: nothing, a datacenter, or pairs of name and word. None: somewhere we are not."""
        if not suffix:
            return DEFAULT_NAMESPACE
        if len(suffix) == 1:
            return DEFAULT_NAMESPACE if suffix[0] == self._datacenter else None
        namespace = DEFAULT_NAMESPACE
        ours = {"ap": ("default",), "dc": (self._datacenter,)}
        if len(suffix) % 2:
            return None
        for name, word in zip(suffix[::2], suffix[1::2], strict=True):
            if word == "ns":
                namespace = name
            elif name not in ours.get(word, ()):
                return None
        return namespace

    def _in_suffix(self, labels: Sequence[str]) -> bool:
        """Whether it is the end of a longer name: `dc1`, `dc`, `prod.ns`."""
        if labels[0] in ("ns", "ap", "dc"):
            labels = ("", *labels[1:]) if len(labels) == 1 else labels[1:]
        return labels == ("",) or self._namespace(labels) is not None


def _service(namespace: str, labels: Sequence[str]) -> Ask:
    """`web`, `tag.web`, `_web._tag`, or one of the forms that select by something else (`ask.selected`)."""
    if not labels:
        return Between()
    if len(labels) == 2 and labels[0].startswith("_") and labels[1].startswith("_"):
        tag = labels[1][1:]
        return OfService(ServiceKey(namespace, labels[0][1:]), Selector(tag="" if tag == "tcp" else tag))
    *before, name = labels
    if not before and name.startswith("_"):
        return Between()
    where = selected(before)
    if isinstance(where, Between):
        return where
    return OfService(ServiceKey(namespace, name), where or Selector(tag=".".join(before)))


def _node(namespace: str, labels: Sequence[str]) -> Ask:
    return OfNode(namespace, ".".join(labels)) if labels else Between()


def _address(namespace: str, labels: Sequence[str]) -> Ask:
    if not labels:
        return Between()
    family = _FAMILIES.get(len(labels[0])) if len(labels) == 1 else None
    if family is None or not _HEXADECIMAL.issuperset(labels[0]):
        return Absent()
    return OfAddress(family(bytes.fromhex(labels[0])))


_KINDS = {"service": _service, "node": _node, "addr": _address}
