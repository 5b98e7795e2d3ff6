"""Run inside a network namespace of its own: a network whose hosts are dead, unreachable, or lied about by a firewall.

Prints `name answer detail`, a line for each host.
"""

import asyncio
import subprocess
from pathlib import Path

from muster.probe import Probes
from muster.registry.prober import TcpTarget

FIREWALL = """
table inet probe {
  chain input { type filter hook input priority 0;
    ip daddr 10.9.0.1 tcp dport 1001 reject with tcp reset
    ip daddr 10.9.0.1 tcp dport 1002 reject with icmp type host-unreachable
    ip daddr 10.9.0.1 tcp dport 1003 drop
  }
  chain output { type filter hook output priority 0;
    tcp dport 1004 drop
  }
}
"""
HOSTS = {
    "dead": ("10.9.0.2", 80),  # packets leave for it, and nobody is there
    "no-route": ("10.10.0.1", 80),
    "reset": ("10.9.0.1", 1001),
    "icmp": ("10.9.0.1", 1002),
    "dropped": ("10.9.0.1", 1003),
    "myself": ("10.9.0.1", 2000),
    "dropped-here": ("10.9.0.1", 1004),
}


def build() -> None:
    for command in (
        "ip link set lo up",
        "ip link add dead0 type veth peer name dead1",
        "ip address add 10.9.0.1/24 dev dead0",
        "ip link set dead0 up",
        "ip link set dead1 up",
        "ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev dead0",
    ):
        subprocess.run(command.split(), check=True)
    # The only port there is for connections of ours: who asks for it meets himself.
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("2000 2000")
    subprocess.run(["nft", "-f", "-"], input=FIREWALL, text=True, check=True)


async def main() -> None:
    probes = Probes(allow_loopback=False)
    for name, (host, port) in HOSTS.items():
        finding = await probes.probe(TcpTarget(host=host, port=port, timeout=0.3))
        print(name, finding.answer, finding.detail, sep="|")
    probes.close()


if __name__ == "__main__":
    build()
    asyncio.run(main())
