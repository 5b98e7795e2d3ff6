"""Run inside a network and mount namespace of its own: the machine's resolver is ours, at port 53. Prints what the C library finds,
a line for each question."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.nameserver.interop.running import register

from muster.server.settings import Address, Settings
from muster.testing.server import LocalRegistry

RESOLV_CONF = "nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local\noptions ndots:5\n"
SETTINGS = Settings(listen=Address("127.0.0.1", 0), store="memory", dns=Address("127.0.0.1", 53))


def build(directory: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, text in (("resolv.conf", RESOLV_CONF), ("nsswitch.conf", "hosts: dns\n")):
        (directory / name).write_text(text)
        subprocess.run(["mount", "--bind", str(directory / name), f"/etc/{name}"], check=True)


def look(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return f"error {error.errno}"
    return ",".join(sorted({address[0] for *_, address in found}))


def main(directory: Path) -> None:
    build(directory)
    with LocalRegistry(SETTINGS) as registry:
        for number in range(1, 101):
            register(registry, f"many-{number}", f"10.1.0.{number}", service="many")
        register(registry, "web-1", "10.0.0.1")
        register(registry, "web-2", "10.0.0.2")
        register(registry, "six-1", "2001:db8::1", service="six")
        register(registry, "api-1", "10.0.0.7", service="api", namespace="prod")
        for name in ("web", "web.service.consul", "six", "api.prod", "10-0-0-1.web", "example.com"):
            print(name, look(name))
        print("many", look("many").count(",") + 1)
        print("10.0.0.1", socket.getnameinfo(("10.0.0.1", 80), 0)[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
