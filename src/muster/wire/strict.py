"""Decoding what strangers send: typed, bounded, every refusal naming the field.

msgspec keeps the last of two equal keys, as most decoders do; two readers of one body could then disagree about what was
asked (RFC 8259 section 4 calls the behaviour unpredictable), so duplicates are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec

from muster.model.errors import Rejected, invalid

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_CHOICE = re.compile(r"Invalid enum value")
_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
"""What JSON's types are called to a person; null is null."""


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The typed value of `body`. Raises `Rejected` (`invalid_json`, or `invalid_request` with the field)."""
    value = decode_once(decoder, body)
    _refuse_duplicates(body)
    return value


def decode_once(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The same without the search for duplicate keys, for bodies where a second one can do no harm and time counts."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _named(str(error), decoder.type) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("invalid_json", f"not JSON: {error}") from None
    except RecursionError:
        raise Rejected("invalid_json", "nested too deeply") from None


def convert(value: object, type_: type[T]) -> T:
    """The same for what a reader of another notation (YAML, TOML) has made of a text."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise _named(str(error), type_) from None


def _named(message: str, type_: Any) -> Rejected:
    """msgspec's message as a problem: `Expected `int`, got `str` - at `$.port`` -> field `port`."""
    at = _AT.search(message)
    path = at[1] if at else ""
    text = message[: at.start()] if at else message
    for pattern, detail in ((_UNKNOWN, "is not a field here"), (_MISSING, "is required")):
        if match := pattern.search(text):
            return invalid(f"{path}.{match[1]}" if path else match[1], detail)
    detail = _detail(text, type_, path)
    return invalid(path, detail) if path else Rejected("invalid_json", detail)


def _detail(text: str, type_: Any, path: str) -> str:
    if match := _EXPECTED.search(text):
        return f"must be {_in_words(match[1])}, not {_in_words(match[2])}"
    if _CHOICE.search(text) and (choices := _choices(type_, path)):
        return f"must be one of {', '.join(choices)}"
    return text.replace("`", "")


def _in_words(types: str) -> str:
    """`int | null` -> a whole number or null."""
    return " or ".join(_WORDS.get(each, each) for each in types.split(" | "))


def _choices(type_: Any, path: str) -> list[str]:
    """The texts that may stand at `path` (`checks[0].kind`) in a value of `type_`."""
    kinds = [type_]
    for name in re.findall(r"[A-Za-z_]\w*", path):
        fields = [field for kind in kinds for part in _parts(kind) for field in _fields(part)]
        kinds = [field.type for field in fields if field.encode_name == name]
    return [
        repr(each)
        for kind in kinds
        for part in _parts(kind)
        if get_origin(part) is Literal
        for each in get_args(part)
    ]


def _parts(kind: Any) -> Iterator[Any]:
    """A type and all that it is made of: `list[Check] | None` -> ..., list, Check, None."""
    yield kind
    if get_origin(kind) is not Literal:
        for each in get_args(kind):
            yield from _parts(each)


def _fields(kind: Any) -> tuple[Any, ...]:
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return msgspec.structs.fields(kind) if is_struct else ()


def _refuse_duplicates(body: bytes) -> None:
    try:
        _finder.decode(body.decode())
    except RecursionError:
        raise Rejected("invalid_json", "nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(twice, "is there twice")
    return seen


_finder = json.JSONDecoder(object_pairs_hook=_unique)
"""msgspec cannot tell duplicates; all else it has judged already."""
