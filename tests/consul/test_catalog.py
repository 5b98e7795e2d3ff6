"""`/v1/catalog`: external nodes and services, what is where, and which tags there are."""

from __future__ import annotations

from tests.consul.asking import catalog, health, ids, register
from tests.httpapi.asking import Answer, Caller


def put(caller: Caller, what: str, **body: object) -> Answer:
    return caller.ask("PUT", f"/v1/catalog/{what}", body)


def test_a_node_stays_until_it_is_deregistered(caller: Caller, name: str) -> None:
    node = f"{name}-node"
    service = {"Service": name, "Tags": ["t"], "Port": 5432}
    assert (
        put(caller, "register", Node=node, Address="10.3.0.1", NodeMeta={"k": "v"}, Service=service).json
        is True
    )
    (told,) = catalog(caller, f"service/{name}")
    assert (told["Node"], told["Address"], told["ServiceAddress"], told["ServicePort"]) == (
        node,
        "10.3.0.1",
        "",
        5432,
    )
    assert told["NodeMeta"] == {"k": "v"}
    assert put(caller, "deregister", Node=node, ServiceID=name).json is True
    assert catalog(caller, f"service/{name}") == []
    assert catalog(caller, f"node/{node}")["Services"] == {}
    assert put(caller, "deregister", Node=node).json is True
    assert catalog(caller, f"node/{node}") is None


def test_a_node_leaves_with_its_services_and_no_native_instance(caller: Caller, name: str) -> None:
    caller.register(name, name, host="10.3.0.2")
    put(caller, "register", Node="ip-10-3-0-2", Address="10.3.0.2", Service={"Service": name, "ID": "x"})
    assert ids(health(caller, name)) == [name, "x"]
    put(caller, "deregister", Node="ip-10-3-0-2")
    assert ids(health(caller, name)) == [name]


def test_checks_in_the_catalog_are_as_their_registrar_says(caller: Caller, name: str) -> None:
    def say(status: str, output: str) -> None:
        check = {"CheckID": "c", "Name": "n", "Status": status, "ServiceID": name, "Output": output}
        put(caller, "register", Node=name, Address="10.3.0.3", Service={"Service": name}, Check=check)

    say("critical", "down")
    assert ids(health(caller, name, "?passing")) == []
    say("passing", "up")
    assert ids(health(caller, name, "?passing")) == [name]
    (check,) = caller.ask("GET", f"/v1/health/checks/{name}").json
    assert (check["CheckID"], check["Name"], check["Status"], check["Output"]) == ("c", "n", "passing", "up")
    assert put(caller, "deregister", Node=name, CheckID="c").json is True
    assert caller.ask("GET", f"/v1/health/checks/{name}").json == []


def test_an_address_stays_where_it_is_to_be_skipped(caller: Caller, name: str) -> None:
    put(caller, "register", Node=name, Address="10.3.0.4", NodeMeta={"a": "b"})
    put(caller, "register", Node=name, Address="10.3.0.9", SkipNodeUpdate=True, Service={"Service": name})
    (told,) = catalog(caller, f"service/{name}")
    assert (told["Address"], told["NodeMeta"]) == ("10.3.0.4", {"a": "b"})


def test_services_and_their_tags(caller: Caller, name: str) -> None:
    register(caller, name, "1", Tags=["b", "a"])
    register(caller, name, "2", Tags=["c", "a"])
    assert catalog(caller, "services")[name] == ["a", "b", "c"]
    assert catalog(caller, f"services?filter=ServiceID+==+`2`+and+ServiceName+==+{name}") == {
        name: ["a", "c"]
    }


def test_nodes_and_who_is_on_one(caller: Caller, name: str) -> None:
    register(caller, name)
    assert "home" in [node["Node"] for node in catalog(caller, "nodes")]
    assert name in catalog(caller, "node/home")["Services"]
    assert name in [service["ID"] for service in catalog(caller, "node-services/home")["Services"]]
    assert catalog(caller, "nodes?filter=Node+==+home")[0]["Datacenter"] == "dc1"
    assert catalog(caller, "datacenters") == ["dc1"]


