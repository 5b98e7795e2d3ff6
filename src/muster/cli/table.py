"""Tables: on a terminal with colour and in its width, in a pipe as plain columns that other programs can cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from .text import shown


class Table(NamedTuple):
    """`rows` hold text as it came; it is made safe here. `status` names the column that is coloured by what it says."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    status: str = ""
    empty: str = "nothing"
    """Said (to people, not in a pipe) instead of a table without rows."""


COLOURS: Final[dict[str, str]] = {
    "healthy": "green",
    "degraded": "yellow",
    "starting": "cyan",
    "draining": "blue",
    "out_of_service": "magenta",
    "unhealthy": "red",
    "expired": "bright_black",
    "clear": "green",
    "held": "red",
    "released": "yellow",
}
"""What a status column says -> its colour."""

GAP = "  "


def plain(table: Table) -> str:
    """Columns padded with spaces, one line per row, nothing cut."""
    lines = [table.columns, *([_cell(value) for value in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(GAP.join(map(str.ljust, line, widths)).rstrip() for line in lines)


def print_rich(table: Table) -> None:
    """To stdout, which is a terminal. Cells are `Text`, so that markup in them is not obeyed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    columns = telling(table)
    for name, _ in columns:
        drawn.add_column(name, overflow="fold")
    for row in zip(*(cells for _, cells in columns), strict=True):
        drawn.add_row(
            *(
                Text(cell, COLOURS.get(cell.partition(" ")[0], "") if name == table.status else "")
                for (name, _), cell in zip(columns, row, strict=True)
            )
        )
    Console().print(drawn)


def telling(table: Table) -> list[tuple[str, list[str]]]:
    """The columns that say something, each with its cells: the width of a terminal is for them."""
    cells = zip(*(map(_cell, row) for row in table.rows), strict=True)
    columns = [(name, list(column)) for name, column in zip(table.columns, cells, strict=True)]
    return [(name, column) for name, column in columns if set(column) != {"-"}]


def _cell(value: object) -> str:
    """Nothing is `-`, so that columns can be cut by white space; yes and no for people."""
    match value:
        case None | "" | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
    return shown(str(value))
