"""How Consul spells: Go's names in answers, and in requests any of `DeregisterCriticalServiceAfter`,
`deregister_critical_service_after` and `deregistercriticalserviceafter`, as Go's JSON decoder and Consul's aliases take them.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

T = TypeVar("T")

CAPITALS: Final = frozenset({"id", "http", "tcp", "udp", "grpc", "tls", "ttl", "os", "lan", "wan"})


def go_name(name: str) -> str:
    """`tls_server_name` -> `TLSServerName`, `check_id` -> `CheckID`."""
    return "".join(part.upper() if part in CAPITALS else part.capitalize() for part in name.split("_"))


class NotSo(ValueError):
    """A body that is not what it should be. The text is for whoever sent it."""


def read(body: bytes, kind: type[T]) -> T:
    """The typed value of a JSON body, whatever way its names are spelt; unknown ones are ignored. Raises `NotSo`."""
    if not body:
        raise NotSo("EOF")
    try:
        return msgspec.convert(_respelt(msgspec.json.decode(body), kind), kind)
    except msgspec.ValidationError as error:
        raise NotSo(str(error).replace("`", "'")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "unexpected EOF" if "truncated" in str(error) else f"invalid JSON: {error}"
        raise NotSo(why) from None


def _respelt(value: Any, kind: Any) -> Any:
    """`value` with the names that `kind` has for what it says. A map's keys are content, not names, and stay."""
    kind = _bare(kind)
    if isinstance(value, list) and get_origin(kind) is list:
        return [_respelt(each, get_args(kind)[0]) for each in value]
    if not isinstance(value, dict):
        return value
    if get_origin(kind) is dict:
        return {name: _respelt(each, get_args(kind)[1]) for name, each in value.items()}
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return value
    known = _fields(kind)
    return {
        field.encode_name: _respelt(each, field.type)
        for name, each in value.items()
        if each is not None and (field := known.get(_folded(name))) is not None
    }


@cache
def _fields(kind: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """Asked for once: finding them takes longer than reading a registration."""
    return {_folded(field.name): field for field in msgspec.structs.fields(kind)}


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _bare(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next((each for each in get_args(kind) if each is not type(None)), kind)
    return kind
