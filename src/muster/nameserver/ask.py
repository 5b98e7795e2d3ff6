"""Everything a name can ask for. The zones' grammars make these of labels; the resolver answers them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from muster.core.state import ServiceKey

from .names import Address

DEFAULT_NAMESPACE = "default"
TRANSPORTS = ("_tcp", "_udp")


class Selector(Struct, frozen=True, gc=False):
    """Which instances of a service; empty fields ask for nothing. All but `tag` are compared as labels.

    zone, prefer    those of the zone; with `prefer`, others where there are none
    label           one instance, by the label of its id or of its address
    port, transport a named endpoint, and whether it is `_tcp` or `_udp`
    """

    tag: str = ""
    version: str = ""
    group: str = ""
    zone: str = ""
    prefer: bool = False
    label: str = ""
    port: str = ""
    transport: str = ""


EVERYBODY = Selector()


class OfService(Struct, frozen=True, gc=False):
    service: ServiceKey
    where: Selector = EVERYBODY


class OfNode(Struct, frozen=True, gc=False):
    """A host on which instances run: what stands before the `/` in their ids, or the whole id."""

    namespace: str
    name: str


class OfAddress(Struct, frozen=True, gc=False):
    """A name that is an address written differently."""

    address: Address


class OfNamespace(Struct, frozen=True, gc=False):
    """Nothing is said of it, but below it there are names if it has services."""

    name: str


class Apex(Struct, frozen=True, gc=False):
    """The zone itself."""


class Nameserver(Struct, frozen=True, gc=False):
    """Ourselves."""


class Text(Struct, frozen=True, gc=False):
    """A fixed text."""

    text: str


class Between(Struct, frozen=True, gc=False):
    """Nothing here, but there are names below: the name exists (RFC 8020)."""


class Absent(Struct, frozen=True, gc=False):
    """Nothing here, nothing below."""


Ask = OfService | OfNode | OfAddress | OfNamespace | Apex | Nameserver | Text | Between | Absent


def selected(labels: Sequence[str]) -> Selector | Between | None:
    """What the labels before a service's name select; None if they are of no known form.

    []                      everybody
    [zone, prefer, _zone]   those of a zone, or others;  [zone, pin, _zone]  nobody else (CoreDNS)
    [tag, _tag]  [version, _version]  [group, _subset]
    [_port, _tcp]           those with an endpoint of that name, before any of these
    """
    if len(labels) >= 2 and labels[1] in TRANSPORTS and labels[0].startswith("_"):
        rest = selected(labels[2:])
        if not isinstance(rest, Selector) or rest.port:
            return None
        return replace(rest, port=labels[0][1:], transport=labels[1])
    match labels:
        case []:
            return EVERYBODY
        case [zone, "prefer" | "pin" as how, "_zone"]:
            return Selector(zone=zone, prefer=how == "prefer")
        case ["prefer" | "pin", "_zone"] | ["_zone"] | ["_tag" | "_version" | "_subset"] | ["_tcp" | "_udp"]:
            return Between()
        case [tag, "_tag"]:
            return Selector(tag=tag)
        case [version, "_version"]:
            return Selector(version=version)
        case [group, "_subset"]:
            return Selector(group=group)
    return None
