"""The registries a process knows: their URLs, taken apart once. `static:` stands for what is written in place of one."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from msgspec import Struct

_PORTS = {"http": 80, "https": 443}
STATIC = "static"


class Registry(Struct, frozen=True):
    """One registry's address. `prefix` stands before `/v1`: empty, unless something in between adds a path. `written` is what
    follows `static:`."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    written: str = ""

    @property
    def static(self) -> bool:
        return self.scheme == STATIC

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What the Host header says: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        if self.static:
            return f"{STATIC}:{self.written}"
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def __str__(self) -> str:
        return self.url


def parse(url: str) -> Registry:
    """`http://host:8500`, with or without the `/v1` that registration clients are given. Raises ValueError."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError(f"{url!r} is not the URL of a registry, such as http://127.0.0.1:8500")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{url!r} may hold a host, a port and a path alone")
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return Registry(parts.scheme, host, port or _PORTS[parts.scheme], prefix)


def parse_all(urls: str | Iterable[str], *, static: bool = False) -> tuple[Registry, ...]:
    """One URL, several, or a text with commas between them. `static`: `static:` will do. Raises ValueError."""
    if isinstance(urls, str) and urls.strip().startswith(f"{STATIC}:"):
        if not static:
            raise ValueError(f"{urls.strip()[:64]!r} can be read, but it is no registry")
        return (Registry(STATIC, STATIC, 0, written=urls.strip().removeprefix(f"{STATIC}:")),)
    listed = urls.split(",") if isinstance(urls, str) else list(urls or ())
    found = tuple(dict.fromkeys(parse(url) for url in listed if url.strip()))
    if not found:
        raise ValueError("no registry: give a URL such as http://127.0.0.1:8500, or set MUSTER_URL")
    return found


def towards(registry: Registry) -> str:
    """This machine's own address on the way to the registry. Sends nothing. Raises OSError."""
    family, kind, _, _, address = socket.getaddrinfo(registry.host, registry.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
