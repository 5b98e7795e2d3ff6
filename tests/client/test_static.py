"""Endpoints that are written down, seen through a Discovery as its users see them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.client.conftest import QUICK, ports, until

from muster.client import Absent, Bound, Discovery, NotReady, RegisterBody, Registrar
from muster.model.errors import Rejected

Write = Callable[[Any], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the endpoints; the URL of the file."""

    def write(content: Any) -> str:
        (tmp_path / "new").write_bytes(msgspec.json.encode(content))
        (tmp_path / "new").rename(tmp_path / "endpoints.json")
        return f"static:{tmp_path / 'endpoints.json'}"

    return write


def test_endpoints_in_the_url_are_used() -> None:
    with Discovery("static:web=127.0.0.1:8080,web=[::1]:8081,db=10.0.0.5:5432", ["web", "db"]) as discovery:
        discovery.wait_ready()
        assert {discovery.pick("web").address for _ in range(64)} == {"127.0.0.1:8080", "[::1]:8081"}
        assert discovery.pick("db").address == "10.0.0.5:5432"


def test_what_is_not_listed_is_absent() -> None:
    with Discovery("static:web=127.0.0.1:8080") as discovery:
        discovery.wait_ready(10, "shop")
        assert isinstance(discovery.mirror("shop"), Absent)


def test_it_comes_from_the_environment() -> None:
    environ = {"MUSTER_URL": "static:web=127.0.0.1:8080", "MUSTER_ZONE": "a"}
    with Discovery.from_env(["web"], environ=environ) as discovery:
        discovery.wait_ready()
        assert discovery.pick("web").port == 8080


def test_a_file_may_say_all_that_a_registration_says(write: Write) -> None:
    told = {"host": "10.0.0.7", "port": 80, "zone": "b", "weight": 7, "tags": ["x"], "instance_id": "web-7"}
    with Discovery(write({"web": ["127.0.0.1:8080", told], "db": []}), ["web", "db"]) as discovery:
        discovery.wait_ready()
        _, second = discovery.instances("web")
        assert (second.instance_id, second.zone, second.weight, second.tags) == ("web-7", "b", 7, ("x",))
        assert isinstance(discovery.mirror("db"), Bound), "it is there, and has nobody"


def test_a_file_that_changes_is_followed(write: Write) -> None:
    with Discovery(write({"web": ["127.0.0.1:1"]}), ["web"]) as discovery:
        discovery.wait_ready()
        write({"web": ["127.0.0.1:2", "127.0.0.1:3"]})
        until(discovery, lambda: ports(discovery) == {2, 3})


def test_a_file_that_is_broken_later_changes_nothing(write: Write, tmp_path: Path) -> None:
    with Discovery(write({"web": ["127.0.0.1:1"]}), ["web"], timing=QUICK) as discovery:
        discovery.wait_ready()
        write({"web": [4]})
        until(
            discovery,
            lambda: "web [0]: must be text or an object, not a whole number" in discovery.status().failure,
        )
        (tmp_path / "endpoints.json").unlink()
        until(discovery, lambda: "No such file" in discovery.status().failure)
        assert discovery.pick("web").port == 1
        write({"web": ["127.0.0.1:2"]})
        until(discovery, lambda: ports(discovery) == {2})


def test_the_same_content_is_the_same_history(write: Write) -> None:
    url = write({"web": ["127.0.0.1:1"]})
    seen = []
    for _ in range(2):
        with Discovery(url, ["web"]) as discovery:
            discovery.wait_ready()
            mirror = discovery.mirror("web")
            assert isinstance(mirror, Bound)
            seen.append((mirror.epoch, mirror.revision))
    assert seen[0] == seen[1]


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with (
        Discovery(f"static:{tmp_path}/nothing.json", ["web"], timing=QUICK) as discovery,
        pytest.raises(NotReady, match="No such file"),
    ):
        discovery.wait_ready(0.5)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("static:web=127.0.0.1", "web port"),
        ("static:web=127.0.0.1:8080,db", "db"),
        ("static:web=127.0.0.1:99999", "web port"),
        ("static:web=127.0.0.1:80,web=127.0.0.1:80", "web"),
        ("static:we b=127.0.0.1:80", "we b service"),
    ],
)
def test_what_cannot_be_is_refused_at_once(told: str, problem: str) -> None:
    with pytest.raises(Rejected) as refused:
        Discovery(told)
    assert refused.value.field == problem


def test_nobody_registers_there() -> None:
    with pytest.raises(ValueError, match="it is no registry"):
        Registrar("static:web=127.0.0.1:8080", RegisterBody(service="web", port=1))
