"""Who may ask for what: the first paragraph of design section 10. One gate for every request, hot or cold.

Host      must be a name of this registry: a page that rebinds its own name to us is refused (DNS rebinding)
Origin    a browser says whose page is asking; changes are for no page but our own
token     a change, and a copy of everything, needs a write token where tokens are configured
media     a body must say that it is what the dialect speaks: a form cannot
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Collection, Iterable, Sequence

from muster.model import limits
from muster.model.errors import Rejected
from muster.web.dialect import Dialect
from muster.web.message import Headers, Request

SAFE = frozenset({"GET", "HEAD"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class Gate:
    """`hosts`: further names and addresses of this registry, without ports; `tokens`: returns the write tokens known now,
    None where writing needs none."""

    def __init__(self, hosts: Iterable[str], tokens: Callable[[], Sequence[bytes] | None]) -> None:
        self._hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._tokens = tokens
        self._known: dict[bytes, bool] = {}

    def check_host(self, headers: Headers) -> bytes:
        """The Host header. Raises `Rejected`."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._host_allowed(hosts[0]):
            raise Rejected("host_not_allowed", "add the name to allowed_hosts if it is this registry's")
        return hosts[0]

    def check(self, request: Request, dialect: Dialect, *, guarded: bool = False) -> None:
        """Raises `Rejected`. `guarded`: it asks for something that not everybody may read."""
        host = self.check_host(request.headers)
        if request.method in SAFE and not guarded:
            return
        origin = request.header(b"origin")
        if origin and origin.rpartition("://")[2].lower() != host.decode("latin-1").lower():
            raise Rejected("origin_not_allowed", "a page of another origin asked for a change")
        if (tokens := self._tokens()) is not None:
            _check_token(dialect.token(request), tokens)
        elif guarded and not ipaddress.ip_address(request.connection.source).is_loopback:
            raise Rejected("token_required", "without tokens this is for the registry's own machine")
        if request.body and dialect.media is not None:
            _check_media(request, dialect.media)

    def _host_allowed(self, host: bytes) -> bool:
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= limits.HOSTS_JUDGED:
                self._known.clear()
            known = self._known[host] = self._is_allowed(host.decode("latin-1").lower())
        return known

    def _is_allowed(self, host: str) -> bool:
        name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
        if name in self._hosts or "*" in self._hosts:
            return True
        try:
            # An address cannot be rebound: whoever says it means the machine it reached. Only names are dangerous.
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _check_token(token: bytes | None, tokens: Sequence[bytes]) -> None:
    if token is None:
        raise Rejected("token_required", "send Authorization: Bearer TOKEN")
    # Every token is compared in full, so that the time taken tells nothing.
    if not sum(hmac.compare_digest(token, known) for known in tokens):
        raise Rejected("token_invalid", "this token is not known here")


def _check_media(request: Request, allowed: Collection[str]) -> None:
    if request.header(b"content-type").partition(";")[0].strip().lower() not in allowed:
        raise Rejected("media_type", f"say Content-Type: {' or '.join(sorted(allowed))}")
