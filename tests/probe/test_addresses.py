"""Which addresses of a host are probed, and how names are looked up."""

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from muster.model.check import Answer
from muster.probe.addresses import Address, Found, Resolver, literal, system_lookup, vetted
from muster.probe.conversation import Conclusion


def vet(*ips: str, allow_loopback: bool = False) -> list[str] | Conclusion:
    found = vetted([ip_address(ip) for ip in ips], 80, allow_loopback=allow_loopback)
    return found if isinstance(found, Conclusion) else [address.ip for address in found]


def test_an_address_is_ready_to_connect_to() -> None:
    assert vetted([ip_address("fd00::1")], 80, allow_loopback=False) == (
        Address(socket.AF_INET6, "fd00::1", 80),
    )


def test_forbidden_addresses_are_left_out() -> None:
    assert vet("127.0.0.1", "169.254.1.1", "10.0.0.1", "fe80::1") == ["10.0.0.1"]


def test_if_none_is_left_the_conclusion_names_one() -> None:
    assert vet("127.0.0.1", "fe80::1") == Conclusion(Answer.FAILED, "fe80::1 is link-local, and never probed")
    assert vet() == Conclusion(Answer.FAILED, "has no address")


def test_a_name_with_many_addresses_is_tried_at_four() -> None:
    assert vet(*(f"10.0.0.{n}" for n in range(1, 9))) == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]


@pytest.mark.parametrize("name", ["localhost", "10.1", "0x7f000001", "2130706433", "10.0.0.1 ", ""])
def test_a_name_is_not_a_literal(name: str) -> None:
    assert literal(name) is None


def test_the_systems_resolver_knows_localhost() -> None:
    assert "127.0.0.1" in list(system_lookup("localhost"))


async def resolved(resolver: Resolver, name: str) -> Found:
    answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
    resolver.resolve(name, answer.set_result)
    async with asyncio.timeout(10):
        return await answer


async def test_a_look_up_answers_on_the_loop() -> None:
    threads: list[str] = []

    def lookup(name: str) -> list[str]:
        threads.append(threading.current_thread().name)
        return ["10.0.0.1", "fd00::1", "fe80::1%eth0"]

    resolver = Resolver(asyncio.get_running_loop(), lookup=lookup)
    assert await resolved(resolver, "orders.test") == tuple(
        ip_address(ip) for ip in ("10.0.0.1", "fd00::1", "fe80::1%eth0")
    )
    assert threads == ["muster-probe-resolver"]
    resolver.close()


async def test_a_name_that_cannot_be_one_is_an_error_like_any() -> None:
    resolver = Resolver(asyncio.get_running_loop())
    assert isinstance(await resolved(resolver, "x" * 64 + ".test"), OSError)
    resolver.close()


async def test_a_cancelled_look_up_is_not_made_and_not_answered() -> None:
    begun, release = threading.Event(), threading.Event()
    looked_up: list[str] = []

    def lookup(name: str) -> list[str]:
        looked_up.append(name)
        begun.set()
        release.wait(10)
        return ["10.0.0.1"]

    answered: list[Found] = []
    resolver = Resolver(asyncio.get_running_loop(), lookup=lookup, threads=1)
    running = resolver.resolve("running", answered.append)
    waiting = resolver.resolve("waiting", answered.append)
    await asyncio.to_thread(begun.wait, 10)
    assert (running.begun, waiting.begun) == (True, False)
    running.cancel()
    waiting.cancel()
    release.set()
    await resolved(resolver, "last")
    assert (looked_up, answered) == (["running", "last"], [])
    resolver.close()


async def test_a_resolver_is_full_when_as_many_wait_as_there_can_be_probes() -> None:
    release = threading.Event()
    resolver = Resolver(asyncio.get_running_loop(), lookup=lambda name: [str(release.wait(10))], threads=1)
    for n in range(4_096):
        assert not resolver.full
        resolver.resolve(f"n{n}", lambda found: None)
    resolver.resolve("the one that the thread took", lambda found: None)
    assert resolver.full
    release.set()
    resolver.close()
