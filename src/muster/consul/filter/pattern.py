r"""Regular expressions for `matches`: the syntax people know (RE2's core), simulated as a set of states.

Python's own engine backtracks: `(a+)+b` against forty letters takes minutes, and a filter comes from anybody. Here every
character of a text is looked at once for each place of the pattern that may be reached (Thompson's construction). Which places
follow from which, by which character, is remembered, so that the next text, and the next instance, costs a look for each character.

    .  [abc] [^a-z]  \d \w \s \D \W \S  \.  a|b  (..)  (?:..)  * + ? {m,n}  ^  $  \b is not known
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from muster.model import limits

from .expression import BadFilter

Admits = Callable[[str], bool]
Spend = Callable[[int], None]
START: Final = "^"
END: Final = "$"
PLACE_COST: Final = 5
"""A place that is looked at, in characters that are only looked up."""


def _free(cost: int) -> None:
    """Whoever counts nothing."""


class _State:
    """A place in the pattern: admits a character and goes on to `out`; or, without one, goes on to all of `out` at once."""

    __slots__ = ("admits", "edge", "out")

    def __init__(self, admits: Admits | None = None, edge: str = "") -> None:
        self.admits = admits
        self.edge = edge
        self.out: list[_State] = []


class _Piece(NamedTuple):
    first: _State
    last: _State


class _Node:
    """A set of places. `accepting`: the pattern has occurred; `at_end`: it has if the text ends here."""

    __slots__ = ("accepting", "at_end", "next", "places")

    def __init__(self, places: set[_State], *, accepting: bool, at_end: bool) -> None:
        self.places = places
        self.accepting = accepting
        self.at_end = at_end
        self.next: dict[str, _Node] = {}


class Pattern:
    """A compiled pattern. `search(text)` is true if it occurs anywhere in the text, as Go's `MatchString`. So many places are `kept`."""

    def __init__(self, text: str, *, kept: int = limits.FILTER_PLACES_KEPT) -> None:
        piece = _Compiler(text).whole()
        self._kept = kept
        self._first = piece.first
        self._accept = piece.last
        self._forget()

    def search(self, text: str, spend: Spend = _free) -> bool:
        """`spend` is told what it costs, and may raise."""
        spend(len(text))
        node = self._start
        if node.accepting:
            return True
        for character in text:
            node = node.next.get(character) or self._step(node, character, spend)
            if node.accepting:
                return True
        return node.at_end

    def _forget(self) -> None:
        self._nodes: dict[frozenset[_State], _Node] = {}
        self._room = self._kept
        self._start = self._node({self._first}, _free, start=True)

    def _step(self, node: _Node, character: str, spend: Spend) -> _Node:
        if self._room <= 0:
            self._forget()
        self._room -= 1
        spend(len(node.places) * PLACE_COST)
        reached = {
            following
            for place in node.places
            if place.admits is not None and place.admits(character)
            for following in place.out
        }
        key = frozenset(reached)
        if key not in self._nodes:
            self._nodes[key] = self._node({*reached, self._first}, spend)
        node.next[character] = self._nodes[key]
        return node.next[character]

    def _node(self, reached: set[_State], spend: Spend, *, start: bool = False) -> _Node:
        places = _closure(reached, spend, start=start, end=False)
        last = _closure(reached, spend, start=start, end=True)
        self._room -= len(places)
        return _Node(places, accepting=self._accept in places, at_end=self._accept in last)


def _closure(reached: set[_State], spend: Spend, *, start: bool, end: bool) -> set[_State]:
    """Everything that can be reached from there without a further character."""
    states, seen = [*reached], set[_State]()
    while states:
        state = states.pop()
        if state in seen or (state.edge == START and not start) or (state.edge == END and not end):
            continue
        seen.add(state)
        if state.admits is None:
            states.extend(state.out)
    spend(len(seen) * PLACE_COST)
    return seen


