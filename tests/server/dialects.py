"""One registry seen in every dialect: who may be called for a service, as each of them says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

import dns.message
import dns.query
import dns.rdatatype
from tests.eureka.asking import Eureka, hash_of, instances
from tests.httpapi.asking import Caller

from muster.server.settings import Address

Addresses = frozenset[tuple[str, int]]
View = Callable[[str], Addresses]
TIMEOUT_S = 20.0


class Dialects:
    """`views` by dialect; `eureka delta` is a client that never asks for the whole unless the hash tells it to. One for each thread."""

    def __init__(self, caller: Caller, names: Address) -> None:
        self.caller = caller
        self.eureka = Eureka(caller)
        self._names = names
        self._mirror: dict[tuple[str, str], dict[str, object]] = {}
        self.fetched_whole = 0
        self.views: dict[str, View] = {
            "native": self.native,
            "dns": self.named,
            "consul": self.consul,
            "eureka": self.whole,
            "eureka delta": self.mirrored,
            "prometheus": self.scraped,
        }

    def native(self, service: str) -> Addresses:
        answer = self.caller.look(service)
        found = answer.json["instances"] if answer.status == 200 else []
        return frozenset((each["host"], each["port"]) for each in found)

    def named(self, service: str) -> Addresses:
        query = dns.message.make_query(f"{service}.service.consul.", "SRV")
        answer = dns.query.tcp(query, self._names.host, TIMEOUT_S, self._names.port)
        hosts = {rrset.name: str(rrset[0]) for rrset in answer.additional if rrset.rdtype == dns.rdatatype.A}
        return frozenset((hosts[each.target], each.port) for rrset in answer.answer for each in rrset)

    def consul(self, service: str) -> Addresses:
        found = self.caller.ask("GET", f"/v1/health/service/{service}?passing").json
        return frozenset(
            (each["Service"]["Address"] or each["Node"]["Address"], each["Service"]["Port"]) for each in found
        )

    def whole(self, service: str) -> Addresses:
        return _up(instances(self.eureka.apps()).values(), service)

    def mirrored(self, service: str) -> Addresses:
        delta = self.eureka.apps("/apps/delta")
        for key, each in instances(delta).items():
            if each["actionType"] == "DELETED":
                self._mirror.pop(key, None)
            else:
                self._mirror[key] = each
        if _hash(self._mirror.values()) != delta["apps__hashcode"]:
            self._mirror = dict(instances(self.eureka.apps()))
            self.fetched_whole += 1
        return _up(self._mirror.values(), service)

    def scraped(self, service: str) -> Addresses:
        groups = self.caller.ask("GET", f"/v1/prometheus/sd?service={service}&status=healthy").json
        pairs = (target.rsplit(":", 1) for group in groups for target in group["targets"])
        return frozenset((host, int(port)) for host, port in pairs)

    # --- Changing, in whichever dialect ---------------------------------------------------------------------------------

    def register_natively(self, service: str, id: str, host: str) -> None:
        self.caller.register(service, id, host=host, port=80, ttl="1h")

    def register_by_eureka(self, service: str, id: str, host: str) -> None:
        lease = {"renewalIntervalInSecs": 600, "durationInSecs": 3600}
        port = {"$": 80, "@enabled": "true"}
        self.eureka.register(service, id, ipAddr=host, hostName=host, port=port, leaseInfo=lease)

    def register_by_consul(self, service: str, id: str, host: str) -> None:
        told = {"Node": f"n-{id}", "Address": host, "Service": {"ID": id, "Service": service, "Port": 80}}
        assert self.caller.ask("PUT", "/v1/catalog/register", told).status == 200

    def deregister(self, service: str, host: str) -> None:
        """Whoever it is there."""
        (id,) = (
            each["instance_id"]
            for each in self.caller.look(service).json["instances"]
            if each["host"] == host
        )
        self.caller.deregister(id)

    def take_out(self, service: str, host: str) -> None:
        """By Eureka's word, whatever the instance's own dialect."""
        for (app, id), each in instances(self.eureka.apps()).items():
            if (app, each["ipAddr"]) == (service.upper(), host):
                path = f"/apps/{app}/{quote(id, safe='')}/status?value=OUT_OF_SERVICE"
                assert self.eureka.ask("PUT", path).status == 200


def _up(found: Iterable[dict[str, object]], service: str) -> Addresses:
    return frozenset(
        (str(each["ipAddr"]), each["port"]["$"])  # type: ignore[index]
        for each in found
        if each["app"] == service.upper() and each["status"] == "UP"
    )


def _hash(found: Iterable[dict[str, object]]) -> str:
    return hash_of(
        {
            "application": [
                {"name": "", "instance": [{**each, "instanceId": n} for n, each in enumerate(found)]}
            ]
        }
    )
