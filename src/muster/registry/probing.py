"""From what the core asks to what a prober does, and back."""

from __future__ import annotations

from muster.core.machine import Ask
from muster.model import limits
from muster.model.check import Check
from muster.model.instance import Instance
from muster.registry.prober import GrpcTarget, HttpTarget, Target, TcpTarget, Tls


def target_of(ask: Ask) -> Target:
    """The probe for an ask: its check, or a bare connection to the first endpoint."""
    instance = ask.instance
    if ask.check is not None:
        return _of_check(instance, ask.check)
    timeout = limits.SUSPICION_PROBE_TIMEOUT_S if urgent(ask) else limits.REACH_PROBE_TIMEOUT_S
    return TcpTarget(host=instance.host, port=instance.port, timeout=timeout)


def urgent(ask: Ask) -> bool:
    return ask.purpose in ("confirm", "witness")


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
