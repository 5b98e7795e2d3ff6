"""`muster agent`: a Consul-shaped port for the programs of one host."""

from __future__ import annotations

import asyncio
import signal

import click

from muster.cli.connection import Target, registry_options
from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.consul.agent import Agent
from muster.model import limits, names
from muster.model.errors import Rejected

LISTEN = "127.0.0.1:8500"


@click.command()
@click.option("--node", required=True, help="Name of this host for Consul's clients.")
@click.option(
    "--address", default="", help="Where this host's services are reached; else where the registry sees us."
)
@click.option("--listen", default=LISTEN, show_default=True, metavar="HOST:PORT", help="Address of the port.")
@registry_options
def command(target: Target, node: str, address: str, listen: str) -> int:
    """Give the programs of this host a local port shaped like a Consul agent's.

    They are then on the node of this name, whatever address the registry sees them at. Needed only where several hosts are
    behind one address, or where programs insist on an agent at localhost:8500; others talk to the registry itself.
    """
    host, port = _address(listen)
    try:
        node = names.required(node, "--node", limits.NAME_CHARS)
        node.encode("ascii")
        address = names.host(address, field="--address") if address else ""
    except (Rejected, UnicodeEncodeError) as error:
        raise Failure(f"{error}", code=Exit.USAGE) from None
    agent = Agent(node, address, target.registries, target.access().tls)
    try:
        asyncio.run(_serve(agent, node, host, port))
    except OSError as error:
        raise Failure(f"cannot listen at {listen}: {error.strerror or error}", code=Exit.FAILED) from None
    return Exit.OK


async def _serve(agent: Agent, node: str, host: str, port: int) -> None:
    """Until SIGTERM or ^C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await agent.listen(host, port)
    bound = server.sockets[0].getsockname()
    click.echo(f"node {node} at {bound[0]}:{bound[1]}")
    await stop.wait()
    server.close()
    await agent.close()


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise Failure(f"--listen: {listen!r} is not HOST:PORT", code=Exit.USAGE)
    return host.strip("[]") or "127.0.0.1", int(port)
