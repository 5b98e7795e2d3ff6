"""A template: Jinja2 in its sandbox, where every expression's value is quoted or made plain (`quoting.py`).

Jinja takes what a macro, a call, a filter or a set block returns for a finished text, which would be a way around the quoting:
those tags are refused, by name. `include`, `import`-less inheritance, loops, conditions and `set` of a value are all there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from muster.model import limits
from muster.model.errors import Rejected

from .alarm import TooLong, at_most
from .quoting import FILTERS, Unprintable, finalize
from .world import Service

_REFUSED: Final[dict[type[nodes.Node], str]] = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set ... endset",
    nodes.Import: "import",
    nodes.FromImport: "from ... import",
}
_WRONG: Final = (
    jinja2.TemplateError,
    Unprintable,
    Rejected,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    MemoryError,
    TooLong,
)
"""What an expression can raise: a name that no service can have, a sum of texts, a key that is not there, a loop without end."""
Look = Callable[[str], Service]


class Broken(Exception):
    """The template cannot be used, or not with what there is. `where` is file and line, if known."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}" if where else problem)


class Template:
    """`file`, which may include others of its directory. It is read when it is first needed, after `reread`, and as long as it is
    broken: never because it has changed, for whoever is writing it may have come half way. One output may take so many `seconds`."""

    def __init__(self, file: Path, seconds: float = limits.RENDER_TEMPLATE_S) -> None:
        self._file = file
        self._seconds = seconds
        self._environment = _Sandbox(
            loader=jinja2.FileSystemLoader(file.parent, followlinks=True),
            undefined=jinja2.StrictUndefined,
            finalize=finalize,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS)
        self._outdated = False

    def __repr__(self) -> str:
        return f"<Template {self._file}>"

    def reread(self) -> None:
        """From any thread: what is on disk from now on."""
        self._outdated = True

    def render(self, look: Look, named: Sequence[str]) -> str:
        """The whole output. `look` finds a service by name; `named` are those that `services` lists. Raises `Broken`, and what
        `look` raises."""
        if self._outdated and self._environment.cache is not None:
            self._outdated = False
            self._environment.cache.clear()
        try:
            return self._rendered(look, named)
        except Broken:
            self._outdated = True
            raise

    def _rendered(self, look: Look, named: Sequence[str]) -> str:
        try:
            with at_most(self._seconds, "the template"):
                template = self._environment.get_template(self._file.name)
                return _joined(template.generate(service=look, services=_each(look, named)))
        except jinja2.TemplateSyntaxError as error:
            raise Broken(f"{error.filename or self._file}:{error.lineno}", error.message or "") from None
        except _WRONG as error:
            raise Broken(self._where(error), str(error) or type(error).__name__) from None
        except (OSError, RecursionError) as error:
            raise Broken(str(self._file), str(error)) from None

    def _where(self, error: BaseException) -> str:
        """The last line of a template on the way to the error: jinja rewrites traces so that they show it."""
        where, trace = str(self._file), error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file.startswith(str(self._file.parent)) and "__jinja_template__" in trace.tb_frame.f_globals:
                where = f"{file}:{trace.tb_lineno}"
            trace = trace.tb_next
        return where


class _Sandbox(ImmutableSandboxedEnvironment):
    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(tuple(_REFUSED)):
            message = f"{{% {_REFUSED[type(node)]} %}} is not offered here: its text would escape the quoting"
            raise jinja2.TemplateSyntaxError(message, node.lineno, name, filename)
        return tree


def _each(look: Look, named: Sequence[str]) -> Iterator[Service]:
    """Looked up when it is looped over: a template that asks for services by name needs none of these."""
    for name in named:
        yield look(name)


def _joined(pieces: Iterator[str]) -> str:
    texts: list[str] = []
    room = limits.RENDER_OUTPUT_CHARS
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise Unprintable(f"the output is longer than {limits.RENDER_OUTPUT_CHARS} characters")
        texts.append(piece)
    return "".join(texts)
