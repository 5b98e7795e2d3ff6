"""Whether what is followed is a registry of ours, and which: it says so at a path that neither Consul nor Eureka has.

A registry and its replicas have one epoch, that of the history they serve, and nobody else has it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from .foreign import Away, Foreign
from .source import UNREADABLE


class _Status(Struct, frozen=True):
    epoch: str


_status = msgspec.json.Decoder(_Status)


def epoch_of(server: Foreign) -> str:
    """`server`: what its native API is below."""
    try:
        return _status.decode(server.get("/v1/status")).epoch
    except (Away, *UNREADABLE):
        return ""
