"""What a Discovery or a Registrar leaves behind: nothing. At close, at exit, after a fork, or merely forgotten."""

import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.client.conftest import QUICK, Follow, ports, until

from muster.client import Discovery, NoEndpoint, RegisterBody, Registrar
from muster.model.policy import Policy
from muster.model.resilience import OutlierDetection
from muster.policy.outcome import Outcome
from muster.testing import FakeRegistry


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("muster-")]


def sockets_towards(registry: FakeRegistry) -> int:
    """Sockets of this process that are connected to the registry, by its port, as the kernel knows them."""
    port = f":{int(registry.url.rpartition(':')[2]):04X}"
    lines = (line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:])
    connected = {f"socket:[{fields[9]}]" for fields in lines if fields[2].endswith(port)}
    held = (contents(path) for path in Path("/proc/self/fd").iterdir())
    return sum(what in connected for what in held)


def contents(descriptor: Path) -> str:
    """What a descriptor leads to; nothing if it was closed meanwhile."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


def test_close_leaves_no_thread_and_no_socket(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.add("web", port=1)
    before = len(ours())
    for _ in range(5):
        with (
            Discovery(registry.url, ["web"], cache_dir=tmp_path, timing=QUICK) as discovery,
            Registrar(registry.url, RegisterBody(service="db", port=2), timing=QUICK) as registrar,
        ):
            discovery.wait_ready()
            registrar.wait_registered()
            registry.wait(lambda: any("web" in watcher.services for watcher in registry.watchers))
            registry.ask_for_ack("web")
            registry.wait(lambda: bool(registry.acknowledged))
            assert sockets_towards(registry) >= 3
        registry.wait(lambda: not registry.watchers)  # or the next round asks one that has gone
        registry.acknowledged.clear()
    assert len(ours()) == before
    assert sockets_towards(registry) == 0


def test_close_during_an_outage_waits_for_nothing(follow: Follow) -> None:
    discovery = follow("web", urls=["http://127.0.0.1:9", "http://127.0.0.1:10"])
    until(discovery, lambda: discovery.status().counts.unreachable >= 2)
    discovery.close()
    assert not ours()


class Interrupting(Random):
    """Has something done in the middle of whatever throws these dice, as a signal's handler may."""

    work: Callable[[], object] | None = None

    def random(self) -> float:
        work, self.work = self.work, None
        if work is not None:
            work()
        return super().random()


def test_a_signals_handler_may_call_in_the_middle_of_a_call(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    dice = Interrupting()
    policy = Policy(outlier_detection=OutlierDetection(consecutive_5xx=1))
    discovery = follow("web", rng=dice, policies={"web": policy})
    discovery.wait_ready()
    attempt = discovery.attempt("web")
    dice.work = lambda: discovery.attempt("web").finish()
    failing = threading.Thread(target=attempt.finish, args=(Outcome.FAILURE,), daemon=True)
    failing.start()
    failing.join(10)
    assert not failing.is_alive()
    assert dice.work is None


def test_close_twice_is_close(follow: Follow) -> None:
    discovery = follow("web")
    discovery.close()
    discovery.close()


def test_one_that_is_forgotten_is_collected_with_its_thread(registry: FakeRegistry) -> None:
    discovery = Discovery(registry.url, ["web"], timing=QUICK)
    discovery.wait_ready()
    threads = ours()
    gone = weakref.ref(discovery)
    del discovery
    gc.collect()
    assert gone() is None
    for thread in threads:
        thread.join(20)
    assert not ours()
    registry.wait(lambda: registry.readers == 0)


def test_changes_that_are_forgotten_are_collected(follow: Follow) -> None:
    discovery = follow("web")
    gone = weakref.ref(discovery.changes("web"))
    gc.collect()
    assert gone() is None


# --- the interpreter


def python(program: str, *arguments: str) -> str:
    """What the program prints. It must end by itself, well."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_import_starts_nothing() -> None:
    program = """
import sys, threading
import muster
assert "muster.client" not in sys.modules
import muster.client
assert threading.active_count() == 1
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("asyncio", "uvicorn", "starlette", "click")))
"""
    assert "uvicorn" not in python(program)


def test_no_thread_of_ours_imports_anything(registry: FakeRegistry, tmp_path: Path) -> None:
    """Whoever is forked meanwhile would wait for ever for the lock of that import."""
    registry.add("web", port=1)
    program = """
import sys, threading
from importlib.abc import MetaPathFinder
from muster import Discovery, Registrar
from muster.client import RegisterBody
from muster.policy.outcome import Outcome

