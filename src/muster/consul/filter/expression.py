"""From the text of a filter to its tree. The grammar is go-bexpr's (`grammar/grammar.peg`):

    or    <- and ("or" or)?          and <- not ("and" and)?          not <- "not" not | "(" or ")" | match
    match <- selector == value | != | contains | not contains | matches | not matches
           | selector is empty | is not empty
           | value in selector | value not in selector

A selector is `Service.Meta.env` or `Service.Meta["env"]`; a value is quoted (`"x"`, `` `x` ``), a number, or a bare word.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

import msgspec

from muster.model import limits

Operator = Literal["==", "!=", "in", "not in", "is empty", "is not empty", "matches", "not matches"]


class BadFilter(Exception):
    """The filter cannot be understood, or asks for what is not there. The text is for whoever wrote it."""


class Match(NamedTuple):
    """One comparison. `value` is "" where the operator takes none."""

    selector: tuple[str, ...]
    operator: Operator
    value: str


class Not(NamedTuple):
    inner: Expression


class And(NamedTuple):
    left: Expression
    right: Expression


class Or(NamedTuple):
    left: Expression
    right: Expression


Expression = Match | Not | And | Or


class Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<symbol>==|!=|\(|\)|\[|\]|\.)
  | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![A-Za-z0-9_.]))
  | (?P<word>[A-Za-z][A-Za-z0-9_/]*)
  | (?P<string>"[^"]*"|`[^`]*`)
    """,
    re.VERBOSE,
)
_RESERVED: Final = frozenset({"and", "or", "not", "in", "is", "contains", "matches"})
_WORDS_AFTER: Final[dict[str, Operator]] = {"contains": "in", "matches": "matches"}
_NEGATED: Final[dict[Operator, Operator]] = {"in": "not in", "matches": "not matches"}


def parse(text: str) -> Expression:
    """Raises `BadFilter`."""
    if len(text) > limits.FILTER_CHARS:
        raise BadFilter(f"the expression is longer than {limits.FILTER_CHARS} characters")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            what = "Unterminated string literal" if text[at] in '"`' else "no match found"
            raise _bad(at, what)
        kind = found.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, found[0], at))
        at = found.end()
    return [*tokens, Token("end", "", len(text))]


def _bad(at: int, what: str) -> BadFilter:
    """Line, column and offset as go-bexpr's parser gives them."""
    return BadFilter(f"1:{at + 1} ({at}): {what}")


class _Parser:
    """Recursive descent, a level of recursion for each `(` and `not`, of which there may be `FILTER_DEPTH`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._or()
        self._expect("end", "", "no match found, expected: and, or, or the end")
        return expression

    def _or(self) -> Expression:
        parts = [self._and()]
        while self._take("word", "or"):
            parts.append(self._and())
        return _joined(Or, parts)

    def _and(self) -> Expression:
        parts = [self._not()]
        while self._take("word", "and"):
            parts.append(self._not())
        return _joined(And, parts)

    def _not(self) -> Expression:
        self._deeper()
        try:
            if self._take("word", "not"):
                return Not(self._not())
            if self._take("symbol", "("):
                inner = self._or()
                self._expect("symbol", ")", "Unmatched parentheses")
                return inner
            return self._match()
        finally:
            self._depth -= 1

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > limits.FILTER_DEPTH:
            raise _bad(self._here.at, f"nested deeper than {limits.FILTER_DEPTH} levels")

    def _match(self) -> Expression:
        first = self._here
        if first.kind in ("string", "number"):
            self._next += 1
            return self._within(_literal(first))
        selector = self._selector()
        if (self._here.kind == "word" and self._here.text == "in") or self._ahead("not", "in"):
            return self._within(".".join(selector))
        return self._compared(selector)

    def _within(self, value: str) -> Match:
        """`value in selector`."""
        negated = self._take("word", "not")
        self._expect("word", "in", 'no match found, expected: "in" or "not in"')
        return Match(self._selector(), "not in" if negated else "in", value)

    def _compared(self, selector: tuple[str, ...]) -> Match:
        if self._take("word", "is"):
            negated = self._take("word", "not")
            self._expect("word", "empty", 'no match found, expected: "empty"')
            return Match(selector, "is not empty" if negated else "is empty", "")
        if self._take("symbol", "=="):
            return Match(selector, "==", self._value())
        if self._take("symbol", "!="):
            return Match(selector, "!=", self._value())
        negated = self._take("word", "not")
        for word, operator in _WORDS_AFTER.items():
            if self._take("word", word):
                return Match(selector, _NEGATED[operator] if negated else operator, self._value())
        raise _bad(self._here.at, "no match found, expected: an operator")

    def _selector(self) -> tuple[str, ...]:
        first = self._here
        if first.kind != "word" or first.text in _RESERVED:
            raise _bad(first.at, "no match found, expected: a selector")
        self._next += 1
        path = [first.text]
        while True:
            if self._take("symbol", "."):
                path.append(self._expect("word", None, "no match found, expected: a field").text)
            elif self._take("symbol", "["):
                path.append(_literal(self._expect("string", None, "Invalid index")))
                self._expect("symbol", "]", "Unclosed index expression")
            else:
                return tuple(path)

    def _value(self) -> str:
        token = self._here
        if token.kind in ("string", "number"):
            self._next += 1
            return _literal(token)
        return ".".join(self._selector())

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _ahead(self, *words: str) -> bool:
        following = self._tokens[self._next : self._next + len(words)]
        return [token.text for token in following if token.kind == "word"] == list(words)

    def _take(self, kind: str, text: str) -> bool:
        if self._here.kind == kind and self._here.text == text:
            self._next += 1
            return True
        return False

    def _expect(self, kind: str, text: str | None, otherwise: str) -> Token:
        token = self._here
        if token.kind != kind or (text is not None and token.text != text):
            raise _bad(token.at, otherwise)
        self._next += 1
        return token


def _joined(operator: type[And] | type[Or], parts: list[Expression]) -> Expression:
    """`a and b and c` as a balanced tree: a long chain is no deep one."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return operator(_joined(operator, parts[:middle]), _joined(operator, parts[middle:]))


def _literal(token: Token) -> str:
    """Go's `strconv.Unquote`: escapes count between double quotes, and not between back quotes."""
    if token.kind == "number":
        return token.text
    if token.text[0] == "`":
        return token.text[1:-1]
    try:
        return msgspec.json.decode(token.text.encode(), type=str)
    except msgspec.DecodeError:
        raise _bad(token.at, "invalid syntax") from None
