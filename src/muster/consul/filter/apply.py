"""A filter against the shape of an answer, and then against its values.

The shape is a Struct class of `answers.py`: which selectors there are follows from its fields, under the names they have in
JSON. What a kind of value can be asked for is go-bexpr's table: texts equal, contain and match; lists and maps contain and are
empty; numbers and booleans equal. A selector that goes through a list of objects (`Checks.Status`) stands for a value of each, and
one that fits is enough, for `!=` too. Errors are in go-bexpr's words, as a real agent was seen to say them.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.model.errors import Rejected

from .expression import And, BadFilter, Expression, Match, Not, Or, parse
from .pattern import Pattern, Spend

T = TypeVar("T")
Test = Callable[[Any, Spend], bool]
"""Of a value; it says what it costs."""
Step = Callable[[Any], Iterable[Any]]
"""From a value to what one name of a selector leads to."""
Kind = Literal["text", "number", "flag", "list", "map", "objects", "object", "any"]

COMPARISON_COST: Final = 20
"""A value that is found, or compared, in characters of a text that a pattern looks up."""
_ABSENT: Final = object()
_IF_ABSENT: Final = frozenset({"!=", "not in", "is empty", "not matches"})
"""What holds of a key that a map does not have (go-bexpr's NotPresentDisposition)."""
_ALLOWED: Final[dict[Kind, frozenset[str]]] = {
    "text": frozenset({"==", "!=", "in", "not in", "is empty", "is not empty", "matches", "not matches"}),
    "number": frozenset({"==", "!="}),
    "flag": frozenset({"==", "!="}),
    "list": frozenset({"in", "not in", "is empty", "is not empty"}),
    "map": frozenset({"in", "not in", "is empty", "is not empty"}),
    "objects": frozenset({"is empty", "is not empty"}),
    "object": frozenset(),
    "any": frozenset(),
}
_OPERATORS: Final = {"==": "Equal", "!=": "Not Equal"}
"""How go-bexpr calls operators in its errors; the others by their own words, capitalized."""
_PARSERS: Final[dict[Kind, str]] = {"number": "ParseInt", "flag": "ParseBool"}
_FLAGS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
"""What Go's `strconv.ParseBool` takes."""


class Filter:
    """A compiled filter, for one answer. `key` tells it from others.

    What it may cost grows with the values it looks at: the loop does nothing else meanwhile, and a filter comes from anybody."""

    __slots__ = ("_left", "_test", "key")

    def __init__(self, key: str, test: Test) -> None:
        self.key = key
        self._test = test
        self._left = limits.FILTER_WORK

    def admits(self, value: Any) -> bool:
        """Raises `Rejected` if it has cost too much."""
        self._left += limits.FILTER_WORK_EACH
        return self._test(value, self._spend)

    def of(self, values: Iterable[T]) -> list[T]:
        """Raises `Rejected` if it has cost too much."""
        return [value for value in values if self.admits(value)]

    def anew(self) -> Filter:
        return Filter(self.key, self._test)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise Rejected("invalid_request", "the filter takes more work than an answer is worth")


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
        return known.anew()


def compiled(text: str, shape: type[Struct]) -> Filter:
    """The filter `text` for values of `shape`; "" admits everything. Raises `BadFilter`."""
    if not text.strip():
        return Filter("", lambda value, spend: True)
    return Filter(text, _test(parse(text), shape))


def _test(expression: Expression, shape: type[Struct]) -> Test:
    match expression:
        case And(left, right):
            first, second = _test(left, shape), _test(right, shape)
            return lambda value, spend: first(value, spend) and second(value, spend)
        case Or(left, right):
            first, second = _test(left, shape), _test(right, shape)
            return lambda value, spend: first(value, spend) or second(value, spend)
        case Not(inner):
            inside = _test(inner, shape)
            return lambda value, spend: not inside(value, spend)
        case Match():
            return _matched(expression, shape)


def _matched(match: Match, shape: type[Struct]) -> Test:
    steps, kind = _selected(match.selector, shape)
    if match.operator not in _ALLOWED[kind]:
        operator = _OPERATORS.get(match.operator, match.operator.title())
        raise BadFilter(f'Invalid match operator "{operator}" for selector "{".".join(match.selector)}"')
    test, if_absent = _compare(match, kind), match.operator in _IF_ABSENT

    def matched(value: Any, spend: Spend) -> bool:
        found = _found(value, steps)
        spend(COMPARISON_COST * (1 + len(found)))
        return any(if_absent if each is _ABSENT else test(each, spend) for each in found)

    return matched


def _found(value: Any, steps: list[Step]) -> list[Any]:
    """What a selector stands for: one value, or one of each object of a list."""
    found = [value]
    for step in steps:
        found = [each for one in found for each in (step(one) if one is not _ABSENT else (_ABSENT,))]
    return found


def _compare(match: Match, kind: Kind) -> Test:
    """The test of one operator on a value that is there."""
    wanted = match.value
    match match.operator:
        case "==":
            same = _coerced(match, kind)
            return lambda value, spend: bool(value == same)
        case "!=":
            same = _coerced(match, kind)
            return lambda value, spend: bool(value != same)
        case "in":
            return lambda value, spend: wanted in value
        case "not in":
            return lambda value, spend: wanted not in value
        case "is empty":
            return lambda value, spend: not value
        case "is not empty":
            return lambda value, spend: bool(value)
        case "matches":
            return Pattern(wanted).search
        case "not matches":
            pattern = Pattern(wanted)
            return lambda value, spend: not pattern.search(value, spend)


def _coerced(match: Match, kind: Kind) -> str | float | bool:
    """The value of `match` as one of this kind. Raises `BadFilter`."""
    if kind not in _PARSERS:
        return match.value
    try:
        return float(match.value) if kind == "number" else _FLAGS[match.value]
    except (ValueError, KeyError):
        raise BadFilter(
            f'Failed to coerce value "{match.value}" for selector "{".".join(match.selector)}": '
            f'strconv.{_PARSERS[kind]}: parsing "{match.value}": invalid syntax'
        ) from None


def _selected(selector: tuple[str, ...], shape: type[Struct]) -> tuple[list[Step], Kind]:
    """The steps to what a selector names, and of what kind that is. Raises `BadFilter` for one that the shape does not have."""
    kind: Any = shape
    steps: list[Step] = []
    for number, name in enumerate(selector, 1):
        if _kind(kind) == "objects":
            kind = _bare(get_args(kind)[0])
            steps.append(_elements)
        match _kind(kind):
            case "map":
                kind = get_args(kind)[1]
                steps.append(_item(name))
            case "object":
                field = next((f for f in msgspec.structs.fields(kind) if f.encode_name == name), None)
                if field is None:
                    raise _unknown(selector[:number])
                kind = field.type
                steps.append(_field(field.name))
            case _:
                raise _unknown(selector[:number])
        kind = _bare(kind)
    return steps, _kind(kind)


def _unknown(selector: tuple[str, ...]) -> BadFilter:
    return BadFilter(f'Selector "{".".join(selector)}" is not valid')


def _bare(kind: Any) -> Any:
    """`X | None` -> X."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


_KINDS: Final[dict[Any, Kind]] = {
    **dict.fromkeys((str, Literal), "text"),
    **dict.fromkeys((int, float), "number"),
    **dict.fromkeys((list, tuple), "list"),
    bool: "flag",
    dict: "map",
}


def _kind(kind: Any) -> Kind:
    if _is_object(kind):
        return "object"
    found = _KINDS.get(get_origin(kind) or kind, "any")
    return "objects" if found == "list" and _is_object(get_args(kind)[0]) else found


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _field(name: str) -> Step:
    def step(value: Any) -> Iterable[Any]:
        found = getattr(value, name)
        return (_ABSENT if found is None else found,)

    return step


def _item(name: str) -> Step:
    return lambda value: (value.get(name, _ABSENT),)


def _elements(value: Any) -> Iterable[Any]:
    return value  # type: ignore[no-any-return]
