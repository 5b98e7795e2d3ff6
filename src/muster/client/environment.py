"""A `Discovery` or `Registrar` configured by its environment, as a twelve-factor program is.

MUSTER_URL          http://a:8500,http://b:8500, or static: and endpoints (static.py)     required
MUSTER_NAMESPACE    default
MUSTER_ZONE, MUSTER_REGION          where the caller is
MUSTER_TOKEN, MUSTER_TOKEN_FILE     the latter is read again whenever it is needed
MUSTER_CA_FILE      certificates to verify registries with, instead of the system's
MUSTER_CACHE_DIR    where the last known good is kept; empty: nowhere. Default: $XDG_CACHE_HOME/muster or ~/.cache/muster
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class Environment(Struct, frozen=True):
    urls: str
    namespace: str = "default"
    zone: str = ""
    region: str = ""
    token: str | Path | None = None
    cache_dir: Path | None = None
    dotted_names: bool = False
    tls: ssl.SSLContext | None = None


def read(environ: Mapping[str, str]) -> Environment:
    """Raises ValueError for two tokens, OSError or ssl.SSLError for certificates that cannot be read."""
    token, token_file = environ.get("MUSTER_TOKEN"), environ.get("MUSTER_TOKEN_FILE")
    if token and token_file:
        raise ValueError("MUSTER_TOKEN and MUSTER_TOKEN_FILE are both set: one of them")
    ca_file = environ.get("MUSTER_CA_FILE")
    return Environment(
        urls=environ.get("MUSTER_URL", ""),
        namespace=environ.get("MUSTER_NAMESPACE") or "default",
        zone=environ.get("MUSTER_ZONE", ""),
        region=environ.get("MUSTER_REGION", ""),
        token=Path(token_file) if token_file else token or None,
        cache_dir=_cache_dir(environ),
        dotted_names=environ.get("MUSTER_DOTTED_NAMES", "").lower() in ("1", "true", "yes", "on"),
        tls=ssl.create_default_context(cafile=ca_file) if ca_file else None,
    )


def _cache_dir(environ: Mapping[str, str]) -> Path | None:
    if (told := environ.get("MUSTER_CACHE_DIR")) is not None:
        return Path(told) if told else None
    if cache := environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "muster"
    home = environ.get("HOME")
    return Path(home) / ".cache" / "muster" if home else None
