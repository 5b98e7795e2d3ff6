"""What goes over the wire between replicas."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from muster.registry.replicas.port import Compared, Comparison, Heard, Inquiry, Standing
from muster.wire.answers import DrainAnswer

MEDIA = "application/msgpack"
SECRET_HEADER = b"x-muster-cluster"


class DrainWait(Struct, frozen=True):
    """Ask the subscribers of a service for a revision, and wait for them (s)."""

    namespace: str
    service: str
    revision: int
    wait: float


class Replica(Struct, frozen=True):
    """One line of `GET /v1/replicas`. `resting`: it was back quickly, and owns nothing for a while. `problem`: why it could not be asked;
    of the one that answers, why it is none of them at the moment; "" if all is well."""

    name: str
    url: str
    me: bool
    resting: bool
    standing: Standing | None = None
    problem: str = ""


class ReplicaList(Struct, frozen=True):
    replicas: list[Replica]


encode = msgspec.msgpack.encode
inquiry = msgspec.msgpack.Decoder(Inquiry).decode
heard = msgspec.msgpack.Decoder(Heard).decode
comparison = msgspec.msgpack.Decoder(Comparison).decode
compared = msgspec.msgpack.Decoder(Compared).decode
standing = msgspec.msgpack.Decoder(Standing).decode
drain_wait = msgspec.msgpack.Decoder(DrainWait).decode
drain_answer = msgspec.msgpack.Decoder(DrainAnswer).decode
