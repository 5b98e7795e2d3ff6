"""`reference/limits.md`: every bound with its unit and its reason, read from the files that hold them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from muster.model import limits

from .markdown import code, head, table

INTRODUCTION = """\
Whatever is over a bound is refused, with a problem that names the field, or waits its turn; nothing is cut silently. What an
operator can change is in [configuration](configuration.md); the rest is a promise to every client.

A reason stands with the last of the bounds it is about.
"""
UNITS = {"S": "s", "BYTES": "bytes", "CHARS": "characters", "PAGES": "pages"}


def page() -> str:
    parts = [head("Limits", "`muster.model.limits`"), INTRODUCTION]
    for area in sorted(Path(limits.__file__).parent.glob("[a-z]*.py")):
        tree = ast.parse(area.read_text())
        title = (ast.get_docstring(tree) or "").partition("\n")[0].removesuffix(".")
        parts += [f"## {title}\n", table(("bound", "value", "why"), bounds(tree.body))]
    return "\n".join(parts)


def bounds(nodes: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    for node, after in zip(nodes, [*nodes[1:], None], strict=True):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield code(name), value(name, getattr(limits, name)), reason(after)


def reason(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return ""


def value(name: str, bound: float | tuple[float, ...]) -> str:
    plain = ", ".join(map(number, bound)) if isinstance(bound, tuple) else number(bound)
    if name.endswith("_PER_S"):
        return f"{plain} per s"
    unit = UNITS.get(name.rpartition("_")[2], "")
    return f"{plain} {unit}".strip()


def number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,g}" if bound >= 0.001 else f"{bound:.6f}"
