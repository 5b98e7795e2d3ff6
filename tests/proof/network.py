"""Hosts in network namespaces of their own, and a router between them that drops what it is told to.

    with Network() as network:
        registry, web = network.host("10.9.0.2"), network.host("10.1.0.2")
        network.cut("10.1.0.0/16", "10.9.0.2")
        network.heal()

Nothing is said to whoever sends: packets vanish, as behind a pulled cable. A namespace lives as long as a process that does nothing
there; when the test ends, or dies, it is gone. Addresses are 10.ZONE.NUMBER.2; the router is 10.ZONE.NUMBER.1.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from typing import Final, Self

ANYWHERE: Final = "0.0.0.0/0"
TABLE: Final = "add table inet cut; add chain inet cut forward { type filter hook forward priority 0 ; }"
NOTHING: Final = ("sh", "-c", "echo there; exec cat")
"""Says when it is there, and ends with whoever started it, because its input does."""


class Namespace:
    """Empty but for loopback. `under`: what a command is run under to be there."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            ["unshare", "--net", *NOTHING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._keeper.stdout is not None
        self._keeper.stdout.readline()
        self.pid = self._keeper.pid
        self.under = ("nsenter", f"--net=/proc/{self.pid}/ns/net")
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str) -> None:
        subprocess.run([*self.under, *command], check=True, timeout=30)

    def close(self) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.stdout.close()
        self._keeper.wait(30)


class Here:
    """The namespace of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def run(self, *command: str) -> None:
        subprocess.run(command, check=True, timeout=30)


class Network:
    """A router and its hosts."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._router = self._namespace()
        self._router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._router.run("nft", TABLE)

    def host(self, address: str) -> Sequence[str]:
        """One more host; what a command is run under to be there."""
        inside = self._namespace()
        self._connect(inside, address)
        return inside.under

    def join(self, address: str) -> None:
        """The caller's own namespace becomes one of the hosts: it should not be the machine's."""
        self._connect(Here(), address)

    def _connect(self, inside: Namespace | Here, address: str) -> None:
        gateway, link = address.removesuffix(".2") + ".1", "eth" + address.replace(".", "")
        pair = ["ip", "link", "add", link, "netns", str(self._router.pid), "type", "veth"]
        subprocess.run([*pair, "peer", "name", "eth0", "netns", str(inside.pid)], check=True, timeout=30)
        for where, name, own in ((self._router, link, gateway), (inside, "eth0", address)):
            where.run("ip", "address", "add", f"{own}/24", "dev", name)
            where.run("ip", "link", "set", name, "up")
        inside.run("ip", "route", "add", "default", "via", gateway)

    def cut(self, one: str, other: str = ANYWHERE) -> None:
        """From now on nothing comes through between these, in either direction."""
        self.drop(one, other)
        self.drop(other, one)

    def drop(self, source: str, target: str) -> None:
        """From now on nothing that `source` sends comes to `target`; the other direction is as it was."""
        rule = f"add rule inet cut forward ip saddr {source} ip daddr {target} drop"
        self._router.run("nft", rule)

    def heal(self) -> None:
        self._router.run("nft", "flush chain inet cut forward")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _namespace(self) -> Namespace:
        made = Namespace()
        self._stack.callback(made.close)
        return made
