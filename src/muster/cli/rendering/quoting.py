"""How a text that an instance chose may stand in a file: a filter for each format.

    server_name {{ instance.metadata.name | nginx }};

A filter returns `Quoted`, which goes into the output as it is. Everything else an expression yields is made `plain`: characters
that could mean something in any of the formats become `_`. So a quoting filter comes last, and one that was forgotten
spoils a value, never a file. Nothing is refused: one strange value must not keep a file from following all the others.
"""

from __future__ import annotations

import hashlib
import html
import re
import shlex
from collections.abc import Callable
from typing import Final

import msgspec

from muster.model import limits, names

_PLAIN = re.compile(r"[A-Za-z0-9._:/@+-]+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._:/@+-]")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")


class Quoted(str):
    """A text that is safe where it stands. Whatever is done to it makes a plain `str` of it again."""

    __slots__ = ()


class Unprintable(Exception):
    """A value that is no text: a list, say, or nothing."""


def finalize(value: object) -> Quoted:
    """What becomes of every expression's value. Raises `Unprintable`."""
    return value if isinstance(value, Quoted) else plain(value)


def plain(value: object) -> Quoted:
    """Letters, digits and `._:/@+-`; everything else becomes `_`."""
    return Quoted(_NOT_PLAIN.sub("_", _text(value)))


def nginx(value: object) -> Quoted:
    """One argument. Inside double quotes a backslash escapes; `$` cannot be escaped anywhere in nginx and becomes `_`."""
    text = _text(value)
    if _PLAIN.fullmatch(text):
        return Quoted(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "_")
    return Quoted(f'"{escaped}"')


def haproxy(value: object) -> Quoted:
    """One argument, in strong quotes, where nothing is expanded (configuration manual, 2.2). `%` begins a log-format expression
    in some places and has no escape that is right in all of them: it becomes `_`."""
    text = _text(value).replace("%", "_")
    return Quoted(text) if _PLAIN.fullmatch(text) else Quoted("'" + text.replace("'", "'\\''") + "'")


def sh(value: object) -> Quoted:
    """One word of a POSIX shell."""
    return Quoted(shlex.quote(_text(value)))


def json(value: object) -> Quoted:
    """A value of JSON, which YAML reads too, and as a string TOML; also lists and mappings."""
    return Quoted(msgspec.json.encode(value).decode())


def xml(value: object) -> Quoted:
    """Text or an attribute of XML and HTML."""
    return Quoted(html.escape(_text(value)))


def name(value: object) -> Quoted:
    """An identifier: letters, digits, `_.-`. Two texts never become one name."""
    text = _text(value)
    safe = _NOT_IN_A_NAME.sub("_", text)
    if not safe[:1].isalnum():
        safe = "_" + safe
    if safe != text:
        safe += "_" + hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return Quoted(safe)


def comment(value: object) -> Quoted:
    """The rest of a line that begins with a `#`."""
    return Quoted(names.printable(_text(value), limits.RENDER_VALUE_CHARS))


def address(value: str) -> str:
    """`host:port` or a host, which needs no quoting if it is one."""
    return Quoted(value) if _ADDRESS.fullmatch(value) else value


def _text(value: object) -> str:
    if isinstance(value, str):
        return names.printable(value, limits.RENDER_VALUE_CHARS)
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        raise Unprintable("there is nothing here: say `| default(...)`")
    if type(value).__name__.endswith("Undefined"):
        str(value)  # says what is undefined
    raise Unprintable(f"a {type(value).__name__} is no text: loop over it, join it, or say `| json`")


FILTERS: Final[dict[str, Callable[[object], Quoted]]] = {
    "plain": plain,
    "nginx": nginx,
    "haproxy": haproxy,
    "sh": sh,
    "json": json,
    "yaml": json,
    "toml": json,
    "xml": xml,
    "name": name,
    "comment": comment,
}
"""filter -> what it does."""
