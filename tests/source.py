"""The source as the tests about the source see it: modules, and what each of them imports."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "muster"


@dataclass(frozen=True)
class Module:
    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def folder(self) -> str:
        """`core` for src/muster/core/leases.py and all below it; empty for src/muster/__init__.py."""
        inside = self.path.relative_to(SOURCE).parts
        return inside[0] if len(inside) > 1 else ""

    @property
    def package(self) -> list[str]:
        return ["muster", *self.path.relative_to(SOURCE).parts[:-1]]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(), filename=str(self.path))

    def imports(self, *, types_too: bool = True) -> Iterator[str]:
        """Full dotted names, wherever in the file they are imported; relative ones made absolute."""
        for node in _walk(self.tree, types_too=types_too):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                yield from (f"{origin}.{alias.name}" for alias in node.names)

    def _origin(self, node: ast.ImportFrom) -> str:
        above = self.package[: len(self.package) - node.level + 1] if node.level else []
        return ".".join([*above, node.module] if node.module else above)


def _walk(tree: ast.AST, *, types_too: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if types_too or not _is_for_types(node):
            yield node
            yield from _walk(node, types_too=types_too)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules() -> list[Module]:
    return [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


def folders() -> list[Path]:
    """Folders of src/muster that hold code."""
    return sorted({path.parent for path in SOURCE.rglob("*.py")} - {SOURCE})


def is_stdlib(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in sys.stdlib_module_names


def expect_none(found: list[str]) -> None:
    """An assertion that shows all it found, not the first of them."""
    assert not found, "\n  " + "\n  ".join(found)
