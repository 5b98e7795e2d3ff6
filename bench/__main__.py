"""The command: `python -m bench [NAME...] [--quick] [--output table|json]`. A full run is kept in RESULTS.md."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from typing import cast

from bench import cores, report, results
from bench.figure import Figure, Number, Scale

NAMES = (
    *("pick", "queues", "imports", "call", "failover", "mirror"),
    *(
        "lookup",
        "dns",
        "heartbeat",
        "register",
        "replicas",
        "outages",
        "crowd",
        "third",
        "link",
        "crash",
        "fanout",
        "blocking",
        "scale",
        "start",
        "checks",
    ),
)
"""In the order they are run: short ones first."""


def figure(name: str) -> Figure:
    return cast(Figure, import_module(f"bench.figures.{name}"))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Muster's figures.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="a minute instead of half an hour")
    parser.add_argument("--tiny", action="store_true", help="only whether the harness runs")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    options = parser.parse_args(arguments)
    scale: Scale = "tiny" if options.tiny else "quick" if options.quick else "full"
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # so that what was started is ended
    cores.raise_descriptors()
    cores.here_is_load()
    found: dict[str, list[Number]] = {}
    for name in options.names or NAMES:
        print(f"-- {name} ({scale})", file=sys.stderr, flush=True)
        found[name] = list(figure(name).measure(scale))
        if scale == "full":
            results.keep(name, found[name], NAMES)
    report.write(found, options.output)
    return 0 if all(number.held for numbers in found.values() for number in numbers) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
