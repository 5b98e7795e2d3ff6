"""What a real agent (Consul 1.20.1, `agent -dev`) was seen to answer, request by request: facts of its interface that clients can notice.

Each scenario begins on a fresh agent's ground and uses names of its own. `said` is the whole text of a refusal; or a part of the
JSON: objects may hold more fields, lists may not hold more elements. Both a Muster and a real agent are held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

REGISTER = "/v1/agent/service/register"
CHECK = "/v1/agent/check/register"
CATALOG = "/v1/catalog/register"
BAD_FILTER = "Failed to create boolean expression evaluator: "


class Exchange(NamedTuple):
    method: str
    path: str
    body: object = None
    status: int = 200
    said: Any = None
    headers: Mapping[str, str] = {}


def put(path: str, body: object = None, status: int = 200, said: Any = None) -> Exchange:
    return Exchange("PUT", path, body, status, said)


def get(path: str, said: Any = None, status: int = 200, **headers: str) -> Exchange:
    return Exchange("GET", path, None, status, said, headers)


def node(name: str, **fields: object) -> dict[str, object]:
    return {"Node": name, "Address": "10.0.0.1", **fields}


WEB = {"ID": "web-1", "Name": "web", "Address": "127.0.0.1", "Port": 8080, "Check": {"TTL": "30s"}}
HERE = {"Address": "127.0.0.1", "Port": 8080}
SERF = {"CheckID": "serfHealth", "Status": "passing"}

SCENARIOS: dict[str, list[Exchange]] = {
    "a service and its agent": [
        put(REGISTER, WEB),
        get(
            "/v1/agent/service/web-1",
            {"ID": "web-1", "TaggedAddresses": {"lan_ipv4": HERE, "wan_ipv4": HERE}, "Datacenter": "dc1"},
        ),
        get("/v1/agent/service/none", "unknown service ID: none", 404),
        get("/v1/agent/service/", "unknown service ID: ", 404),
        get("/v1/agent/health/service/id/web-1?format=text", "critical", 503, x_consul_reason="critical"),
        get("/v1/agent/health/service/id/none?format=text", "ServiceId none not found", 404),
        get("/v1/agent/health/service/name/none?format=text", "ServiceName none Not Found", 404),
        get("/v1/agent/health/service/id/", "Missing serviceID", 500),
        get("/v1/agent/services?dc=other", {"web-1": {"Service": "web"}}),
        get("/v1/catalog/services?dc=other", "No path to datacenter", 500),
    ],
    "checks in the order of their ids": [
        put(
            REGISTER,
            {
                "ID": "o-1",
                "Name": "o",
                "Checks": [{"CheckID": "zz", "TTL": "9s"}, {"CheckID": "aa", "TTL": "9s"}],
            },
        ),
        put("/v1/agent/service/maintenance/o-1?enable=true&reason=why"),
        get(
            "/v1/health/service/o",
            [
                {
                    "Checks": [
                        SERF,
                        {"CheckID": "_service_maintenance:o-1", "Notes": "why", "Type": "maintenance"},
                        {"CheckID": "aa", "Type": "ttl"},
                        {"CheckID": "zz", "Status": "critical"},
                    ]
                }
            ],
        ),
        put("/v1/agent/maintenance?enable=true&reason=n"),
        get(
            "/v1/agent/checks?filter=CheckID==%22_node_maintenance%22",
            {"_node_maintenance": {"Type": "maintenance", "Notes": "n"}},
        ),
        put("/v1/agent/maintenance?enable=false"),
        put("/v1/agent/service/deregister/o-1"),
    ],
    "an external node has no agent": [
        put(
            CATALOG, node("ext", Service={"ID": "db-1", "Service": "db", "Address": "10.0.0.9", "Port": 5432})
        ),
        put(
            CATALOG,
            node("ext", SkipNodeUpdate=True, Check={"Name": "up", "ServiceID": "db-1", "Status": "critical"}),
        ),
        get("/v1/health/service/db", [{"Checks": [{"CheckID": "up", "Type": "", "Status": "critical"}]}]),
        get("/v1/health/service/db?passing", []),
        get("/v1/health/node/ext", [{"CheckID": "up"}]),
        put("/v1/catalog/deregister", {"Node": "ext"}, said=True),
        get("/v1/catalog/node-services/ext", {"Node": None, "Services": None}),
    ],
    "what the catalog does not take": [
        put(CATALOG, node("bad", ID="none"), 500),
        put(CATALOG, node("bad", Datacenter="other"), 500, "No path to datacenter"),
        put(
            CATALOG,
            node("bad", Service={"Service": "y", "Address": "0.0.0.0"}),
            500,
            "Invalid service address",
        ),
        put(
            CATALOG,
            node("bad", Check={"Name": "c", "ServiceID": "none", "Status": "passing"}),
            500,
            "Unknown service ID 'none' for check ID 'c'",
        ),
        put(
            CATALOG,
            node("bad", Check={"Name": "c", "Node": "other", "Status": "passing"}),
            500,
            "Node 'other' for check 'c' doesn't match register request node 'bad'",
        ),
    ],
    "what an agent does not take": [
        put(REGISTER, b"{", 400, "Request decode failed: unexpected EOF"),
        put(
            REGISTER,
            {"Name": "x", "Check": {"TTL": "x"}},
            400,
            'Request decode failed: time: invalid duration "x"',
        ),
        put(
            REGISTER,
            {"Name": "x", "Check": {"TTL": "1s", "Status": "odd"}},
            400,
            "Status for checks must 'passing', 'warning', 'critical'",
        ),
        put(
            REGISTER,
            {"Name": "x", "Check": {"Args": ["x"], "Interval": "1s"}},
            500,
            "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
        ),
        put(REGISTER, {"Name": "x", "Kind": "connect-proxy", "Port": 1}, 400),
        put(REGISTER, {"Name": "x", "Connect": {"Native": True}}, 400),
        put(CHECK, {"Name": "x", "TTL": "1s", "ServiceID": "none"}, 404, 'ServiceID "none" does not exist'),
        put(
            "/v1/agent/check/pass/",
            None,
            404,
            'Unknown check ID "". Ensure that the check ID is passed, not the check name.',
        ),
        put(
            "/v1/agent/service/deregister/",
            None,
            404,
            'Unknown service ID "". Ensure that the service ID is passed, not the service name.',
        ),
        get(REGISTER, "method GET not allowed", 405),
        put("/v1/health/service/web", None, 405, "method PUT not allowed"),
        put(REGISTER, {"Name": "empty", "Check": {}}),
        get("/v1/agent/checks?filter=ServiceName==empty", {}),
        put("/v1/agent/service/deregister/empty"),
    ],
    "filters": [
        put(REGISTER, {"ID": "f-1", "Name": "f", "Port": 80, "Tags": ["p"], "Check": {"TTL": "30s"}}),
        get("/v1/health/service/f?filter=Checks.Status==critical", [{"Service": {"ID": "f-1"}}]),
        get("/v1/health/service/f?filter=Checks.ServiceID!=%22f-1%22", [{"Service": {"ID": "f-1"}}]),
        get("/v1/health/service/f?filter=not+Checks.Status==passing", []),
        get("/v1/health/service/f?filter=Checks+is+empty", []),
        *(
            get(f"/v1/health/service/f?filter={asked}", BAD_FILTER + told, 500)
            for asked, told in (
                ("Checks==a", 'Invalid match operator "Equal" for selector "Checks"'),
                ("%22a%22+in+Checks", 'Invalid match operator "In" for selector "Checks"'),
                ("Service+is+empty", 'Invalid match operator "Is Empty" for selector "Service"'),
                (
                    "Service.Port+matches+%225%22",
                    'Invalid match operator "Matches" for selector "Service.Port"',
                ),
                ("Service.Nope.x==1", 'Selector "Service.Nope" is not valid'),
                (
                    "Service.Port==abc",
                    'Failed to coerce value "abc" for selector "Service.Port": strconv.ParseInt: parsing "abc": invalid syntax',
                ),
                (
                    "Service.ID+matches+%22(%22",
                    'Failed to compile regular expression "(": error parsing regexp: missing closing ): `(`',
                ),
            )
        ),
        put("/v1/agent/service/deregister/f-1"),
    ],
}
