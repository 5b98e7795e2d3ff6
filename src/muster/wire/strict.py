"""Decoding what strangers send: typed, bounded, every refusal naming the field.

msgspec keeps the last of two equal keys, as most decoders do; two readers of one body could then disagree about what was
asked (RFC 8259 section 4 calls the behaviour unpredictable), so duplicates are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from muster.model.errors import Rejected, invalid

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


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
        raise _named(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("invalid_json", f"not JSON: {error}") from None
    except RecursionError:
        raise Rejected("invalid_json", "nested too deeply") from None


def convert(value: object, type_: type[T]) -> T:
    """The same for what a reader of another notation (YAML, TOML) has made of a text."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None


def _named(message: str) -> Rejected:
    """msgspec's message as a problem: `Expected `int`, got `str` - at `$.port`` -> field `port`."""
    at = _AT.search(message)
    path = at[1] if at else ""
    text = message[: at.start()] if at else message
    for pattern, told in ((_UNKNOWN, "is not a field here"), (_MISSING, "is required")):
        if match := pattern.search(text):
            return invalid(f"{path}.{match[1]}" if path else match[1], told)
    return invalid(path, text.replace("`", "")) if path else Rejected("invalid_json", text.replace("`", ""))


def _refuse_duplicates(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_unique)  # noqa: TID251 - msgspec cannot tell duplicates
    except RecursionError:
        raise Rejected("invalid_json", "nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(twice, "is there twice")
    return seen
