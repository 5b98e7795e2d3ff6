"""Where an etcd is: `etcd://host1,host2:2379/prefix`, `etcds://` for TLS, a user before the hosts if there is one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

DEFAULT_PORT = 2379
DEFAULT_PREFIX = "muster"
SCHEMES = {"etcd": False, "etcds": True}
FORM = "write etcd://HOST,HOST,HOST/PREFIX (etcds:// for TLS)"


class Location(Struct, frozen=True):
    """`targets` are `host:port`; everything of ours lives below `prefix`, which has no slash at either end."""

    targets: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    tls: bool = False
    user: str = ""

    def __str__(self) -> str:
        scheme, who = "etcds" if self.tls else "etcd", f"{self.user}@" if self.user else ""
        return f"{scheme}://{who}{','.join(self.targets)}/{self.prefix}"


class Credentials(Struct, frozen=True):
    """What is beside the URL: files in PEM, and the user's password (read from the file at each sign-in)."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    password_file: Path | None = None


def parse(url: str) -> Location:
    """Raises `ValueError`, saying what is wrong and what to write."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in SCHEMES:
        raise ValueError(FORM)
    authority, _, path = rest.partition("/")
    user, _, hosts = authority.rpartition("@")
    if ":" in user:
        raise ValueError("a password does not belong into a URL: name its file with etcd.password_file")
    targets = tuple(_target(host) for host in hosts.split(","))
    prefix = unquote(path).strip("/") or DEFAULT_PREFIX
    if "\0" in prefix or "?" in prefix or "#" in prefix:
        raise ValueError(f"the prefix {prefix!r} has characters that do not belong there; {FORM}")
    return Location(targets, prefix, SCHEMES[scheme], unquote(user))


def _target(host: str) -> str:
    if odd := [each for each in host if each in "?#" or each.isspace()]:
        raise ValueError(f"{host!r} is no host: {odd[0]!r} does not belong there; {FORM}")
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError as error:
        raise ValueError(f"{host!r} is no host: {error}; {FORM}") from None
    if not name:
        raise ValueError(f"a host is missing; {FORM}")
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
