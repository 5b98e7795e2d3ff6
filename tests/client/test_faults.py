"""What callers of a Discovery see while everything goes wrong: a registry's endpoints, as they last were."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.client.conftest import QUICK, Follow, ports, until

from muster.client import Absent, Bound, Discovery, NoEndpoint
from muster.client.disk import Disk
from muster.testing import FakeRegistry


class Replicas:
    """Two registries that hold the same: web-1."""

    def __init__(self, one: FakeRegistry, other: FakeRegistry) -> None:
        self.one, self.other = one, other
        self.urls = [one.url, other.url]

    def serving(self) -> tuple[FakeRegistry, FakeRegistry]:
        """The one that is read from, and the one that is not."""
        return (self.one, self.other) if self.one.readers else (self.other, self.one)


@pytest.fixture
def replicas(registry: FakeRegistry) -> Iterator[Replicas]:
    registry.add("web", port=1)
    with FakeRegistry(alive_every=0.05, holdings=registry.holdings) as other:
        yield Replicas(registry, other)


def bound(discovery: Discovery) -> Bound:
    mirror = discovery.mirror("web")
    assert isinstance(mirror, Bound)
    return mirror


# --- streams


def test_a_lost_stream_goes_on_where_it_was(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.cut()
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2})
    counts = discovery.status().counts
    assert (counts.closed, counts.resumed, counts.resets, counts.diverged) == (1, 1, 0, 0)


def test_a_stopped_registry_leaves_everything_as_it_was(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.stop()
    until(discovery, lambda: discovery.status().counts.unreachable >= 3)
    assert discovery.pick("web").port == 1
    assert "refused" in discovery.status().failure
    registry.add("web", port=2)
    registry.start()
    until(discovery, lambda: ports(discovery) == {1, 2})
    assert discovery.status().failure == ""


def test_a_closed_connection_leads_to_another_registry(replicas: Replicas) -> None:
    with Discovery(replicas.urls, ["web"], timing=QUICK) as discovery:
        discovery.wait_ready()
        lost, left = replicas.serving()
        lost.stop()
        until(discovery, lambda: discovery.status().counts.resumed == 1)
        assert (left.readers, discovery.pick("web").port) == (1, 1)


def test_silence_leads_to_another_registry(replicas: Replicas) -> None:
    with Discovery(replicas.urls, ["web"], timing=replace(QUICK, silence=0.3)) as discovery:
        discovery.wait_ready()
        silent, left = replicas.serving()
        silent.hush()
        left.wait(lambda: left.readers == 1)
        assert discovery.status().counts.silent >= 1
        assert discovery.pick("web").port == 1


@pytest.mark.parametrize(
    "written",
    [
        b"event: upsert\ndata: {broken\n\n",
        b'event: upsert\ndata: {"service":"web"}\n\n',
        b"event: \xff\xfe\ndata: x\n\n",
        b'event: remove\ndata: {"service":"web","revision":"many","instances":[],"exists":true}\n\n',
    ],
    ids=["no json", "missing fields", "no text", "wrong type"],
)
def test_a_garbled_stream_is_left_and_nothing_of_it_kept(
    registry: FakeRegistry, follow: Follow, written: bytes
) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.garble(written)
    until(discovery, lambda: discovery.status().counts.malformed == 1)
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2})


def test_a_stream_that_trickles_is_as_good_as_silent() -> None:
    with (
        FakeRegistry(alive_every=60.0) as registry,
        Discovery(registry.url, ["web"], timing=replace(QUICK, event=0.2)) as discovery,
    ):
        discovery.wait_ready()
        while not discovery.status().counts.silent:
            registry.garble(b": still here\n")
            discovery._board.wait(lambda: False, 0.02)
        assert registry.readers <= 2


def test_events_of_a_later_version_are_passed_over(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.garble(b": a comment\n\nevent: novelty\nretry: 7\ndata: {}\n\n")
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2})
    assert discovery.status().counts.streams == 1


def test_views_that_differ_are_fetched_anew(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.lie()
    until(discovery, lambda: discovery.status().counts.diverged == 1)
    registry.wait(lambda: sum(request.path == "/v1/watch" for request in registry.requests) == 2)
    assert [r.first("after") for r in registry.requests if r.path == "/v1/watch"] == ["", ""]
    assert discovery.pick("web").port == 1


def test_a_registry_that_differs_again_is_left_for_another(replicas: Replicas) -> None:
    with Discovery(replicas.urls, ["web"], timing=QUICK) as discovery:
        discovery.wait_ready()
        liar, left = replicas.serving()
        liar.lie(times=1_000_000)
        left.wait(lambda: left.readers == 1)
        assert discovery.status().counts.diverged >= 2


def test_one_that_stops_says_so_and_is_left(replicas: Replicas) -> None:
    with Discovery(replicas.urls, ["web"], timing=QUICK) as discovery:
        discovery.wait_ready()
        stopping, left = replicas.serving()
        stopping.go_away()
        until(discovery, lambda: discovery.status().counts.resumed == 1)
        assert (left.readers, discovery.status().counts.told_to_leave) == (1, 1)


# --- answers


@pytest.mark.parametrize(
    ("status", "code"), [(500, "internal_error"), (503, "stopping"), (403, "token_invalid")]
)
def test_a_registry_that_refuses_is_asked_again(
    registry: FakeRegistry, follow: Follow, status: int, code: str
) -> None:
    registry.add("web", port=1)
    registry.answer(status, code)
    discovery = follow("web")
    until(discovery, lambda: discovery.status().counts.refused >= 2)
    with pytest.raises(NoEndpoint, match=code):
        discovery.pick("web")
    registry.answer(None)
    until(discovery, lambda: isinstance(discovery.mirror("web"), Bound))


def test_a_registry_that_never_answers_is_left(replicas: Replicas) -> None:
    replicas.one.hang()
    with Discovery(replicas.urls, ["web"], timing=replace(QUICK, request=0.2)) as discovery:
        discovery.wait_ready()
        assert replicas.other.readers == 1


def test_something_else_on_the_port_is_no_registry(follow: Follow) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        discovery = follow("web", urls=f"http://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            until(discovery, lambda: "no HTTP/1 answer" in discovery.status().failure)


# --- a registry that lost its history


def test_an_emptied_registry_does_not_empty_its_callers(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    registry.add("web", port=2)
    discovery = follow("web")
    discovery.wait_ready()
    registry.lose_everything()
    until(discovery, lambda: bound(discovery).unconfirmed == {"web-1", "web-2"})
    registry.add("web", port=2)
    until(discovery, lambda: bound(discovery).unconfirmed == {"web-1"})
    assert {discovery.pick("web").port for _ in range(64)} == {1, 2}
    registry.settle()
    until(discovery, lambda: not bound(discovery).unconfirmed)
    assert ports(discovery) == {2}


def test_a_registry_whose_revisions_went_back_is_followed(registry: FakeRegistry, follow: Follow) -> None:
    """Same epoch, fewer revisions: the reader is ahead, and is told to reset."""
    for port in (1, 2, 3):
        registry.add("web", port=port)
    discovery = follow("web")
    discovery.wait_ready()
    epoch = registry.holdings.epoch
    registry.stop()
    registry.holdings.clear(epoch)
    registry.add("web", port=1)
    registry.start()
    until(discovery, lambda: ports(discovery) == {1})
    assert discovery.status().counts.resets == 1


# --- the disk


@pytest.fixture
def saved(registry: FakeRegistry, tmp_path: Path) -> Path:
    """A cache directory in which a process left web-1, before the registry went away."""
    registry.add("web", port=1)
    with Discovery(registry.url, ["web"], cache_dir=tmp_path, timing=QUICK) as discovery:
        discovery.wait_ready()
    registry.stop()
    return tmp_path


def on_disk(registry: FakeRegistry, directory: Path) -> Path:
    return Disk(directory, [registry.url], "default").path("web")


def test_a_process_started_during_an_outage_works(
    registry: FakeRegistry, saved: Path, follow: Follow
) -> None:
    discovery = follow("web", cache_dir=saved)
    assert discovery.pick("web").port == 1
    assert bound(discovery).source == "disk"
    registry.add("web", port=2)
    registry.start()
    until(discovery, lambda: ports(discovery) == {1, 2})
    assert bound(discovery).source == "live"


def test_its_age_is_known(registry: FakeRegistry, saved: Path, follow: Follow) -> None:
    path = on_disk(registry, saved)
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    assert bound(follow("web", cache_dir=saved)).age > 3590


def test_started_from_disk_while_the_registry_is_empty(
    registry: FakeRegistry, saved: Path, follow: Follow
) -> None:
    registry.lose_everything()
    registry.start()
    discovery = follow("web", cache_dir=saved)
    until(discovery, lambda: bound(discovery).unconfirmed == {"web-1"})
    assert discovery.pick("web").port == 1


def test_an_emptied_registry_does_not_empty_the_disk(
    registry: FakeRegistry, saved: Path, follow: Follow
) -> None:
    before = on_disk(registry, saved).read_bytes()
    registry.lose_everything()
    registry.start()
    discovery = follow("web", cache_dir=saved)
    until(discovery, lambda: bound(discovery).source == "live")
    discovery.close()
    assert on_disk(registry, saved).read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"notes of somebody else's\n"], ids=["empty", "cut", "foreign"]
)
def test_a_file_that_cannot_be_used_stops_nobody(
    registry: FakeRegistry, saved: Path, follow: Follow, content: bytes
) -> None:
    on_disk(registry, saved).write_bytes(content)
    registry.start()
    discovery = follow("web", cache_dir=saved)
    discovery.wait_ready()
    assert discovery.pick("web").port == 1
    assert discovery.status().counts.disk_errors >= 1


def test_a_directory_that_cannot_be_written_stops_nobody(
    registry: FakeRegistry, follow: Follow, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    registry.add("web", port=1)
    discovery = follow("web", cache_dir=tmp_path / "file" / "below")
    discovery.wait_ready()
    until(discovery, lambda: discovery.status().counts.disk_errors >= 1)
    assert discovery.pick("web").port == 1


def test_without_a_disk_nothing_is_known_during_an_outage(registry: FakeRegistry, follow: Follow) -> None:
    registry.stop()
    with pytest.raises(NoEndpoint):
        follow("web").pick("web")


def test_a_service_that_is_gone_stays_gone_on_disk(
    registry: FakeRegistry, saved: Path, follow: Follow
) -> None:
    registry.start()
    registry.remove("web-1")
    discovery = follow("web", cache_dir=saved)
    until(discovery, lambda: isinstance(discovery.mirror("web"), Absent))
    discovery.close()
    registry.stop()
    assert isinstance(follow("web", cache_dir=saved).mirror("web"), Absent)
