"""What is asked in these tests, and what is found."""

from muster.model.check import Answer
from muster.registry.prober import Finding, GrpcTarget, HttpTarget, TcpTarget, Tls

AMPLE = 10.0
"""Seconds for what is meant to be answered; what is meant to run out of time says so."""


def tcp(port: int, *, host: str = "127.0.0.1", timeout: float = AMPLE, tls: Tls | None = None) -> TcpTarget:
    return TcpTarget(host=host, port=port, timeout=timeout, tls=tls)


def http(port: int = 80, *, host: str = "127.0.0.1", timeout: float = AMPLE, **rest: object) -> HttpTarget:
    return HttpTarget(host=host, port=port, timeout=timeout, **rest)  # type: ignore[arg-type]


def grpc(
    port: int = 50051, *, timeout: float = AMPLE, service: str = "", tls: Tls | None = None
) -> GrpcTarget:
    return GrpcTarget(host="127.0.0.1", port=port, timeout=timeout, service=service, tls=tls)


class _Whenever(float):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, float)

    __hash__ = float.__hash__


def found(answer: Answer, detail: str) -> Finding:
    """Equal to every finding of this answer and detail, whatever its latency."""
    return Finding(answer, detail, _Whenever())
