"""Traffic policies: kept beside the records, told on the streams."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream
from tests.wire.policies import policies

from muster.model.policy import Policy
from muster.wire import policy as wire
from muster.wire.events import AliveEvent, PolicyEvent, ResumedEvent, SnapshotEvent

CANARY = {"balancer": "round_robin", "timeouts": {"request": "5s"}}


def path(name: str) -> str:
    return f"/v1/policies/{name}"


def test_what_is_written_is_read_in_its_shortest_form(caller: Caller, name: str) -> None:
    put = caller.ask("PUT", path(name.upper()), {**CANARY, "panic_threshold": 50})
    got = caller.ask("GET", path(name))
    assert (put.status, got.status) == (200, 200)
    assert got.json == put.json
    assert got.json["policy"] == {"format": 1, **CANARY}
    assert got.headers["etag"] == f'"{got.json["revision"]}"'
    assert caller.ask("GET", path(name), if_none_match=got.headers["etag"]).status == 304


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=policies())
def test_any_policy_comes_back_as_it_was_put(caller: Caller, name: str, policy: Policy) -> None:
    assert caller.ask("PUT", path(name), wire.document(policy)).status == 200
    assert wire.parse(caller.ask("GET", path(name)).json["policy"]) == policy


def test_there_is_none_until_it_is_written_and_after_it_is_removed(caller: Caller, name: str) -> None:
    assert caller.ask("GET", path(name)).problem == (404, "unknown_policy", None)
    assert caller.ask("DELETE", path(name)).problem == (404, "unknown_policy", None)
    caller.ask("PUT", path(name), CANARY)
    assert caller.ask("DELETE", path(name)).status == 204
    assert caller.ask("GET", path(name)).problem == (404, "unknown_policy", None)


def test_a_bad_document_is_refused_by_field_and_changes_nothing(caller: Caller, name: str) -> None:
    before = caller.ask("PUT", path(name), CANARY).json
    refused = caller.ask("PUT", path(name), {"retries": {"num_retries": -1}})
    assert refused.problem == (400, "invalid_request", "retries.num_retries")
    assert caller.ask("PUT", path(name), {"retrys": {}}).problem == (400, "invalid_request", "retrys")
    assert caller.ask("PUT", path(name), b"{").problem == (400, "invalid_json", None)
    assert caller.ask("GET", path(name)).json == before


def test_whoever_read_an_older_one_does_not_overwrite_a_newer(caller: Caller, name: str) -> None:
    first = caller.ask("PUT", path(name), CANARY, if_none_match="*").headers["etag"]
    second = caller.ask("PUT", path(name), {}, if_match=first).headers["etag"]
    assert first != second
    assert caller.ask("PUT", path(name), CANARY, if_match=first).problem == (412, "changed_meanwhile", None)
    assert caller.ask("DELETE", path(name), if_match=first).problem == (412, "changed_meanwhile", None)
    assert caller.ask("PUT", path(name), CANARY, if_none_match="*").status == 412
    assert caller.ask("PUT", path(name), CANARY, if_match="soon").problem[2] == "If-Match"
    assert caller.ask("DELETE", path(name), if_match=second).status == 204


def test_writing_the_same_writes_nothing(caller: Caller, name: str) -> None:
    first = caller.ask("PUT", path(name), CANARY)
    assert caller.ask("PUT", path(name), {**CANARY, "format": 1}).json == first.json


def test_namespaces_keep_apart(caller: Caller, name: str) -> None:
    caller.ask("PUT", f"{path(name)}?namespace=shop", CANARY)
    assert caller.ask("GET", path(name)).status == 404
    assert caller.ask("GET", f"{path(name)}?namespace=shop").json["namespace"] == "shop"


def test_a_policy_makes_no_service(caller: Caller, name: str) -> None:
    caller.ask("PUT", path(name), CANARY)
    assert caller.look(name).status == 404


def test_a_stream_begins_with_records_then_policies(
    caller: Caller, watch: Callable[..., Stream], name: str
) -> None:
    caller.ask("PUT", path(name), CANARY)
    stream = watch(f"service={name}")
    assert isinstance(stream.next(), SnapshotEvent)
    told = stream.next()
    assert isinstance(told, PolicyEvent)
    assert told.service == name
    assert told.policy == {"format": 1, **CANARY}


def test_a_change_arrives_at_once_and_so_does_the_end(
    caller: Caller, watch: Callable[..., Stream], name: str
) -> None:
    stream = watch(f"service={name}")
    stream.until(SnapshotEvent)
    revision = caller.ask("PUT", path(name), CANARY).json["revision"]
    changed = stream.until(PolicyEvent)
    assert (changed.revision, changed.policy) == (revision, {"format": 1, **CANARY})
    caller.ask("DELETE", path(name))
    assert stream.until(PolicyEvent).policy is None


def test_a_resumed_stream_is_told_again(caller: Caller, watch: Callable[..., Stream], name: str) -> None:
    caller.register(name, f"{name}-1")
    first = watch(f"service={name}")
    first.until(SnapshotEvent)
    first.beat()
    first.until(AliveEvent)
    place = first.id
    caller.ask("PUT", path(name), CANARY)
    again = watch(f"service={name}&after={place}")
    assert isinstance(again.next(), ResumedEvent)
    assert again.until(PolicyEvent).policy is not None
