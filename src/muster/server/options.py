"""The options of a server, read off the fields of `Settings`, and how the text of one becomes its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from muster.model import durations
from muster.model.errors import Rejected
from muster.server.settings import Address, Seconds, Settings, StoreName
from muster.storage.etcd.location import SCHEMES, parse

PREFIX = "MUSTER_"


class Option(Struct, frozen=True):
    """One thing that can be set, and its names in the three places."""

    key: str
    type: Any
    default: Any
    about: str

    @property
    def flag(self) -> str:
        return "--" + self.key.replace(".", "-").replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.key.replace(".", "_").upper()


def _options(kind: type[Struct], path: str = "") -> Iterator[Option]:
    for field in msgspec.structs.fields(kind):
        key = path + field.name
        if _is_section(field.type):
            yield from _options(field.type, key + ".")
        else:
            about = next(note for note in get_args(field.type) if isinstance(note, str))
            yield Option(key, field.type, field.default, about)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


SECTIONS: Mapping[str, type[Struct]] = {
    field.name: field.type for field in msgspec.structs.fields(Settings) if _is_section(field.type)
}
OPTIONS: tuple[Option, ...] = tuple(_options(Settings))
"""Everything that can be set, in the order of the fields."""


# --- reading one value -------------------------------------------------------------------------------------------------


def read(option: Option, raw: object, *, strict: bool) -> Any:
    """`strict`: the file has types of its own, where flags and environment have only text. Raises ValueError."""
    kind = plain(option)
    reader = _READERS.get(kind)
    try:
        return msgspec.convert(raw, option.type, strict=strict) if reader is None else reader(raw)
    except msgspec.ValidationError as error:
        raise ValueError(_expected(kind) or str(error)) from None
    except Rejected as rejected:
        raise ValueError(rejected.detail) from None


def plain(option: Option) -> Any:
    """The type without its notes."""
    return get_args(option.type)[0]


def _expected(kind: Any) -> str | None:
    if kind is bool:
        return "must be true or false"
    if get_origin(kind) is Literal:
        return "must be " + " or ".join(get_args(kind))
    if kind is float:
        return "must be a number above 0 and below 1"
    return None


def _address(raw: object) -> Address:
    host, colon, port = _text(raw).rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8500 or [::1]:8500")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError(
            f"name the address: 127.0.0.1:{port} for this machine, 0.0.0.0:{port} for all networks"
        )
    return Address(host, int(port))


def _seconds(raw: object) -> Seconds:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError("must be a duration such as 500ms, 30s, 5m or 1h")
    return Seconds(durations.seconds(raw, "duration"))


def _names(raw: object) -> tuple[str, ...]:
    """A list in the file, words between commas elsewhere."""
    words = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(words, list | tuple):
        raise ValueError("must be a list of names")
    return tuple(name for word in words if (name := _text(word).strip().lower()))


def _path(raw: object) -> Path:
    return Path(_text(raw)).expanduser()


def _store(raw: object) -> StoreName:
    name = _text(raw)
    if name.partition("://")[0] in SCHEMES:
        parse(name)  # a URL that cannot be is refused now, and not when it is first used
    elif name not in ("sqlite", "memory"):
        raise ValueError("must be sqlite, memory or etcd://HOST,HOST/PREFIX")
    return StoreName(name)


def _text(raw: object) -> str:
    if isinstance(raw, Path):
        return str(raw)
    if not isinstance(raw, str) or not raw or "\0" in raw:
        raise ValueError("must be text")
    return raw


_READERS: Mapping[object, Callable[[object], object]] = {
    Address: _address,
    Address | None: _address,
    str: _text,
    Seconds: _seconds,
    StoreName: _store,
    str | None: _text,
    Path: _path,
    Path | None: _path,
    tuple[str, ...]: _names,
}
"""Types with a notation of their own; msgspec reads the rest."""
