"""From flags, environment and file to `Settings`, each value with the place it came from.

    flag  >  environment  >  file  >  default

Nothing is guessed: a key nobody knows is refused with the nearest one that exists, a value that does not fit is refused with
its key and its source. The function is pure; whoever calls it has read the file and the environment.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from muster.model import durations, limits, names
from muster.model.errors import Rejected
from muster.server.options import OPTIONS, PREFIX, SECTIONS, Option, read
from muster.server.settings import Address, Settings

_READ_BY_OTHERS = frozenset({"MUSTER_TOKEN_FILE"})
"""Variables of the clients that look like a misspelt one of ours."""
_ALIKE = 0.8
"""difflib's ratio above which a variable is one of ours, misspelt. Others are left alone: Kubernetes sets MUSTER_PORT and
MUSTER_SERVICE_HOST in every pod beside a Service called `muster`."""


LEAST = {"stop_within": 1.0, "guard.window": 1.0}
"""Durations that make no sense below this (s): a stop that has no time, a hold that ends before the next heartbeat."""


class BadConfig(Exception):
    """The configuration cannot be used. The message names the key, where it was set, and what to do."""

    def __init__(self, key: str, source: str, problem: str) -> None:
        super().__init__(f"{key} ({source}): {problem}" if key else f"{source}: {problem}")
        self.key = key
        self.source = source
        self.problem = problem


class Value(Struct, frozen=True):
    """What an option is set to, and by whom: `default`, `flag --listen`, `environment MUSTER_LISTEN`, `file muster.toml`."""

    option: Option
    value: Any
    source: str


class Configuration(Struct, frozen=True):
    settings: Settings
    values: tuple[Value, ...]

    def source(self, key: str) -> str:
        return next(value.source for value in self.values if value.option.key == key)


def resolve(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    text: str | None = None,
    file: str = "muster.toml",
) -> Configuration:
    """The configuration of a server. `flags` is by key (`tls.cert`), None meaning not given; `text` is the file's content.

    Raises `BadConfig`.
    """
    written = _from_file(text, file) if text is not None else {}
    _refuse_misspelt(environ)
    values = tuple(_value(option, flags, environ, written, file) for option in OPTIONS)
    configuration = Configuration(_settings(values), values)
    _check_bounds(configuration)
    _check_tls(configuration)
    _check_etcd(configuration)
    _check_replica(configuration)
    _check_exposure(configuration)
    _check_names(configuration)
    return configuration


def _value(
    option: Option,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    written: Mapping[str, object],
    file: str,
) -> Value:
    if (flag := flags.get(option.key)) is not None:
        return _given(option, flag, f"flag {option.flag}", strict=False)
    if variable := environ.get(option.variable):  # set to nothing is the same as not set
        return _given(option, variable, f"environment {option.variable}", strict=False)
    if option.key in written:
        return _given(option, written[option.key], f"file {file}", strict=True)
    return Value(option, option.default, "default")


def _given(option: Option, raw: object, source: str, *, strict: bool) -> Value:
    try:
        return Value(option, read(option, raw, strict=strict), source)
    except ValueError as problem:
        raise BadConfig(option.key, source, f"{problem} (got {raw!r})") from None


def _settings(values: tuple[Value, ...]) -> Settings:
    """Put the flat keys back into their sections."""
    top: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {}
    for value in values:
        section, _, name = value.option.key.rpartition(".")
        (sections.setdefault(section, {}) if section else top)[name] = value.value
    for section, fields in sections.items():
        top[section] = SECTIONS[section](**fields)
    return Settings(**top)


# --- the file and the environment --------------------------------------------------------------------------------------


def _from_file(text: str, file: str) -> dict[str, object]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig("", f"file {file}", f"not TOML: {error}") from None
    return dict(_flat(tree, file))


def _flat(tree: dict[str, Any], file: str) -> Iterator[tuple[str, object]]:
    known = {option.key for option in OPTIONS}
    for name, value in tree.items():
        if name in SECTIONS and isinstance(value, dict):
            keys = {f"{name}.{field}": inner for field, inner in value.items()}
        elif name in SECTIONS:
            raise BadConfig(name, f"file {file}", f"is a section: write [{name}] and its keys below")
        else:
            keys = {name: value}
        for key, inner in keys.items():
            if key not in known:
                raise BadConfig(
                    key, f"file {file}", "there is no such key" + _nearest(key, known | SECTIONS.keys())
                )
            yield key, inner


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    known = {option.variable.removeprefix(PREFIX) for option in OPTIONS}
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if not variable.startswith(PREFIX) or name in known or variable in _READ_BY_OTHERS:
            continue
        if alike := difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
            raise BadConfig(
                variable, "environment", f"there is no such variable; did you mean {PREFIX}{alike[0]}?"
            )


def _nearest(key: str, known: Iterable[str]) -> str:
    alike = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {alike[0]}?" if alike else "; `muster config` lists them"


# --- what must hold between values -------------------------------------------------------------------------------------


def _check_bounds(configuration: Configuration) -> None:
    for key, least in LEAST.items():
        value = next(value for value in configuration.values if value.option.key == key)
        if value.value < least:
            raise BadConfig(key, value.source, f"must be at least {durations.show(least)}")


def _check_tls(configuration: Configuration) -> None:
    tls = configuration.settings.tls
    if (tls.cert is None) != (tls.key is None):
        given, absent = ("tls.cert", "tls.key") if tls.cert else ("tls.key", "tls.cert")
        raise BadConfig(given, configuration.source(given), f"needs {absent} beside it")


def _check_etcd(configuration: Configuration) -> None:
    """Whatever is said of etcd must be of use."""
    settings = configuration.settings
    scheme, _, rest = settings.store.partition("://")
    of_use = {
        "etcd.ca": scheme == "etcds",
        "etcd.cert": scheme == "etcds",
        "etcd.key": scheme == "etcds",
        "etcd.password_file": settings.shares_store and "@" in rest,
    }
    remedies = {"etcd.password_file": "the store's URL names no user: etcd://USER@HOST/PREFIX"}
    for value in configuration.values:
        key = value.option.key
        if value.value is not None and not of_use.get(key, True):
            raise BadConfig(
                key, value.source, remedies.get(key, "needs a store with TLS: etcds://HOST/PREFIX")
            )


def _check_replica(configuration: Configuration) -> None:
    """Who can say what a replica says keeps the dead alive; so beyond loopback replicas prove that they are some."""
    settings = configuration.settings
    for value in configuration.values:
        if value.option.key.startswith("replica.") and value.value is not None and not settings.shares_store:
            raise BadConfig(
                value.option.key, value.source, "needs a store that replicas can share: etcd://HOST/PREFIX"
            )
    if problem := _no_peer_url(settings.replica.url):
        raise BadConfig("replica.url", configuration.source("replica.url"), problem)
    if "/" in (settings.replica.name or ""):
        raise BadConfig(
            "replica.name", configuration.source("replica.name"), "must be a name without a slash"
        )
    open_to_all = settings.shares_store and not settings.listen.loopback and not settings.insecure
    if open_to_all and settings.replica.secret_file is None:
        problem = "replicas on a shared store prove to one another who they are: set replica.secret_file to the same secret on each"
        raise BadConfig("replica.secret_file", configuration.source("replica.secret_file"), problem)


def _no_peer_url(url: str | None) -> str | None:
    """Why other replicas cannot use it, if they cannot."""
    try:
        parts = urlsplit(url or "http://any")
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        rest = parts.username or parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:
        good, rest = False, ""
    return None if good and not rest else f"must be http://HOST:PORT or https://HOST:PORT (got {url!r})"


def _check_exposure(configuration: Configuration) -> None:
    settings = configuration.settings
    if problem := exposed(settings, settings.listen):
        raise BadConfig("listen", configuration.source("listen"), problem)


def _check_names(configuration: Configuration) -> None:
    settings = configuration.settings
    if settings.dns_ttl % 1 or settings.dns_ttl > limits.DNS_TTL_MAX_S:
        most = f"must be 0s to {limits.DNS_TTL_MAX_S:g}s, in whole seconds"
        raise BadConfig("dns_ttl", configuration.source("dns_ttl"), most)
    seen: set[str] = set()
    for key in ("dns_domain", "dns_consul_domain", "dns_cluster_domain"):
        if problem := _no_domain(getattr(settings, key), seen):
            raise BadConfig(key, configuration.source(key), problem)


def _no_domain(domain: str, seen: set[str]) -> str | None:
    """Why it cannot be a domain of ours beside those that were `seen`, or None."""
    try:
        name = names.host(domain, field="domain")
    except Rejected as rejected:
        return rejected.detail
    if len(name) > limits.DNS_DOMAIN_CHARS:
        return f"must be at most {limits.DNS_DOMAIN_CHARS} characters"
    if name in seen:
        return f"{name} is the domain of other names already"
    seen.add(name)
    return None


def exposed(settings: Settings, address: Address) -> str | None:
    """Why these settings are not safe at this address, or None.

    Whoever can write to a registry decides where traffic goes; so beyond loopback both ends must prove who they are.
    Asked again for a socket that systemd opened, whose address is not in the settings.
    """
    if address.loopback or settings.insecure:
        return None
    wanted = {"tls.cert": settings.tls.cert, "tls.key": settings.tls.key, "tokens_file": settings.tokens_file}
    absent = [key for key, value in wanted.items() if value is None]
    if not absent:
        return None
    return (
        f"{address} can be reached from other machines, so set {' and '.join(absent)}; "
        f"or listen on 127.0.0.1:{address.port}; or, on a network you trust, say --insecure"
    )
