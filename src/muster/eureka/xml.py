"""Shapes in XML and back. Only what Eureka's documents are made of: elements, attributes, text.

A document type is refused, and with it every entity beyond XML's own five: no expansion, no file, no network. Depth and number of
elements are bounded; the size is, by whoever read the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from muster.model import limits
from muster.model.errors import Rejected

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2: characters that no document may hold, however they are written."""


def parse(body: bytes, root: str) -> dict[str, Any]:
    """The shape of a document whose element is called `root`. Raises `Rejected`."""
    reader = _Reader()
    try:
        reader.read(body)
    except expat.ExpatError as error:
        detail = f"not XML: line {error.lineno}, {expat.ErrorString(error.code)}"
        raise Rejected("invalid_request", detail) from None
    except (LookupError, UnicodeError, ValueError):
        raise Rejected("invalid_request", "not XML: an encoding that is not known here") from None
    if reader.name != root or not isinstance(reader.shape, dict):
        raise Rejected("invalid_request", f"the document must be one <{root}>")
    return reader.shape


class _Reader:
    """`name` and `shape` are the root's, after `read`."""

    def __init__(self) -> None:
        self.name = ""
        self.shape: Any = None
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._elements = 0

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.buffer_text = True
        parser.Parse(body, True)

    def _doctype(self, *_: object) -> None:
        raise Rejected("invalid_request", "a document type is not accepted")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= limits.EUREKA_XML_DEPTH or self._elements > limits.EUREKA_XML_ELEMENTS:
            raise Rejected("invalid_request", "more elements, or deeper ones, than an instance has")
        self._open.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def _end(self, name: str) -> None:
        _, fields, pieces = self._open.pop()
        text = "".join(pieces).strip()
        value: Any = {**fields, "$": text} if fields and text else fields or text
        if self._open:
            self._open[-1][1][name] = value
        else:
            self.name, self.shape = name, value


def tell(name: str, shape: Any) -> str:
    """An element called `name`. A list is one element for each of its items."""
    if isinstance(shape, list):
        return "".join(tell(name, each) for each in shape)
    tag = _tag(name)
    if not isinstance(shape, Mapping):
        return f"<{tag}>{_escaped(shape)}</{tag}>"
    attributes = "".join(
        f" {key[1:]}={quoteattr(_clean(value))}" for key, value in shape.items() if key.startswith("@")
    )
    inner = "".join(
        _escaped(value) if key == "$" else tell(key, value)
        for key, value in shape.items()
        if not key.startswith("@")
    )
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _tag(name: str) -> str:
    """A metadata key as a name: what XML does not allow there becomes `_`."""
    tag = _NOT_IN_A_NAME.sub("_", name)
    return tag if tag[:1].isalpha() or tag[:1] == "_" else f"_{tag}"


def _escaped(value: Any) -> str:
    return escape(_clean(value))


def _clean(value: Any) -> str:
    return _NOT_IN_XML.sub("?", str(value))
