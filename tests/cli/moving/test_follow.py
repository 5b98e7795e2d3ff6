"""`muster follow` from one real registry, by the dialect of Consul or Eureka, into another."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.cli.terminal import Ran, muster
from tests.eureka.asking import Eureka
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

PATIENCE_S = 30.0
DIALECTS = ("consul", "eureka")


@pytest.fixture
def old() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def new() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def there(old: LocalRegistry) -> Iterator[Caller]:
    with Caller(old.host, old.port) as caller:
        yield caller


@pytest.fixture
def here(new: LocalRegistry) -> Iterator[Caller]:
    with Caller(new.host, new.port) as caller:
        yield caller


class Follower:
    """Runs `muster follow` with what one registry says in a dialect, into another."""

    def __init__(self, capsys: pytest.CaptureFixture[str], dialect: str) -> None:
        self._capsys = capsys
        self.dialect = dialect

    def url(self, source: LocalRegistry) -> str:
        return f"{self.dialect}://{source.host}:{source.port}{'/eureka' if self.dialect == 'eureka' else ''}"

    def __call__(self, source: LocalRegistry, into: LocalRegistry, *options: str) -> Ran:
        return follow(self._capsys, self.url(source), into, *options)


@pytest.fixture(params=DIALECTS)
def follower(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Follower:
    return Follower(capsys, request.param)


def follow(capsys: pytest.CaptureFixture[str], source: str, new: LocalRegistry, *options: str) -> Ran:
    return muster(capsys, "follow", source, "--url", new.url, *options)


@contextmanager
def following(source: str, new: LocalRegistry) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "muster", "follow", source, "--url", new.url, "--every", "100ms"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise TimeoutError


def test_copies_follow_and_the_two_views_become_one(
    follower: Follower, old: LocalRegistry, new: LocalRegistry, there: Caller, here: Caller
) -> None:
    there.register("web", "web-1", port=1, metadata={"k": "v"})
    there.register("web", "web-2", port=2)
    there.register("web", "sick", port=3, checks=[{"kind": "ttl", "ttl": "1h"}])
    there.ask("POST", "/v1/instances/sick/check", {"result": "fail"})
    here.register("unrelated", "u")
    url = follower.url(old)
    compared = follower(old, new, "--compare", "--once")
    assert compared.code == 11
    assert compared.out.splitlines()[1].split(maxsplit=1) == ["web", "127.0.0.1:1, 127.0.0.1:2  -"]
    with following(url, new):
        until(lambda: here.look("web").status == 200 and len(here.look("web").ids) == 2)
        copies = here.look("web").json["instances"]
        assert {each["port"] for each in copies} == {1, 2}
        assert {each["metadata"]["muster-origin"] for each in copies} == {url}
        assert copies[0]["metadata"]["k"] == "v"
        assert follower(old, new, "--compare", "--once").code == 0
        there.deregister("web-1")
        until(lambda: [each["port"] for each in here.look("web").json["instances"]] == [2])
    assert there.look("web").ids == ["web-2"], "the source is only read"


def test_an_instance_that_moves_takes_the_place_of_its_copy(
    follower: Follower, old: LocalRegistry, new: LocalRegistry, there: Caller, here: Caller
) -> None:
    registrations: dict[str, Callable[[Caller], object]] = {
        "eureka": lambda caller: Eureka(caller).register("web", "host-1"),
        "consul": lambda caller: caller.ask(
            "PUT",
            "/v1/catalog/register",
            {"Node": "n1", "Address": "10.0.3.7", "Service": {"ID": "web-1", "Service": "web", "Port": 8080}},
        ),
    }
    register = registrations[follower.dialect]
    register(there)
    assert follower(old, new, "--once").code == 0
    (copy,) = here.look("web").json["instances"]
    assert copy["metadata"]["muster-origin"] == follower.url(old)
    register(here)
    (itself,) = here.look("web").json["instances"]
    assert (itself["instance_id"], itself["metadata"].get("muster-origin")) == (copy["instance_id"], None)
    assert "1 have moved here" in follower(old, new, "--once").err
    assert here.look("web").json["instances"] == [itself]
    assert follower(old, new, "--compare", "--once").code == 0


def test_a_source_that_is_away_takes_nothing_away(
    follower: Follower, new: LocalRegistry, here: Caller
) -> None:
    with LocalRegistry() as old, Caller(old.host, old.port) as there:
        there.register("web", "web-1")
        assert follower(old, new, "--once").code == 0
    away = follower(old, new, "--once")
    assert (away.code, len(here.look("web").ids)) == (3, 1)
    assert follower(old, new, "--compare", "--once").code == 3


def test_copies_are_not_copied_again(
    follower: Follower, old: LocalRegistry, new: LocalRegistry, there: Caller, here: Caller
) -> None:
    """Two registries that follow each other."""
    there.register("web", "web-1")
    assert follower(old, new, "--once").code == 0
    assert follower(new, old, "--once").code == 0
    assert there.look("web").ids == ["web-1"]


def test_a_registry_does_not_follow_itself(follower: Follower, new: LocalRegistry, here: Caller) -> None:
    here.register("web", "web-1")
    for options in ([], ["--once"], ["--compare"]):
        ran = follower(new, new, *options)
        assert (ran.code, "is the registry that would follow it" in ran.err.replace("\n", " ")) == (2, True)
    assert here.look("web").ids == ["web-1"]
    assert follower(new, new, "--once", "--namespace", "other").code == 0
    assert len(here.ask("GET", "/v1/services/web/instances?namespace=other").ids) == 1


def test_two_that_follow_each_other_know_an_instance_once(
    follower: Follower, old: LocalRegistry, new: LocalRegistry, there: Caller, here: Caller
) -> None:
    """Also when it has registered at both, under an id that the dialect does not make."""
    there.register("web", "web-1", port=1)
    here.register("api", "api-1", port=2)
    for _ in range(3):
        assert follower(old, new, "--once").code == 0
        assert follower(new, old, "--once").code == 0
    assert [len(one.look(name).ids) for one in (here, there) for name in ("web", "api")] == [1, 1, 1, 1]
    here.register("web", "web-1", port=1)
    assert len(here.look("web").ids) == 2
    assert follower(old, new, "--once").code == 0
    assert here.look("web").ids == ["web-1"]


def test_what_cannot_be_kept_is_said(
    old: LocalRegistry, new: LocalRegistry, there: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    there.register("web", "web-1", metadata={f"k{n}": "v" for n in range(64)})
    ran = Follower(capsys, "consul")(old, new, "--once")
    assert (ran.code, "metadata: may hold 64 pairs" in ran.err.replace("\n", " ")) == (0, True), ran.err


def test_what_is_no_registry_is_said(new: LocalRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(capsys, "consul://127.0.0.1:1", new, "--once").code == 3
    assert follow(capsys, "ftp://x", new, "--once").code == 2
    assert follow(capsys, f"eureka://{new.host}:{new.port}/v1", new, "--once").code == 3
