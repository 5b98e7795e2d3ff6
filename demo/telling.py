"""The timeline, for a person: with colour on a terminal, as plain lines anywhere else."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .report import Act, Promise, Report

PLAIN_WIDTH = 120


class Telling:
    """`began` is the monotonic second from which the timeline counts."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)

    def line(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)

    def act(self, act: Act) -> None:
        self.line()
        self._console.print(Text(f"{act.name.upper():<10}", "bold magenta"), Text(act.title, "bold"))

    def fact(self, at: float, text: str) -> None:
        self._console.print(Text(f"{at - self._began:8.2f} s", "cyan"), Text(text), soft_wrap=True)

    def calls(self, act: Act) -> None:
        if act.calls is not None:
            counts = act.calls
            retried = f", {counts.second} by a second try" if counts.second else ""
            good = "none failed" if not counts.failed else f"{counts.failed} FAILED"
            text = f"{'':10} {counts.made} calls: {good}{retried}"
            self.line(text, "red" if counts.failed else "green")

    def summary(self, report: Report) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("act")
        for column in ("calls", "first try", "second try", "failed", "slowest", "last to know"):
            table.add_column(column, justify="right")
        for act in report.acts:
            if counts := act.calls:
                slowest = f"{counts.slowest * 1000:.0f} ms"
                numbers = map(str, (counts.made, counts.first, counts.second, counts.failed))
                table.add_row(act.name, *numbers, slowest, latest(act))
        self.line()
        if table.row_count:
            self._console.print(table)

    def promises(self, promises: list[Promise]) -> None:
        for promise in promises:
            mark = Text("kept  ", "green") if promise.kept else Text("BROKEN", "bold red")
            found = Text(f"({promise.found})", "bright_black")
            self._console.print(mark, Text(promise.text), found, soft_wrap=True)


def latest(act: Act) -> str:
    return f"{max(act.knew.values()):.0f} ms" if act.knew else ""
