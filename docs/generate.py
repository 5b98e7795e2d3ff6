"""Writes the pages of docs/ that are made from code. `make docs` runs it; a test finds pages that are out of date.

python docs/generate.py          write them
python docs/generate.py --check  say which differ, and fail if any does
"""

import sys
from collections.abc import Callable
from pathlib import Path

from made import configuration, errors, http, limits, metrics, policy, statuses

from muster.cli import reference

DOCS = Path(__file__).parent
PAGES: dict[str, Callable[[], str]] = {
    "concepts.md": statuses.page,
    "reference/cli.md": reference.page,
    "reference/configuration.md": configuration.page,
    "reference/errors.md": errors.page,
    "reference/http.md": http.page,
    "reference/limits.md": limits.page,
    "reference/metrics.md": metrics.page,
    "reference/policy.md": policy.page,
}
"""page -> what makes it."""


def stale() -> list[str]:
    return [name for name, page in PAGES.items() if written(name) != page()]


def written(name: str) -> str:
    path = DOCS / name
    return path.read_text() if path.exists() else ""


def main(arguments: list[str]) -> int:
    names = stale()
    if arguments == ["--check"]:
        for name in names:
            print(f"docs/{name} is out of date: make docs")
        return 1 if names else 0
    for name in names:
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name]())
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