_CLASSES: Final[dict[str, Admits]] = {
    "d": lambda c: "0" <= c <= "9",
    "D": lambda c: not "0" <= c <= "9",
    "w": lambda c: c.isascii() and (c.isalnum() or c == "_"),
    "W": lambda c: not (c.isascii() and (c.isalnum() or c == "_")),
    "s": lambda c: c in " \t\n\r\f",
    "S": lambda c: c not in " \t\n\r\f",
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class _Compiler:
    """Recursive descent over the pattern's text; the number of states is bounded."""

    def __init__(self, text: str) -> None:
        if len(text) > limits.FILTER_PATTERN_CHARS:
            raise BadFilter(f"a pattern has at most {limits.FILTER_PATTERN_CHARS} characters")
        self._text = text
        self._at = 0
        self._states = 0
        self._depth = 0

    def whole(self) -> _Piece:
        piece = self._either()
        if self._at < len(self._text):
            raise self._bad("unexpected )")
        return piece

    def _either(self) -> _Piece:
        self._depth += 1
        if self._depth > limits.FILTER_DEPTH:
            raise self._bad("nested too deeply")
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        self._depth -= 1
        if len(branches) == 1:
            return branches[0]
        first, last = self._state(), self._state()
        for branch in branches:
            first.out.append(branch.first)
            branch.last.out.append(last)
        return _Piece(first, last)

    def _sequence(self) -> _Piece:
        first = last = self._state()
        while self._here not in ("", "|", ")"):
            piece = self._repeated()
            last.out.append(piece.first)
            last = piece.last
        return _Piece(first, last)

    def _repeated(self) -> _Piece:
        begin = self._at
        piece = self._atom()
        end = self._at
        times = self._times()
        if times is None:
            return piece
        self._take("?")  # a lazy quantifier matches the same texts
        if self._here in ("*", "+", "?", "{"):
            raise self._bad("invalid nested repetition operator")
        return self._copies(begin, end, piece, *times)

    def _times(self) -> tuple[int, int | None] | None:
        """(least, most) of the quantifier that stands here; most None: as often as it likes."""
        for symbol, least, most in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self._take(symbol):
                return least, most
        if self._here != "{":
            return None
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        least_text, comma, most_text = inside.partition(",")
        if not closed or not least_text.isdecimal() or (most_text and not most_text.isdecimal()):
            raise self._bad("invalid repetition count")
        self._at += len(inside) + 2
        least = int(least_text)
        most = int(most_text) if most_text else (None if comma else least)
        if max(least, most or 0) > limits.FILTER_PATTERN_CHARS or (most is not None and most < least):
            raise self._bad("invalid repetition count")
        return least, most

    def _copies(self, begin: int, end: int, piece: _Piece, least: int, most: int | None) -> _Piece:
        """`piece`, which stands at begin..end, so many times in a row."""
        after = self._at
        first = last = self._state()
        for number in range(max(least, most or 0, 1)):
            if number:
                self._at = begin
                piece = self._atom()
            optional = number >= least
            last.out.append(piece.first)
            following = self._state()
            piece.last.out.append(following)
            if optional:
                last.out.append(following)
            if most is None and number == max(least, 1) - 1:
                following.out.append(piece.first)
            last = following
        self._at = after
        if most == 0:
            return _Piece(first, first)
        return _Piece(first, last)

    def _atom(self) -> _Piece:
        character = self._here
        self._at += 1
        if character == "(":
            if self._here == "?" and not self._text.startswith("?:", self._at):
                raise self._bad("unknown group")
            if self._here == "?":
                self._at += 2
            piece = self._either()
            if not self._take(")"):
                raise self._bad("missing closing )")
            return piece
        if character in "*+?{":
            raise self._bad("missing argument to repetition operator")
        if character in (START, END):
            return self._alone(self._state(edge=character))
        return self._alone(self._state(self._admits(character)))

    def _admits(self, character: str) -> Admits:
        if character == ".":
            return lambda c: c != "\n"
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped()
        return character.__eq__

    def _escaped(self) -> Admits:
        character = self._here
        self._at += 1
        if character in _CLASSES and character:
            return _CLASSES[character]
        if not character or (character.isalnum() and character not in _ESCAPES):
            raise self._bad("invalid escape sequence")
        return _ESCAPES.get(character, character).__eq__

    def _class(self) -> Admits:
        negated = self._take("^")
        admitted: list[Admits] = []
        while self._here != "]" or not admitted:
            if not self._here:
                raise self._bad("missing closing ]")
            admitted.append(self._range())
        self._at += 1
        if negated:
            return lambda c: not any(admits(c) for admits in admitted)
        return lambda c: any(admits(c) for admits in admitted)

    def _range(self) -> Admits:
        low = self._here
        self._at += 1
        if low == "\\":
            return self._escaped()
        if self._here != "-" or self._text[self._at + 1 : self._at + 2] in ("", "]"):
            return low.__eq__
        high = self._text[self._at + 1]
        self._at += 2
        if high < low or high == "\\":
            raise self._bad("invalid character class range")
        return lambda c: low <= c <= high

    def _alone(self, state: _State) -> _Piece:
        after = self._state()
        state.out.append(after)
        return _Piece(state, after)

    def _state(self, admits: Admits | None = None, edge: str = "") -> _State:
        self._states += 1
        if self._states > limits.FILTER_PATTERN_STATES:
            raise self._bad("expression too large")
        return _State(admits, edge)

    @property
    def _here(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        if self._here == character:
            self._at += 1
            return True
        return False

    def _bad(self, what: str) -> BadFilter:
        """In Go's words."""
        why = f"error parsing regexp: {what}: `{self._text}`"
        return BadFilter(f'Failed to compile regular expression "{self._text}": {why}')
