"""The few shapes of Markdown that generated pages need."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Made by `make docs` from {source}; a test compares them. -->"


def head(title: str, source: str) -> str:
    return f"# {title}\n\n{NOTE.format(source=source)}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """A bar would end the cell, a line break the table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    return f"`{text}`" if text else ""
