"""The simulated world keeps its word: time jumps, the dead stay dead, links do what they are told."""

import asyncio
from random import Random

import pytest

from muster.testing.simulation.loop import NothingLeft, Process, VirtualLoop, in_virtual_time
from muster.testing.simulation.network import GIVE_UP_S, Network, Pipe


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


async def ticking(seen: list[float]) -> None:
    began = loop().time()
    while True:
        await asyncio.sleep(1.0)
        seen.append(round(loop().time() - began, 3))


@in_virtual_time
async def test_a_year_takes_no_time() -> None:
    began = loop().time()
    await asyncio.sleep(365 * 86_400)
    assert loop().time() - began == pytest.approx(365 * 86_400)


def test_a_deadlock_is_an_error() -> None:
    with pytest.raises(NothingLeft):
        in_virtual_time(asyncio.Event().wait)()


@in_virtual_time
async def test_who_stands_still_goes_on_where_it_was() -> None:
    seen: list[float] = []
    process = loop().process("p")
    process.spawn(ticking(seen))
    await asyncio.sleep(2.5)
    process.stand()
    await asyncio.sleep(10.0)
    process.go_on()
    await asyncio.sleep(1.2)
    await loop().bury()
    assert seen == [1.0, 2.0, 12.5, 13.5]


@in_virtual_time
async def test_the_killed_do_not_even_clean_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1.0)
        finally:
            cleaned.append("up")

    process = loop().process("p")
    process.spawn(work())
    await asyncio.sleep(0.5)
    process.kill()
    process.go_on()
    await asyncio.sleep(10.0)
    assert cleaned == []
    await loop().bury()


# --- The network ----------------------------------------------------------------------------------------------------


def network() -> tuple[Network, Process]:
    """One with a server that listens."""
    made = Network(loop(), Random(0))
    server = made.host("server").process = loop().process("server")
    return made, server


async def hello() -> str:
    return "hello"


async def outcome(made: Network, seconds: float = 5.0) -> tuple[str, float]:
    """What a call came to, and after how long."""
    began = loop().time()
    try:
        told = await made.call("client", "server", hello, seconds)
    except (TimeoutError, ConnectionRefusedError) as error:
        told = type(error).__name__
    return told, round(loop().time() - began, 1)


@in_virtual_time
async def test_a_call_is_answered() -> None:
    made, _ = network()
    assert await outcome(made) == ("hello", 0.0)


@in_virtual_time
async def test_a_host_refuses_for_a_process_that_is_dead() -> None:
    made, server = network()
    server.kill()
    assert await outcome(made) == ("ConnectionRefusedError", 0.0)


@in_virtual_time
async def test_a_firewall_refuses_for_one_that_lives() -> None:
    made, _ = network()
    made.host("server").firewall = True
    assert await outcome(made) == ("ConnectionRefusedError", 0.0)


@pytest.mark.parametrize("ends", [("client", "server"), ("server", "client")])
@in_virtual_time
async def test_a_cut_either_way_is_silence(ends: tuple[str, str]) -> None:
    made, _ = network()
    made.link(*ends).sever()
    assert await outcome(made) == ("TimeoutError", 5.0)
    await loop().bury()


@in_virtual_time
async def test_a_machine_that_is_off_is_silence() -> None:
    made, _ = network()
    made.host("server").up = False
    assert await outcome(made) == ("TimeoutError", 5.0)
    await loop().bury()


@in_virtual_time
async def test_what_is_held_up_by_a_cut_arrives_when_it_is_mended() -> None:
    made, _ = network()
    link = made.link("client", "server")
    link.sever()
    loop().call_later(2.0, link.mend)
    assert await outcome(made) == ("hello", 2.0)


@in_virtual_time
async def test_a_server_that_stands_still_answers_later() -> None:
    made, server = network()
    server.stand()
    loop().call_later(3.0, server.go_on)
    assert await outcome(made) == ("hello", 3.0)


class Ends:
    """Both ends of a pipe, and what they saw."""

    def __init__(self) -> None:
        self.network, self.writer = network()
        self.reader = self.network.host("client").process = loop().process("client")
        self.read: list[bytes] = []
        self.seen: list[str] = []
        self.pipe = Pipe(
            self.writer,
            self.reader,
            received=self.read.append,
            lost=lambda: self.seen.append("lost"),
            full=lambda: self.seen.append("full"),
            writable=lambda: self.seen.append("writable"),
        )
        self.network.open("server", "client", self.pipe)


@in_virtual_time
async def test_a_pipe_carries_in_order_to_its_end() -> None:
    ends = Ends()
    for n in range(5):
        ends.pipe.write(str(n).encode())
        await asyncio.sleep(0.0005)
    await asyncio.sleep(1.0)
    ends.pipe.end()
    await asyncio.sleep(1.0)
    assert (b"".join(ends.read), ends.read[-1], ends.seen) == (b"01234", b"", ["lost"])


@in_virtual_time
async def test_a_reader_that_stands_still_fills_the_pipe() -> None:
    ends = Ends()
    ends.reader.stand()
    ends.pipe.write(b"x" * (Pipe.ROOM + 1))
    await asyncio.sleep(60.0)
    before = list(ends.seen)
    ends.reader.go_on()
    await asyncio.sleep(1.0)
    assert (before, ends.seen, len(ends.read)) == (["full"], ["full", "writable"], 1)
    await loop().bury()


@in_virtual_time
async def test_a_killed_reader_is_known_at_once_and_a_dead_machine_after_a_while() -> None:
    for up, after in ((True, 0.1), (False, GIVE_UP_S + 1.0)):
        ends = Ends()
        ends.reader.kill()
        ends.network.host("client").up = up
        ends.network.died("client")
        await asyncio.sleep(after)
        assert ends.seen == ["lost"], up


@in_virtual_time
async def test_a_pipe_over_a_cut_link_breaks_when_nothing_is_acknowledged() -> None:
    ends = Ends()
    ends.network.link("server", "client").sever()
    ends.pipe.write(b"x")
    await asyncio.sleep(GIVE_UP_S - 1.0)
    before = list(ends.seen)
    await asyncio.sleep(GIVE_UP_S * 2)
    assert (before, ends.seen, ends.read) == ([], ["lost"], [])
