"""`/v1/agent` and `/v1/status`, what only looks: the agent itself, and the services and checks of the node that asks.

An agent knows its own checks before the catalog does, and so do we: their status and output are those of this moment, also
where the change is not committed yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from muster.core.checks import Tracker
from muster.core.state import Entry
from muster.model.names import printable
from muster.web.message import JSON, Request, Response

from . import names, queries, replies, seen, shown_checks
from .answers import AgentService, HealthCheck, ServiceHealth
from .catalog import node_topic
from .checks import STATUS_OF, worst
from .failures import Refused
from .queries import Options
from .seen import Seen
from .shared import Shared, pretty
from .views import encode

CODES: Final = {"passing": 200, "warning": 429, "critical": 503}
"""What `agent/health/service` answers for a status."""
RAFT_PORT: Final = 8300
API_VERSION: Final = "1.20.6"
"""The version of Consul whose API this is: clients ask for it to know what they may ask for."""


class AgentReads:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    # --- Services and checks ----------------------------------------------------------------------------------------

    async def services(self, request: Request) -> Response:
        options = queries.parse(request)
        filter = self._shared.filter(options.filter, AgentService)
        found = [self._service(each) for each in self._shared.on(self._shared.place(request))]
        return _answer({service.id: service for service in filter.of(found)}, options)

    async def checks(self, request: Request) -> Response:
        options = queries.parse(request)
        filter = self._shared.filter(options.filter, HealthCheck)
        place = self._shared.place(request)
        node = self._shared.catalog.node_entry(place.node)
        found = [check for each in self._shared.on(place) for check in self._checks(each)]
        found += self._node_checks(place.node, node)
        return _answer({check.check_id: check for check in filter.of(found)}, options)

    async def service(self, request: Request) -> Response:
        """One service, with a hash of what it is; a reader that names the hash waits for another."""
        options = queries.parse(request)
        held, place, id = queries.first(request, "hash"), self._shared.place(request), request.params["id"]
        shown = self._shown(self._shared.service(place, id), id)
        if held and held == shown.content_hash:
            topic = node_topic(place.node)
            asked = replace(options, index=self._shared.catalog.index(topic))
            await self._shared.blocking.until(topic, asked, request.connection)
            shown = self._shown(self._shared.service(place, id), id)
        headers = ((b"x-consul-contenthash", shown.content_hash.encode()),)
        return replies.encoded(pretty(encode(shown), options), headers=headers)

    def _shown(self, each: Seen | None, id: str) -> AgentService:
        if each is None:
            raise unknown_agent_service(id)
        bare = self._service(each)
        return replace(bare, content_hash=hashlib.blake2b(encode(bare), digest_size=8).hexdigest())

    async def health_by_id(self, request: Request) -> Response:
        place, id = self._shared.place(request), request.params["id"]
        each = self._shared.service(place, id)
        if each is None:
            gone = {"AggregatedStatus": "critical", "Service": None, "Checks": None}
            return _health(request, 404, f"ServiceId {printable(id, 256)} not found", gone)
        health = self._health(each)
        return _health(request, CODES[health.aggregated_status], health.aggregated_status, health)

    async def health_by_name(self, request: Request) -> Response:
        """The worst of all instances of this name on the node decides."""
        place, name = self._shared.place(request), request.params["name"]
        found = [self._health(each) for each in self._shared.on(place) if each.name.lower() == name.lower()]
        if not found:
            return _health(request, 404, f"ServiceName {printable(name, 256)} Not Found", [])
        status = worst([each.aggregated_status for each in found])
        return _health(request, CODES[status], status, found)

    def _health(self, each: Seen) -> ServiceHealth:
        around = self._node_checks(each.node, self._shared.catalog.node_entry(each.node))
        found = (*self._checks(each), *around)
        return ServiceHealth(worst([check.status for check in found]), self._service(each), found)

    def _service(self, each: Seen) -> AgentService:
        return seen.agent_service(each, self._shared.home.datacenter)

    def _checks(self, each: Seen) -> tuple[HealthCheck, ...]:
        return self._now(
            shown_checks.checks(each, {}), each.entry, lambda name: shown_checks.check_id(each, name)
        )

    def _node_checks(self, name: str, entry: Entry | None) -> tuple[HealthCheck, ...]:
        """Those of the node but `serfHealth`, which is not its agent's."""
        found = (
            check
            for check in shown_checks.node_checks(name, entry, {})
            if check.check_id != shown_checks.SERF
        )
        return self._now(tuple(found), entry, lambda name: name) if entry is not None else ()

    def _now(
        self, found: tuple[HealthCheck, ...], entry: Entry, id_of: Callable[[str], str]
    ) -> tuple[HealthCheck, ...]:
        """The checks as their trackers have them now. `id_of`: a check's ID by its native name."""
        trackers = {
            id_of(tracker.check.name): tracker for tracker in self._shared.registry.trackers(entry.key)
        }
        return tuple(self._at_once(shown, trackers.get(shown.check_id)) for shown in found)

    def _at_once(self, shown: HealthCheck, tracker: Tracker | None) -> HealthCheck:
        if tracker is None:
            return shown
        check, now = tracker.check, self._shared.registry.now()
        if check.lapses and now >= tracker.said_at + check.ttl:
            return replace(shown, status="critical", output="TTL expired")
        return replace(shown, status=STATUS_OF[tracker.standing], output=tracker.said)

    # --- The agent itself -------------------------------------------------------------------------------------------

    async def self_(self, request: Request) -> Response:
        """As much of it as clients read: who and where we are, and which version."""
        home = self._shared.home
        place = self._shared.place(request)
        config = {
            "Datacenter": home.datacenter,
            "PrimaryDatacenter": home.datacenter,
            "NodeName": place.node,
            "NodeID": names.node_id(place.node),
            "Revision": home.version,
            "Server": True,
            "Version": API_VERSION,
            "VersionMetadata": "muster",
        }
        record = self._shared.catalog.node_entry(place.node)
        agent = {
            "Config": config,
            "DebugConfig": {"Datacenter": home.datacenter, "NodeName": place.node, "Version": API_VERSION},
            "Coord": {"Vec": [0.0] * 8, "Error": 1.5, "Adjustment": 0.0, "Height": 1e-05},
            "Member": self._member(place.node, place.address),
            "Stats": {"consul": {"leader_addr": self._leader, "leader": "true", "server": "true"}},
            "Meta": record.record.instance.metadata if record else {},
            "xDS": {"SupportedProxies": {}, "Port": 0},
        }
        return replies.value(agent)

    async def members(self, request: Request) -> Response:
        """Every node. In the wide area a member is called after its datacenter too."""
        catalog, home = self._shared.catalog, self._shared.home
        if "wan" in request.query:
            return replies.value([self._member(f"{home.node}.{home.datacenter}", home.address)])
        return replies.value([self._member(name, self._address(name)) for name in catalog.nodes()])

    def _address(self, name: str) -> str:
        record = self._shared.catalog.node_entry(name)
        return record.record.instance.host if record else self._shared.catalog.address(name)

    def _member(self, name: str, address: str) -> dict[str, Any]:
        server = name.partition(".")[0] == self._shared.home.node
        return {
            "Name": name,
            "Addr": address,
            "Port": 8301,
            "Tags": {"dc": self._shared.home.datacenter, "role": "consul" if server else "node"},
            "Status": 1,
            "ProtocolMin": 1,
            "ProtocolMax": 5,
            "ProtocolCur": 2,
            "DelegateMin": 2,
            "DelegateMax": 5,
            "DelegateCur": 4,
        }

    # --- Status -----------------------------------------------------------------------------------------------------

    async def leader(self, request: Request) -> Response:
        return replies.value(self._leader)

    async def peers(self, request: Request) -> Response:
        return replies.value([self._leader])

    @property
    def _leader(self) -> str:
        host = self._shared.home.address
        return f"[{host}]:{RAFT_PORT}" if ":" in host else f"{host}:{RAFT_PORT}"


def _answer(value: Mapping[str, Any], options: Options) -> Response:
    return replies.encoded(pretty(msgspec.json.encode(value), options))


def _health(request: Request, code: int, text: str, value: Any) -> Response:
    reason = ((b"x-consul-reason", text.encode()),)
    if queries.first(request, "format") == "text":
        return replies.encoded(text.encode(), code, reason, b"text/plain")
    return replies.encoded(msgspec.json.encode(value), code, reason, JSON)


def unknown_agent_service(id: str) -> Refused:
    return Refused(404, f"unknown service ID: {printable(id, 256)}")
