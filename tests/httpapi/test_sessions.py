"""Sessions, suspicions, pushed checks: what instances and callers tell, and what the registry makes of it."""

from collections.abc import Callable

import pytest
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream

from muster.model import limits
from muster.model.check import Answer
from muster.testing.prober import ScriptedProber
from muster.wire.events import AliveEvent, RemoveEvent, ResumedEvent, SnapshotEvent, UpsertEvent

Watch = Callable[..., Stream]


@pytest.fixture
def reached(caller: Caller, prober: ScriptedProber, name: str) -> str:
    """An instance that the registry has reached once; afterwards its port is refused."""
    port = 9_000 + len(prober.asked)
    caller.register(name, name, host="10.9.9.9", port=port)
    while not caller.ask("GET", f"/v1/instances/{name}").json["reached"]:
        pass
    prober.says("10.9.9.9", port, Answer.REFUSED)
    return name


def test_a_lost_session_of_an_instance_that_refuses_takes_it_out_at_once(watch: Watch, reached: str) -> None:
    callers = watch(f"service={reached}")
    callers.changes(1)
    session = watch("", path=f"/v1/instances/{reached}/session")
    assert isinstance(session.next(), ResumedEvent)
    session.close()
    event = callers.changes(1)[0]
    assert isinstance(event, RemoveEvent)
    assert event.instances[0].why == "unhealthy"


def test_a_lost_session_of_an_instance_that_answers_changes_nothing(
    watch: Watch, caller: Caller, prober: ScriptedProber, name: str
) -> None:
    caller.register(name, name, host="10.9.9.8", port=80)
    while not caller.ask("GET", f"/v1/instances/{name}").json["reached"]:
        pass
    asked = len(prober.asked)
    watch(f"session={name}").changes(1)
    assert caller.ask("GET", f"/v1/instances/{name}").json["session"] is True
    watch(f"session={name}").close()
    watch(f"session={name}").close()
    while caller.ask("GET", f"/v1/instances/{name}").json["suspicion"] is not None:
        pass
    assert caller.status_of(name) == "healthy"
    assert len(prober.asked) - asked <= 3


def test_who_opens_and_drops_sessions_does_not_set_the_pace_of_probes(
    watch: Watch, caller: Caller, prober: ScriptedProber, name: str
) -> None:
    caller.register(name, name, host="10.9.9.5", port=80)
    while not caller.ask("GET", f"/v1/instances/{name}").json["reached"]:
        pass
    asked = len(prober.asked)
    for _ in range(50):
        watch(f"session={name}").close()
    caller.ask("GET", "/v1/status")
    assert len(prober.asked) - asked <= 2 * limits.REPORTS_PER_INSTANCE_BURST
    assert caller.status_of(name) == "healthy"


def test_a_session_on_a_watch_stream(watch: Watch, caller: Caller, reached: str) -> None:
    generation = caller.ask("GET", f"/v1/instances/{reached}").json["generation"]
    stream = watch(f"service={reached}&session={reached}@{generation}")
    assert isinstance(stream.next(), SnapshotEvent)
    assert caller.ask("GET", "/v1/status").json["sessions"] >= 1
    stream.close()
    while caller.status_of(reached) != "unhealthy":
        pass


def test_a_drained_or_deregistered_instance_may_leave(
    watch: Watch, caller: Caller, prober: ScriptedProber, reached: str
) -> None:
    session = watch("", path=f"/v1/instances/{reached}/session")
    session.next()
    caller.ask("POST", f"/v1/instances/{reached}/drain?wait=0s")
    asked = len(prober.asked)
    session.close()
    assert caller.status_of(reached) == "draining"
    assert len(prober.asked) == asked


def test_sessions_of_nobody_are_refused(caller: Caller, name: str) -> None:
    generation = caller.register(name, name).json["generation"]
    for path in ("/v1/instances/nobody/session", "/v1/watch?session=nobody"):
        assert caller.ask("GET", path).problem == (404, "unknown_instance", "session")
    old = f"/v1/watch?session={name}@{generation + 1}"
    assert caller.ask("GET", old).problem == (409, "superseded", "session")


def test_a_session_of_a_guarded_instance_needs_its_secret(watch: Watch, caller: Caller, name: str) -> None:
    secret = caller.register(name, name, owner_secret=True).json["owner_secret"]
    assert caller.ask("GET", f"/v1/watch?session={name}").problem == (403, "not_owner", "session")
    other = caller.register(name, f"{name}-2", owner_secret=True).json["owner_secret"]
    both = watch(f"session={name}&session={name}-2", muster_owner_secret=f"{secret}, {other}")
    assert isinstance(both.next(), ResumedEvent)