def test_a_registration_is_all_or_nothing(caller: Caller, name: str) -> None:
    """What only the registry's own rules refuse is found before its node is written, too."""
    put(caller, "register", Node=name, Address="10.0.0.1", Service={"ID": "s", "Service": name})
    for n in range(7):
        put(caller, "register", Node=name, SkipNodeUpdate=True, Check={"Name": f"c{n}", "ServiceID": "s"})
    before = caller.ask("GET", "/v1/status").json["revision"]
    two = [{"Name": f"more{n}", "ServiceID": "s", "Status": "passing"} for n in range(2)]
    many = [{"Name": f"c{n}", "Status": "passing"} for n in range(9)]
    moved = {"Node": name, "Address": "10.0.0.2"}
    for body in (
        {**moved, "Checks": two},
        {**moved, "Checks": two, "Service": {"ID": "s", "Service": name}},
        {**moved, "Checks": many},
    ):
        answer = put(caller, "register", **body)
        assert (answer.status, b"at most 8 checks" in answer.body) == (500, True), answer
    assert caller.ask("GET", "/v1/status").json["revision"] == before


def test_what_is_no_registration_leaves_no_trace(caller: Caller, name: str) -> None:
    before = caller.ask("GET", "/v1/status").json["revision"]
    for body, told in (
        ({}, "Must provide node"),
        ({"Node": name}, "Must provide address if SkipNodeUpdate is not set"),
        ({"Node": name, "Address": "10.0.0.1", "Datacenter": "dc2"}, "No path to datacenter"),
        ({"Node": name, "Address": "10.0.0.1", "Service": {"ID": "x"}}, "Must provide service name"),
        (
            {"Node": name, "Address": "10.0.0.1", "Service": {"Service": "x", "Port": 70000}},
            "Invalid service port",
        ),
        (
            {"Node": name, "Address": "10.0.0.1", "Check": {"Name": "c", "ServiceID": "x"}},
            "Unknown service ID 'x' for check ID 'c'",
        ),
        ({"Node": name, "Address": "10.0.0.1", "Check": {"Name": "c", "Status": "well"}}, "Bad check status"),
    ):
        answer = put(caller, "register", **body)
        assert answer.status in (400, 500)
        assert told in answer.body.decode()
    assert caller.ask("GET", "/v1/status").json["revision"] == before


def test_names_of_nodes_that_differ_in_case_alone_are_one(caller: Caller, name: str) -> None:
    put(caller, "register", Node=name.upper(), Address="10.3.0.5", Service={"Service": name})
    put(caller, "register", Node=name, Address="10.3.0.6", Service={"Service": name})
    assert [each["Address"] for each in catalog(caller, f"service/{name}")] == ["10.3.0.6"]
    put(caller, "deregister", Node=name.upper())
    assert catalog(caller, f"node/{name}") is None


def test_services_that_are_filtered_follow_their_instances_and_nodes(caller: Caller, name: str) -> None:
    def placed(env: str, *tags: str) -> None:
        service = {"Service": name, "ID": name, "Port": 1, "Tags": tags}
        node = {"Node": f"n-{name}", "Address": "10.0.0.9", "NodeMeta": {"env": env}, "Service": service}
        assert caller.ask("PUT", "/v1/catalog/register", node).status == 200

    def told(query: str) -> object:
        return catalog(caller, f"services?{query}").get(name)

    by_meta, by_filter = f"node-meta=env:{name}", f"filter=NodeMeta.env=={name}"
    placed(name, "b", "a")
    assert [told(by_meta), told(by_filter), told("filter=ServicePort==2")] == [["a", "b"], ["a", "b"], None]
    placed(name, "c")
    assert [told(by_meta), told(by_filter)] == [["c"], ["c"]]
    placed("other", "c")
    assert [told(by_meta), told(by_filter)] == [None, None]
