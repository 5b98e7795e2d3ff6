"""Connections that say nothing end, in virtual time; who asks stays."""

import asyncio

from muster.model import limits
from muster.nameserver.tcp import Connection, Connections
from muster.testing.simulation.loop import in_virtual_time

HALF = limits.DNS_IDLE_S / 2


class Wire(asyncio.Transport):
    """A transport that is open until it is aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True

    def abort(self) -> None:
        self.open = False


def opened(connections: Connections) -> tuple[Connection, Wire]:
    connection, wire = connections.connection(), Wire()
    connection.connection_made(wire)
    return connection, wire


@in_virtual_time
async def test_who_says_nothing_is_hung_up_on() -> None:
    connections = Connections(None, asyncio.get_running_loop())  # type: ignore[arg-type]
    _, first = opened(connections)
    await asyncio.sleep(HALF)
    talking, second = opened(connections)
    await asyncio.sleep(HALF + 1)
    assert (first.open, second.open) == (False, True)
    connections.spoke(talking)
    await asyncio.sleep(HALF + 1)
    assert second.open
    await asyncio.sleep(HALF)
    assert (second.open, len(connections)) == (False, 0)


@in_virtual_time
async def test_the_end_closes_all() -> None:
    connections = Connections(None, asyncio.get_running_loop())  # type: ignore[arg-type]
    wires = [opened(connections)[1] for _ in range(3)]
    connections.close()
    assert not any(wire.open for wire in wires)
