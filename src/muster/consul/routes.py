"""Every route of Consul's API that is served here, and the paths below which Consul would answer for the rest."""

from __future__ import annotations

from typing import Final

from muster.model import limits
from muster.web.message import Request, Response
from muster.web.router import Handler, Route, Surface

from .agent_reads import AgentReads, unknown_agent_service
from .agent_writes import AgentWrites, unknown_check, unknown_service
from .catalog_reads import CatalogReads
from .catalog_writes import CatalogWrites
from .failures import CONSUL, Refused
from .health import Health
from .shared import Shared

PREFIXES: Final = (
    *("/v1/agent", "/v1/catalog", "/v1/health", "/v1/status/leader", "/v1/status/peers"),
    *("/v1/acl", "/v1/config", "/v1/connect", "/v1/coordinate", "/v1/discovery-chain", "/v1/event"),
    *("/v1/exported-services", "/v1/imported-services", "/v1/internal", "/v1/kv", "/v1/operator"),
    *("/v1/peering", "/v1/peerings", "/v1/query", "/v1/session", "/v1/snapshot", "/v1/txn", "/v1/validate"),
)
"""What is below these is Consul's, whether it is served here or not."""


MISSING: Final = (
    *(
        ("GET", f"/v1/health/{kind}", Refused(400, "Missing service name"))
        for kind in ("service", "connect", "ingress", "checks")
    ),
    ("GET", "/v1/health/node", Refused(400, "Missing node name")),
    ("GET", "/v1/health/state", Refused(400, "Missing check state")),
    *(
        ("GET", f"/v1/catalog/{kind}", Refused(400, "Missing service name"))
        for kind in ("service", "connect")
    ),
    *(
        ("GET", f"/v1/catalog/{kind}", Refused(400, "Missing node name"))
        for kind in ("node", "node-services")
    ),
    ("GET", "/v1/agent/service", unknown_agent_service("")),
    ("GET", "/v1/agent/health/service/id", Refused(500, "Missing serviceID")),
    ("GET", "/v1/agent/health/service/name", Refused(500, "Missing service Name")),
    ("PUT", "/v1/agent/service/maintenance", Refused(400, "Missing service ID")),
    ("PUT", "/v1/agent/service/deregister", unknown_service("")),
    *(
        ("PUT", f"/v1/agent/check/{verb}", unknown_check(""))
        for verb in ("deregister", "pass", "warn", "fail", "update")
    ),
)
"""Paths that end before they name what is asked for, and what Consul says to them."""


def surface(shared: Shared) -> Surface:
    reads = AgentReads(shared)
    routes = (
        *_agent(reads),
        *_agent_writes(shared),
        *_catalog(CatalogReads(shared)),
        *_catalog_writes(CatalogWrites(shared)),
        *_health(Health(shared)),
        _get("/v1/status/leader", reads.leader, "The leader: this registry."),
        _get("/v1/status/peers", reads.peers, "All servers: this registry."),
        *(_missing(method, path, refused) for method, path, refused in MISSING),
    )
    return Surface(CONSUL, routes, PREFIXES)


def _missing(method: str, path: str, refused: Refused) -> Route:
    def handler(request: Request) -> Response:
        raise Refused(refused.status, refused.detail)

    return Route(method, path, handler, refused.detail, body_limit=limits.BODY_BYTES)


def _get(path: str, handler: Handler, summary: str, hot: Handler | None = None) -> Route:
    """Consul reads a body where a GET has one, and does nothing with it."""
    return Route("GET", path, handler, summary, hot=hot, body_limit=1024)


def _put(path: str, handler: Handler, summary: str) -> Route:
    return Route("PUT", path, handler, summary, body_limit=limits.BODY_BYTES)


def _agent(reads: AgentReads) -> list[Route]:
    return [
        _get("/v1/agent/self", reads.self_, "Who the agent is."),
        _get("/v1/agent/members", reads.members, "Every node."),
        _get("/v1/agent/services", reads.services, "The services of the node that asks."),
        _get("/v1/agent/service/{id...}", reads.service, "One of them, with a hash to wait on."),
        _get("/v1/agent/checks", reads.checks, "The checks of the node that asks."),
        _get("/v1/agent/health/service/id/{id...}", reads.health_by_id, "How one service is."),
        _get("/v1/agent/health/service/name/{name...}", reads.health_by_name, "How all of a name are."),
    ]


def _agent_writes(shared: Shared) -> list[Route]:
    writes, found = AgentWrites(shared), shared.found
    return [
        _put("/v1/agent/service/register", writes.register, "Register a service."),
        _put("/v1/agent/service/deregister/{id...}", found(writes.deregister), "Deregister a service."),
        _put(
            "/v1/agent/service/maintenance/{id...}",
            found(writes.maintenance),
            "Take a service out, or back in.",
        ),
        _put("/v1/agent/maintenance", writes.node_maintenance, "Take the node out, or back in."),
        _put("/v1/agent/check/register", found(writes.register_check), "Register a check."),
        _put("/v1/agent/check/deregister/{id...}", found(writes.deregister_check), "Deregister a check."),
        _put("/v1/agent/check/pass/{id...}", found(writes.passes), "A TTL check passes."),
        _put("/v1/agent/check/warn/{id...}", found(writes.warns), "A TTL check warns."),
        _put("/v1/agent/check/fail/{id...}", found(writes.fails), "A TTL check fails."),
        _put("/v1/agent/check/update/{id...}", found(writes.update), "The result of a TTL check."),
    ]


def _catalog(reads: CatalogReads) -> list[Route]:
    return [
        _get("/v1/catalog/datacenters", reads.datacenters, "The one datacenter."),
        _get("/v1/catalog/nodes", reads.nodes, "Every node."),
        _get("/v1/catalog/services", reads.services, "Every service and its tags."),
        _get("/v1/catalog/service/{name...}", reads.service, "The instances of a service."),
        _get("/v1/catalog/connect/{name...}", reads.mesh, "Those that speak the mesh's protocol."),
        _get("/v1/catalog/node/{node...}", reads.node, "A node and its services."),
        _get("/v1/catalog/node-services/{node...}", reads.node_services, "The same as a list."),
    ]


def _catalog_writes(writes: CatalogWrites) -> list[Route]:
    return [
        _put("/v1/catalog/register", writes.register, "Register a node, its service, its checks."),
        _put("/v1/catalog/deregister", writes.deregister, "Deregister any of these."),
    ]


def _health(health: Health) -> list[Route]:
    return [
        _get(
            "/v1/health/service/{name...}",
            health.service_slow,
            "Who of a service may be called.",
            health.service,
        ),
        _get("/v1/health/connect/{name...}", health.mesh, "Those that speak the mesh's protocol."),
        _get("/v1/health/ingress/{name...}", health.mesh, "None: there are no ingress gateways."),
        _get("/v1/health/checks/{name...}", health.checks, "The checks of a service."),
        _get("/v1/health/node/{node...}", health.node, "The checks of a node."),
        _get("/v1/health/state/{state}", health.state, "All checks of a status."),
    ]
