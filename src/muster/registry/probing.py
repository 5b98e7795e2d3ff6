"""From a probe the core wants run to the target a prober is given."""

from __future__ import annotations

from muster.core.outbox import Probe
from muster.model import limits
from muster.model.check import Check
from muster.model.instance import Instance
from muster.registry.prober import GrpcTarget, HttpTarget, Target, TcpTarget, Tls


def target_of(probe: Probe) -> Target:
    """What is asked for its check; without one, a bare connection to the instance's first endpoint."""
    instance = probe.instance
    if probe.check is not None:
        return _of_check(instance, probe.check)
    timeout = limits.SUSPICION_PROBE_TIMEOUT_S if urgent(probe) else limits.REACH_PROBE_TIMEOUT_S
    return TcpTarget(host=instance.host, port=instance.port, timeout=timeout)


def urgent(probe: Probe) -> bool:
    return probe.purpose in ("confirm", "witness")


def _of_check(instance: Instance, check: Check) -> Target:
    host, port = check.host or instance.host, check.port or instance.port
    tls = Tls(check.tls_verify, check.tls_server_name or None) if check.tls else None
    match check.kind:
        case "http":
            return HttpTarget(
                host=host,
                port=port,
                timeout=check.timeout,
                tls=tls,
                method=check.method,
                path=check.path,
                headers=check.headers,
                expect_status=check.statuses,
                expect_body=check.body or None,
            )
        case "grpc":
            return GrpcTarget(
                host=host, port=port, timeout=check.timeout, tls=tls, service=check.grpc_service
            )
        case _:
            return TcpTarget(host=host, port=port, timeout=check.timeout, tls=tls)
