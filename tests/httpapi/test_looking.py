"""Look-ups: what is listed, through which filter, and when it may be kept or waited for."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.httpapi.asking import Answer, Caller

from muster.storage.memory import MemoryStore
from muster.testing.server import LocalRegistry


@pytest.fixture
def fleet(caller: Caller, name: str) -> str:
    """A service of five: two zones, two versions, one draining, one out of service."""
    caller.register(name, "a1", zone="a", region="north", version="1", tags=["blue", "new"])
    caller.register(name, "a2", zone="a", region="north", version="2", deployment_group="canary")
    caller.register(name, "b1", zone="b", region="south", version="1", tags=["blue"])
    caller.register(name, "b2", zone="b", region="south", version="2")
    caller.register(name, "b3", zone="b", region="south", version="2")
    caller.ask("POST", "/v1/instances/b2/drain?wait=0s")
    caller.ask("PATCH", "/v1/instances/b3", {"override": "out_of_service"})
    return name


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["a1", "a2", "b1"]),
        ("?zone=a", ["a1", "a2"]),
        ("?region=south", ["b1"]),
        ("?version=2", ["a2"]),
        ("?subset=canary", ["a2"]),
        ("?tag=blue", ["a1", "b1"]),
        ("?tag=blue&tag=new", ["a1"]),
        ("?zone=a&version=1", ["a1"]),
        ("?zone=nowhere", []),
        ("?status=draining", ["b2"]),
        ("?status=draining&status=out_of_service", ["b2", "b3"]),
        ("?all=1", ["a1", "a2", "b1", "b2", "b3"]),
        ("?all", ["a1", "a2", "b1", "b2", "b3"]),
        ("?all=0", ["a1", "a2", "b1"]),
        ("?all=1&zone=b", ["b1", "b2", "b3"]),
    ],
)
def test_filters(caller: Caller, fleet: str, query: str, ids: list[str]) -> None:
    for _ in range(2):  # parsed, and from the memo
        assert caller.look(fleet, query).ids == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?zon=a", "zon"),
        ("?zone=a&zone=b", "zone"),
        ("?status=happy", "status"),
        ("?all=maybe", "all"),
        ("?tag=" + "t" * 256, "tag"),
        ("?index=x", "index"),
        ("?index=1&wait=soon", "wait"),
        ("?index=1&wait=2h", "wait"),
        ("?zone=%01", "zone"),
    ],
)
def test_a_parameter_that_would_be_ignored_or_misread_is_refused(
    caller: Caller, fleet: str, query: str, field: str
) -> None:
    assert caller.look(fleet, query).problem == (400, "invalid_request", field)


def test_names_are_case_insensitive(caller: Caller, fleet: str) -> None:
    assert caller.look(fleet.upper()).json["service"] == fleet


def test_an_unknown_service_differs_from_one_without_a_healthy_instance(caller: Caller, name: str) -> None:
    unknown = caller.look(name)
    assert unknown.problem == (404, "unknown_service", None)
    assert {"revision", "epoch", "settled"} <= unknown.json.keys()
    assert unknown.headers["muster-index"] == str(unknown.json["revision"])
    caller.register(name, name, status="starting")
    assert (caller.look(name).status, caller.look(name).ids) == (200, [])


# --- what may be kept ---


def test_an_etag_is_answered_304_until_something_changes(caller: Caller, fleet: str) -> None:
    etag = caller.look(fleet).headers["etag"]
    same = caller.look(fleet, if_none_match=etag)
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert caller.look(fleet, if_none_match=f'"other", W/{etag}').status == 304
    caller.ask("PATCH", "/v1/instances/a1", {"weight": 3})
    assert caller.look(fleet, if_none_match=etag).status == 200


def test_etags_differ_by_filter(caller: Caller, fleet: str) -> None:
    etags = {caller.look(fleet, query).headers["etag"] for query in ("", "?zone=a", "?zone=b", "?all=1")}
    assert len(etags) == 4


def test_headers_say_where_to_wait_and_how_old_it_is(caller: Caller, fleet: str) -> None:
    told = caller.look(fleet)
    assert told.headers["muster-index"] == str(told.json["revision"])
    assert told.headers["muster-age"] == "0"
    assert told.headers["cache-control"] == "no-cache"


def test_head_is_get_without_the_body(caller: Caller, fleet: str) -> None:
    for path in (f"/v1/services/{fleet}/instances", "/v1/services", "/livez"):
        whole = caller.ask("GET", path)
        bare = caller.ask("HEAD", path)
        assert (bare.status, bare.body) == (200, b"")
        assert bare.headers["content-length"] == str(len(whole.body))


def test_unknown_paths_and_methods(caller: Caller, fleet: str) -> None:
    assert caller.ask("GET", "/v2/services").problem == (404, "unknown_path", None)
    assert caller.ask("GET", "/v1/services/").status == 200
    assert caller.ask("GET", "/v1/services//instances").problem == (404, "unknown_path", None)
    assert caller.ask("GET", "/v1/instances/%ff").problem == (404, "unknown_path", None)
    wrong = caller.ask("DELETE", f"/v1/services/{fleet}/instances")
    assert wrong.problem == (405, "method_not_allowed", None)
    assert wrong.headers["allow"] == "GET, HEAD"
    assert caller.ask("OPTIONS", "/v1/register").headers["allow"] == "POST"


def test_services_are_summed_up(caller: Caller, fleet: str) -> None:
    listed = {each["service"]: each for each in caller.ask("GET", "/v1/services").json["services"]}
    assert listed[fleet] == {
        "service": fleet,
        "instances": 5,
        "discoverable": 3,
        "revision": listed[fleet]["revision"],
        "statuses": {"healthy": 3, "draining": 1, "out_of_service": 1},
    }


def test_everything_known_of_one_instance(caller: Caller, fleet: str) -> None:
    told = caller.ask("GET", "/v1/instances/a1").json
    assert (told["service"], told["zone"], told["status"], told["discoverable"]) == (
        fleet,
        "a",
        "healthy",
        True,
    )
    assert told["lease"]["ttl"] == 30.0
    assert told["facts"]["draining"] is False
    assert told["session"] is False


def test_history_tells_the_latest_first(caller: Caller, fleet: str) -> None:
    changes = caller.ask("GET", f"/v1/history?service={fleet}&id=b2&limit=2").json["changes"]
    assert [(line["before"], line["after"]) for line in changes] == [
        ("healthy", "draining"),
        ("absent", "healthy"),
    ]
    for limit in (0, 1001):
        refused = caller.ask("GET", f"/v1/history?limit={limit}")
        assert refused.problem == (400, "invalid_request", "limit")


def test_explain_says_why_not(caller: Caller, fleet: str) -> None:
    told = caller.ask("GET", f"/v1/explain?service={fleet}&id=b2").json
    assert told["discoverable"] is False
    assert told["because"][0] == "it is draining: it asked to drain"
    assert caller.ask("GET", "/v1/explain?id=nobody").problem == (404, "unknown_instance", None)
    assert caller.ask("GET", "/v1/explain").problem == (400, "invalid_request", "id")
    assert caller.ask("GET", "/v1/explain?service=other&id=b2").problem == (
        404,
        "unknown_instance",
        "service",
    )


# --- blocking reads ---


def blocked(registry: LocalRegistry) -> int:
    """Reads that wait now."""
    return registry.do(lambda running: len(running.registry.hub))


def in_background(registry: LocalRegistry, service: str, query: str) -> "Future[Answer]":
    """The answer to a read that is waiting when this returns."""

    def look() -> Answer:
        with Caller(registry.host, registry.port) as caller:
            return caller.look(service, query)

    before = blocked(registry)
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(look)
    pool.shutdown(wait=False)
    while blocked(registry) == before and not answer.done():
        threading.Event().wait(0.001)
    return answer


def test_a_blocked_read_is_answered_when_its_service_changes(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    caller.register(name, f"{name}-1")
    index = caller.look(name).headers["muster-index"]
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    caller.register(f"{name}-other", f"{name}-other")
    assert not waiting.done()
    caller.register(name, f"{name}-2")
    assert waiting.result(10).ids == [f"{name}-1", f"{name}-2"]


def test_a_blocked_read_is_answered_with_what_is_when_its_wait_is_over(caller: Caller, name: str) -> None:
    caller.register(name, name)
    index = caller.look(name).headers["muster-index"]
    told = caller.look(name, f"?index={index}&wait=10ms")
    assert (told.status, told.headers["muster-index"]) == (200, index)


def test_an_index_that_is_behind_or_ahead_is_answered_at_once(caller: Caller, name: str) -> None:
    caller.register(name, name)
    index = int(caller.look(name).headers["muster-index"])
    for other in (0, index - 1, index + 1_000_000):
        assert caller.look(name, f"?index={other}&wait=10m").status == 200


def test_a_read_of_an_unknown_service_waits_for_it_to_appear(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    index = caller.look(name).headers["muster-index"]
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    assert not waiting.done()
    caller.register(name, name)
    assert waiting.result(10).ids == [name]


def test_others_changes_do_not_answer_a_read_of_an_unknown_service(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    index = caller.look(name).headers["muster-index"]
    caller.register(f"{name}-other", f"{name}-other")
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    assert not waiting.done()
    caller.register(name, name)
    assert waiting.result(10).status == 200


def test_a_service_that_goes_answers_its_blocked_reads(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    caller.register(name, name)
    index = caller.look(name).headers["muster-index"]
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    caller.deregister(name)
    assert waiting.result(10).problem[1] == "unknown_service"
    assert caller.look(name, f"?index={index}&wait=60s").problem[1] == "unknown_service"


def test_a_blocked_read_ends_with_its_reader(registry: LocalRegistry, caller: Caller, name: str) -> None:
    caller.register(name, name)
    index = caller.look(name).headers["muster-index"]
    before = blocked(registry)
    with Caller(registry.host, registry.port) as leaving:
        leaving._connection.request("GET", f"/v1/services/{name}/instances?index={index}&wait=10m")
        while blocked(registry) == before:
            threading.Event().wait(0.001)
    while blocked(registry) != before:
        threading.Event().wait(0.001)


def test_a_blocked_read_ends_when_the_registry_does(name: str) -> None:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        caller.register(name, name)
        index = caller.look(name).headers["muster-index"]
        waiting = in_background(registry, name, f"?index={index}&wait=10m")
    assert waiting.result(10).ids == [name]


def test_another_history_has_other_etags_and_answers_old_indexes(name: str) -> None:
    store = MemoryStore()
    with LocalRegistry(store=store) as registry, Caller(registry.host, registry.port) as caller:
        caller.register(name, name)
        before = caller.look(name)
        caller.look(name)
        epoch = before.json["epoch"]
        registry.do(lambda running: store.restore(store._records.values()))
        while (after := caller.look(name)).json["epoch"] == epoch:
            threading.Event().wait(0.001)
        assert after.ids == [name]
        assert caller.look(name, if_none_match=before.headers["etag"]).status == 200
        assert caller.look(name, f"?index={before.headers['muster-index']}&wait=10m").ids == [name]
