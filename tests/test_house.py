"""Habits of the house that a machine can see: names, sizes, and a page in every folder."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec

from tests.source import ROOT, SOURCE, Module, expect_none, folders, modules

from muster.model.errors import CODES

SCREEN_LINES = 50
FILE_LINES = 400
FUNCTION_LINES = 60
EMPTY_WORDS = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
"""A name that says nothing about what is inside, so that everything ends up there."""


def test_every_folder_has_a_page() -> None:
    missing = [f"{folder.relative_to(SOURCE)}/README.md" for folder in folders() if not page_of(folder)]
    expect_none(missing)


def test_a_page_is_one_screen() -> None:
    long = [
        f"{folder.name}/README.md: {lines} lines"
        for folder in folders()
        if (lines := page_of(folder).count("\n")) > SCREEN_LINES
    ]
    expect_none(long)


def test_a_page_names_every_file_beside_it() -> None:
    unnamed = [
        str(module)
        for module in modules()
        if module.folder and module.path.name != "__init__.py"
        if f"`{module.path.name}`" not in page_of(module.path.parent)
    ]
    expect_none(unnamed)


def test_names_say_something() -> None:
    found = [
        f"{module}: {name}"
        for module in modules()
        for name in [*module.package, module.path.stem, *classes(module)]
        if EMPTY_WORDS & set(words(name))
    ]
    expect_none(found)


def test_every_file_explains_itself() -> None:
    expect_none([str(module) for module in modules() if not ast.get_docstring(module.tree)])


def test_no_file_is_everything() -> None:
    sizes = {str(module): module.path.read_text().count("\n") for module in modules()}
    expect_none([f"{name}: {lines} lines" for name, lines in sizes.items() if lines > FILE_LINES])


def test_no_function_is_everything() -> None:
    expect_none([line for module in modules() for line in long_functions(module)])


def test_make_runs_nothing_that_is_not_there() -> None:
    """A target of a module that was planned once."""
    named = re.findall(r"python -m ([a-z_.]+)", (ROOT / "Makefile").read_text())
    expect_none([name for name in named if find_spec(name) is None])


def test_every_code_that_is_said_is_in_the_table() -> None:
    said = [(module, code) for module in modules() for code in codes(module)]
    expect_none([f"{module}: {code}" for module, code in said if code not in CODES])


def codes(module: Module) -> Iterator[object]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name("Rejected" | "Unavailable"), args=[ast.Constant(code), *_]):
                yield code


def long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{module}:{node.lineno} {node.name}: {lines} lines"


def classes(module: Module) -> list[str]:
    return [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]


def words(name: str) -> list[str]:
    """`LeaseManager` and `lease_manager` are both `lease`, `manager`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")


def page_of(folder: object) -> str:
    page = SOURCE / str(folder) / "README.md"
    return page.read_text() if page.exists() else ""
