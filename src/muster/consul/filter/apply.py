"""A filter against the shape of an answer, and then against its values.

The shape is a Struct class of `answers.py`: which selectors there are follows from its fields, under the names they have in
JSON. What a kind of value can be asked for is go-bexpr's table: texts equal, contain and match; lists and maps contain and are
empty; numbers and booleans equal.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from muster.model import limits

from .expression import And, BadFilter, Expression, Match, Not, Or, parse
from .pattern import Pattern

T = TypeVar("T")
Test = Callable[[Any], bool]
Get = Callable[[Any], Any]
Kind = Literal["text", "number", "flag", "list", "map"]

_ABSENT: Final = object()
_IF_ABSENT: Final = frozenset({"!=", "not in", "is empty", "not matches"})
"""What holds of a key that a map does not have (go-bexpr's NotPresentDisposition)."""
_ALLOWED: Final[dict[Kind, frozenset[str]]] = {
    "text": frozenset({"==", "!=", "in", "not in", "is empty", "is not empty", "matches", "not matches"}),
    "number": frozenset({"==", "!="}),
    "flag": frozenset({"==", "!="}),
    "list": frozenset({"in", "not in", "is empty", "is not empty"}),
    "map": frozenset({"in", "not in", "is empty", "is not empty"}),
}
_FLAGS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
"""What Go's `strconv.ParseBool` takes."""


class Filter:
    """A compiled filter. `key` tells it from others."""

    __slots__ = ("_test", "key")

    def __init__(self, key: str, test: Test) -> None:
        self.key = key
        self._test = test

    def admits(self, value: Struct) -> bool:
        return self._test(value)

    def of(self, values: Iterable[T]) -> list[T]:
        return [value for value in values if self._test(value)]


class Filters:
    """Those that were compiled lately: a client that polls asks with the same one each time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, type[Struct]], Filter] = {}

    def get(self, text: str, shape: type[Struct]) -> Filter:
        """Raises `BadFilter`."""
        known = self._known.get((text, shape))
        if known is None:
            if len(self._known) >= limits.FILTERS_KEPT:
                del self._known[next(iter(self._known))]
            known = self._known[text, shape] = compiled(text, shape)
        return known


def compiled(text: str, shape: type[Struct]) -> Filter:
    """The filter `text` for values of `shape`; "" admits everything. Raises `BadFilter`."""
    if not text.strip():
        return Filter("", lambda value: True)
    return Filter(text, _test(parse(text), shape))


def _test(expression: Expression, shape: type[Struct]) -> Test:
    match expression:
        case And(left, right):
            first, second = _test(left, shape), _test(right, shape)
            return lambda value: first(value) and second(value)
        case Or(left, right):
            first, second = _test(left, shape), _test(right, shape)
            return lambda value: first(value) or second(value)
        case Not(inner):
            inside = _test(inner, shape)
            return lambda value: not inside(value)
        case Match():
            return _matched(expression, shape)


def _matched(match: Match, shape: type[Struct]) -> Test:
    get, kind = _selected(match.selector, shape)
    if match.operator not in _ALLOWED[kind]:
        name = ".".join(match.selector)
        raise BadFilter(f"Invalid match operator {match.operator!r} for selector {name!r}")
    test, if_absent = _compare(match, kind), match.operator in _IF_ABSENT

    def matched(value: Any) -> bool:
        found = get(value)
        return if_absent if found is _ABSENT else test(found)

    return matched


def _compare(match: Match, kind: Kind) -> Test:
    """The test of one operator on a value that is there."""
    wanted = match.value
    match match.operator:
        case "==":
            same = _coerced(wanted, kind)
            return lambda value: bool(value == same)
        case "!=":
            same = _coerced(wanted, kind)
            return lambda value: bool(value != same)
        case "in":
            return lambda value: wanted in value
        case "not in":
            return lambda value: wanted not in value
        case "is empty":
            return lambda value: not value
        case "is not empty":
            return bool
        case "matches":
            return Pattern(wanted).search
        case "not matches":
            pattern = Pattern(wanted)
            return lambda value: not pattern.search(value)


def _coerced(value: str, kind: Kind) -> str | float | bool:
    if kind == "number":
        try:
            return float(value)
        except ValueError:
            raise BadFilter(f"error coercing the value {value!r} to a number") from None
    if kind == "flag":
        if value not in _FLAGS:
            raise BadFilter(f"error coercing the value {value!r} to a boolean")
        return _FLAGS[value]
    return value


def _selected(selector: tuple[str, ...], shape: type[Struct]) -> tuple[Get, Kind]:
    """How to get at a selector's value, and what kind it is of. Raises `BadFilter` for one that the shape does not have."""
    kind: Any = shape
    steps: list[Get] = []
    for name in selector:
        kind = _bare(kind)
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
            steps.append(_item(name))
        elif isinstance(kind, type) and issubclass(kind, Struct):
            field = next((f for f in msgspec.structs.fields(kind) if f.encode_name == name), None)
            if field is None:
                raise BadFilter(f"Selector {'.'.join(selector)!r} is not valid")
            kind = field.type
            steps.append(_field(field.name))
        else:
            raise BadFilter(f"Selector {'.'.join(selector)!r} is not valid")
    return _chain(steps), _kind(_bare(kind), selector)


def _bare(kind: Any) -> Any:
    """`X | None` -> X."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


def _kind(kind: Any, selector: tuple[str, ...]) -> Kind:
    origin = get_origin(kind) or kind
    kinds: dict[Any, Kind] = {str: "text", Literal: "text", bool: "flag", int: "number", float: "number"}
    kinds |= {list: "list", tuple: "list", dict: "map"}
    if origin not in kinds:
        raise BadFilter(f"Selector {'.'.join(selector)!r} is not valid: it holds fields, name one of them")
    return kinds[origin]


def _field(name: str) -> Get:
    return lambda value: getattr(value, name)


def _item(name: str) -> Get:
    return lambda value: value.get(name, _ABSENT)


def _chain(steps: list[Get]) -> Get:
    def get(value: Any) -> Any:
        for step in steps:
            if value is None or value is _ABSENT:
                return _ABSENT
            value = step(value)
        return _ABSENT if value is None else value

    return get
