"""The verbs that look: against a registry in memory, over a real socket."""

from collections.abc import Iterator

import msgspec
import pytest
from tests.cli.terminal import in_shell, muster, on_terminal

from muster.testing import FakeRegistry

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


def test_services(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080)
    registry.add("web", port=8081, status="draining")
    ran = muster(capsys, "services", "--url", registry.url)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["service", "instances", "discoverable", "statuses"],
        ["web", "2", "1", "1", "healthy,", "1", "draining"],
    ]


def test_instances_of_one_service(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080, zone="a", overdue=True)
    ran = muster(capsys, "instances", "web", "--url", registry.url)
    assert ran.out.splitlines()[1].split() == [
        *("web", "web-8080", "127.0.0.1:8080", "a", "-", "100", "healthy", "(overdue)")
    ]


def test_instances_of_all_services(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080)
    registry.add("api", port=8081)
    ran = muster(capsys, "instances", "--url", registry.url, "-o", "json")
    assert [each["service"] for each in msgspec.json.decode(ran.out)] == ["api", "web"]


def test_filters_are_the_registrys(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080)
    words = ("--zone", "a", "--tag", "x", "--tag", "y", "--status", "draining")
    muster(capsys, "instances", "web", "--url", registry.url, *words)
    assert registry.requests[-1].query == {"zone": ["a"], "tag": ["x", "y"], "status": ["draining"]}


def test_one_instance_whole(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080, id="host/web 1", metadata={"k": "v"})
    ran = muster(capsys, "instances", "--id", "host/web 1", "--url", registry.url, "-o", "yaml")
    assert "instance_id: host/web 1\n" in ran.out


def test_output_and_registry_may_come_from_the_environment(registry: FakeRegistry) -> None:
    ran = in_shell("services", MUSTER_OUTPUT="json", MUSTER_URL=registry.url)
    assert msgspec.json.decode(ran.out)["services"] == []


def test_the_namespace_is_asked_for(registry: FakeRegistry, capsys: Capsys) -> None:
    muster(capsys, "services", "--url", registry.url, "-n", "team")
    assert registry.requests[-1].query == {"namespace": ["team"]}


def test_resolve_prints_an_address_alone(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080, zone="a")
    registry.add("web", port=8081, zone="b")
    ran = muster(capsys, "resolve", "web", "--zone", "b", "--url", registry.url)
    assert ran == (0, "127.0.0.1:8081\n", "")


def test_resolve_tells_more_as_json(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080)
    told = msgspec.json.decode(muster(capsys, "resolve", "web", "--url", registry.url, "-o", "json").out)
    assert (told["address"], told["instance"]["instance_id"]) == ("127.0.0.1:8080", "web-8080")


def test_resolve_all(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080)
    registry.add("web", port=8081)
    ran = muster(capsys, "resolve", "web", "--all", "--url", registry.url)
    assert [line.split()[0] for line in ran.out.splitlines()] == [
        "address",
        "127.0.0.1:8080",
        "127.0.0.1:8081",
    ]


def test_resolve_tells_nobody_from_no_such_service(registry: FakeRegistry, capsys: Capsys) -> None:
    registry.add("web", port=8080, status="unhealthy")
    nobody = muster(capsys, "resolve", "web", "--url", registry.url)
    absent = muster(capsys, "resolve", "wbe", "--url", registry.url)
    assert (nobody.code, absent.code) == (6, 5)
    assert "muster instances web --all" in nobody.err
    assert "muster services" in absent.err


def test_a_terminal_gets_a_drawn_table_without_foreign_escapes(registry: FakeRegistry) -> None:
    registry.add("web", port=8080, zone="\x1b[31m[red]z", version="\u202e1")
    sent = on_terminal(["instances", "web", "--url", registry.url])
    assert "\\x1b[31m[red]z" in sent
    assert "\\u202e1" in sent
    assert "\x1b[32mhealthy" in sent


def test_no_color_is_obeyed(registry: FakeRegistry) -> None:
    registry.add("web", port=8080)
    sent = on_terminal(["instances", "web", "--url", registry.url], NO_COLOR="1")
    assert "\x1b[32m" not in sent


def test_an_empty_registry_says_so_on_a_terminal(registry: FakeRegistry) -> None:
    assert "no service is registered here" in on_terminal(["services", "--url", registry.url])


def test_no_id_is_refused_before_anybody_is_asked(registry: FakeRegistry, capsys: Capsys) -> None:
    ran = muster(capsys, "deregister", "", "--url", registry.url)
    assert (ran.code, ran.err) == (2, "muster: instance_id: is empty\n")
    assert not registry.requests
