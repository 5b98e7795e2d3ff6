"""Resolvers that forward our domains to us: unbound and dnsmasq. What they hold is no older than the TTL."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.nameserver.interop.running import (
    answers,
    deregister,
    free_port,
    program,
    register,
    registry,
    until,
)
from tests.parts import require

from muster.server.settings import Address

UNBOUND = """
server:
    directory: "{directory}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: 127.0.0.1
    port: {port}
    do-not-query-localhost: no
    domain-insecure: "consul"
    domain-insecure: "muster.internal"
    local-zone: "internal." nodefault
    local-zone: "10.in-addr.arpa." nodefault
    use-caps-for-id: yes
    harden-below-nxdomain: yes
    trust-anchor-file: ""
    module-config: "iterator"
remote-control:
    control-enable: no
stub-zone:
    name: "consul"
    stub-addr: {us}
stub-zone:
    name: "muster.internal"
    stub-addr: {us}
stub-zone:
    name: "10.in-addr.arpa"
    stub-addr: {us}
"""


@contextlib.contextmanager
def unbound(us: Address, directory: Path) -> Iterator[Address]:
    port, file = free_port(), directory / "unbound.conf"
    file.write_text(UNBOUND.format(directory=directory, port=port, us=f"{us.host}@{us.port}"))
    log = directory / "unbound.log"
    with program([require("unbound"), "-d", "-c", str(file)], log):
        yield ready(Address("127.0.0.1", port), log)


@contextlib.contextmanager
def dnsmasq(us: Address, directory: Path) -> Iterator[Address]:
    port, log = free_port(), directory / "dnsmasq.log"
    to = f"{us.host}#{us.port}"
    options = [
        f"--port={port}",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--no-resolv",
        "--no-hosts",
    ]
    ours = [f"--server=/{domain}/{to}" for domain in ("consul", "muster.internal", "10.in-addr.arpa")]
    command = [require("dnsmasq"), "--conf-file=/dev/null", "--keep-in-foreground", "--user=", "--pid-file"]
    with program([*command, *options, *ours], log):
        yield ready(Address("127.0.0.1", port), log)


def ready(address: Address, log: Path) -> Address:
    until(lambda: answers(address, "consul", "SOA") != [], log)
    return address


@pytest.mark.parametrize("forwarder", [unbound, dnsmasq])
def test_a_forwarder_asks_us_and_follows(
    forwarder: Callable[[Address, Path], contextlib.AbstractContextManager[Address]], tmp_path: Path
) -> None:
    with registry() as names, forwarder(names.dns, tmp_path) as resolver:
        for number in range(1, 41):
            register(names, f"web-{number}", f"10.0.0.{number}", protocol="http")
        until(lambda: len(answers(resolver, "web.service.consul")) == 40)
        assert len(answers(resolver, "_http._tcp.web.default.svc.muster.internal", "SRV")) == 40
        assert answers(resolver, "10-0-0-7.web.default.svc.muster.internal") == ["10.0.0.7"]
        assert answers(resolver, "-x", "10.0.0.9") == ["10-0-0-9.web.default.svc.muster.internal."]
        for number in range(3, 41):
            deregister(names, f"web-{number}")
        until(lambda: answers(resolver, "web.service.consul") == ["10.0.0.1", "10.0.0.2"])