class Watching(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if threading.current_thread().name.startswith("muster-"):
            print(threading.current_thread().name, name)

sys.meta_path.insert(0, Watching())
with (
    Discovery(sys.argv[1], ["web"], cache_dir=sys.argv[2]) as discovery,
    Registrar(sys.argv[1], RegisterBody(service="db", port=2)) as registrar,
):
    discovery.wait_ready()
    registrar.wait_registered()
    discovery.pick("web").attempt().finish(Outcome.CONNECT)
    registrar.drain(5)
"""
    assert python(program, registry.url, str(tmp_path)) == ""
    registry.wait(lambda: any(seen.path.endswith("/suspect") for seen in registry.requests))


def test_a_program_that_closes_nothing_ends(registry: FakeRegistry) -> None:
    registry.add("web", port=1)
    program = """
import sys
from muster import Discovery, Registrar
from muster.client import RegisterBody
discovery = Discovery(sys.argv[1], ["web"])
discovery.wait_ready()
discovery.on_change(print)
registrar = Registrar(sys.argv[1], RegisterBody(service="db", port=2))
registrar.wait_registered()
print(discovery.pick("web"))
"""
    assert python(program, registry.url) == "127.0.0.1:1\n"
    registry.wait(lambda: not registry.watchers)


def test_a_program_ends_while_its_registry_is_away() -> None:
    program = """
from muster import Discovery
discovery = Discovery("http://127.0.0.1:9", ["web"])
discovery.start()
"""
    assert python(program) == ""


def test_a_program_with_a_loop_ends(registry: FakeRegistry) -> None:
    registry.add("web", port=1)
    program = """
import asyncio, sys
from muster import Discovery
async def main():
    async with Discovery(sys.argv[1], ["web"]) as discovery:
        await discovery.wait_ready_async()
        print(discovery.pick("web"))
        waiting = asyncio.ensure_future(anext(discovery.changes("web")))
        await asyncio.sleep(0)
        waiting.cancel()
asyncio.run(main())
"""
    assert python(program, registry.url) == "127.0.0.1:1\n"


# --- fork


def in_a_child(check: Callable[[], None]) -> None:
    """Run `check` in a forked child; it fails here if it fails there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check()
            code = 0
        except BaseException:  # noqa: BLE001 - a child must not go on as pytest
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_goes_on_from_the_snapshot_with_a_thread_of_its_own(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()

    def child() -> None:
        assert not discovery.status().running
        assert [endpoint.port for endpoint in discovery._board.snapshots["web"].endpoints] == [1]
        assert discovery.pick("web").port in (
            1,
            2,
        )  # the snapshot is there at once, and the thread perhaps quick
        assert discovery.status().running
        until(discovery, lambda: ports(discovery) == {1, 2})
        discovery.close()
        assert not ours()

    begun = threading.Event()

    def add_once_the_child_reads() -> None:
        registry.wait(lambda: registry.readers == 2, 60)
        registry.add("web", port=2)
        begun.set()

    threading.Thread(target=add_once_the_child_reads, daemon=True).start()
    in_a_child(child)
    assert begun.wait(20)
    until(discovery, lambda: ports(discovery) == {1, 2})
    assert discovery.status().counts.closed == 0, "the child closed its parent's stream"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_many_forks_in_the_middle_of_reading(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    for port in range(1, 21):
        registry.add("web", port=port)

        def child() -> None:
            discovery.wait_ready()
            until(discovery, lambda: ports(discovery))

        in_a_child(child)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_waits_for_no_thread_of_its_parents(registry: FakeRegistry, follow: Follow) -> None:
    """What was picked before the fork can be called in the child, though a thread was writing down a call at that moment."""
    registry.add("web", port=1)
    dice = Interrupting()
    policy = Policy(outlier_detection=OutlierDetection(consecutive_5xx=1))
    discovery = follow("web", rng=dice, policies={"web": policy})
    discovery.wait_ready()
    endpoint, begun, failed = discovery.pick("web"), discovery.attempt("web"), discovery.attempt("web")
    writing, over = threading.Event(), threading.Event()
    dice.work = lambda: (writing.set(), over.wait(60))
    thread = threading.Thread(target=failed.finish, args=(Outcome.FAILURE,), daemon=True)
    thread.start()
    assert writing.wait(20)

    def child() -> None:
        signal.alarm(20)
        begun.finish()
        endpoint.attempt().finish()

    in_a_child(child)
    over.set()
    thread.join(20)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_closed_one_stays_closed_in_the_child(follow: Follow) -> None:
    discovery = follow("web")
    discovery.close()

    def child() -> None:
        with pytest.raises(NoEndpoint, match="closed"):
            discovery.pick("web")

    in_a_child(child)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_registration_stays_with_the_parent(registry: FakeRegistry) -> None:
    with Registrar(registry.url, RegisterBody(service="web", port=1), timing=QUICK) as registrar:
        registrar.wait_registered()
        registry.wait(lambda: len(registry.sessions) == 1)

        def child() -> None:
            assert registrar.status().state == "left"
            registrar.deregister()
            registrar.close()
            assert not ours()

        in_a_child(child)
        assert registry.holdings.exists("web")
        assert len(registry.sessions) == 1
    assert not registry.holdings.exists("web")