def test_a_session_stream_has_a_pulse(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    stream = watch("", path=f"/v1/instances/{name}/session")
    assert stream.alive().digest == "0" * 16
    assert [type(told.event) for told in stream.told] == [ResumedEvent, AliveEvent]


# --- reports ---


def test_a_report_of_an_instance_that_refuses_takes_it_out_until_it_answers(
    caller: Caller, prober: ScriptedProber, reached: str
) -> None:
    told = caller.ask("POST", f"/v1/instances/{reached}/suspect", {"reason": "connection refused"})
    assert (told.status, told.json) == (202, {"accepted": True})
    while caller.status_of(reached) != "unhealthy":
        pass
    port = caller.ask("GET", f"/v1/instances/{reached}").json["port"]
    prober.says("10.9.9.9", port, Answer.ANSWERED)
    while caller.status_of(reached) != "healthy":
        pass


def test_a_report_about_an_earlier_generation_is_taken_and_means_nothing(
    caller: Caller, reached: str
) -> None:
    assert caller.ask("POST", f"/v1/instances/{reached}/suspect", {"generation": 1}).status == 202
    assert caller.ask("GET", f"/v1/instances/{reached}").json["suspicion"] is None


def test_reports_are_budgeted(caller: Caller, prober: ScriptedProber, name: str) -> None:
    caller.register(name, name, host="10.9.9.7", port=80)
    asked = len(prober.asked)
    statuses = [caller.ask("POST", f"/v1/instances/{name}/suspect").status for _ in range(100)]
    assert statuses[:3] == [202, 202, 202]
    assert statuses.count(429) >= 90
    assert caller.ask("POST", f"/v1/instances/{name}/suspect").problem == (429, "too_many_reports", None)
    assert len(prober.asked) - asked <= 6
    assert caller.ask("POST", "/v1/instances/nobody/suspect").problem == (404, "unknown_instance", None)


# --- checks that instances push ---


def test_pushed_results_decide_the_health(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name, checks=[{"kind": "ttl", "name": "self", "ttl": "10s"}])
    path = f"/v1/instances/{name}/check"
    assert caller.status_of(name) == "healthy"
    for result, health, status in (
        ("pass", "passing", "healthy"),
        ("warn", "warning", "degraded"),
        ("fail", "failing", "unhealthy"),
        ("pass", "passing", "healthy"),
    ):
        told = caller.ask("POST", path, {"check": "self", "result": result, "output": "disk 93 %\x07"})
        assert told.json == {"health": health}
        assert caller.status_of(name) == status
    check = caller.ask("GET", f"/v1/instances/{name}").json["checks"][0]
    assert (check["name"], check["result"], check["output"]) == ("self", "pass", "disk 93 %?")


def test_a_result_for_no_check_is_refused(caller: Caller, name: str) -> None:
    caller.register(name, name)
    path = f"/v1/instances/{name}/check"
    assert caller.ask("POST", path, {"result": "pass"}).problem == (404, "unknown_check", "check")
    assert caller.ask("POST", path, {"result": "good"}).problem == (400, "invalid_request", "result")
    assert caller.ask("POST", path, {}).problem == (400, "invalid_request", "result")


def test_the_only_check_need_not_be_named(caller: Caller, name: str) -> None:
    checks = [{"kind": "ttl", "name": "a", "ttl": "10s"}, {"kind": "ttl", "name": "b", "ttl": "10s"}]
    caller.register(name, name, checks=checks[:1])
    path = f"/v1/instances/{name}/check"
    assert caller.ask("POST", path, {"result": "pass"}).json == {"health": "passing"}
    caller.register(f"{name}-two", f"{name}-two", checks=checks)
    two = f"/v1/instances/{name}-two/check"
    assert caller.ask("POST", two, {"result": "pass"}).problem == (404, "unknown_check", "check")


def test_an_active_check_decides_before_an_instance_is_listed(
    watch: Watch, caller: Caller, prober: ScriptedProber, name: str
) -> None:
    prober.says("10.9.9.6", 81, None)
    stream = watch(f"service={name}")
    stream.changes(1)
    caller.register(name, name, host="10.9.9.6", port=81, health_endpoint="/health")
    assert caller.look(name).ids == []
    prober.says("10.9.9.6", 81, Answer.ANSWERED)
    stream.until(UpsertEvent, lambda event: bool(event.instances))
    assert caller.look(name).ids == [name]


def test_a_stream_of_an_earlier_incarnation_does_not_stand_for_the_new_one(
    watch: Watch, caller: Caller, reached: str
) -> None:
    """The old host may be gone without a word, and its stream with it, much later than its successor."""
    watch(f"session={reached}").changes(1)
    port = caller.ask("GET", f"/v1/instances/{reached}").json["port"]
    caller.register(reached, reached, host="10.9.9.9", port=port, incarnation="second")
    assert caller.ask("GET", f"/v1/instances/{reached}").json["session"] is False
    new = watch(f"session={reached}")
    new.changes(1)
    assert caller.ask("GET", f"/v1/instances/{reached}").json["session"] is True
