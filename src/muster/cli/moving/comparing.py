"""The difference between two views, service by service: addresses that only one of them would send a caller to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

Addresses = Mapping[str, frozenset[str]]
"""service -> `host:port` of those that may be called."""


class Difference(Struct, frozen=True):
    service: str
    only_there: tuple[str, ...]
    only_here: tuple[str, ...]


def differences(there: Addresses, here: Addresses) -> list[Difference]:
    """Of the services that are listed there: those that were never there are nobody's concern while moving."""
    found = []
    for service, addresses in sorted(there.items()):
        ours = here.get(service, frozenset())
        if addresses != ours:
            found.append(
                Difference(service, tuple(sorted(addresses - ours)), tuple(sorted(ours - addresses)))
            )
    return found
