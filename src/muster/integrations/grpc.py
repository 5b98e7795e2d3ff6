"""grpcio: where to dial. The addresses are those of the moment of dialling; `xds:///` is what follows changes.

    with muster.Discovery.from_env(["inventory"]) as discovery:
        discovery.wait_ready()
        channel = grpc.insecure_channel(target(discovery, "inventory", "grpc"), options=ROUND_ROBIN)

grpcio has no resolver that Python could plug into (grpc/grpc issue 11685), so a channel keeps the addresses it was dialled with:
make a new one when calls fail with UNAVAILABLE, or now and then. Make channels after forking, never before.
"""

from __future__ import annotations

from typing import Final

from muster.client.discovery import Discovery
from muster.client.endpoint import Endpoint

ROUND_ROBIN: Final = (("grpc.lb_policy_name", "round_robin"),)
"""For `options=`: without it gRPC uses the first address that answers, and no other."""


def target(discovery: Discovery, service: str, port: str | None = None) -> str:
    """`ipv4:10.0.0.1:50051,10.0.0.2:50051`: whom the policy gives a share now. Raises `NoEndpoint`.

    One channel speaks one family of addresses: IPv4 if there is any, else IPv6, else the first host name there is.
    """
    endpoints = discovery.endpoints(service, port)
    for scheme, belongs in (("ipv4", _is_ipv4), ("ipv6", _is_ipv6)):
        found = [endpoint.address for endpoint in endpoints if belongs(endpoint)]
        if found:
            return f"{scheme}:{','.join(found)}"
    return f"dns:///{endpoints[0].address}"


def _is_ipv4(endpoint: Endpoint) -> bool:
    return endpoint.host.replace(".", "").isdecimal()


def _is_ipv6(endpoint: Endpoint) -> bool:
    return ":" in endpoint.host
