"""A page of the documentation as its test sees it: fenced blocks, each with what the page says about testing it.

A comment right before a block steers it; whoever reads the page does not see it:

    <!-- test: skip reason="installs a package" -->   not run; the reason is not optional
    <!-- test: background -->                         a server: started, waited for, ended with the page
    <!-- test: background ready="muster resolve web" -->  ... waited for with this command; `muster serve` until it answers, and
                                                      `muster run` until what it runs is found, without being told
    <!-- test: exit=3 -->                             the block is meant to end with this status
    <!-- test: file=muster.toml -->                   saved under this name for the blocks after it, and not run itself
    <!-- test: other -->                              TOML that does not configure Muster: parsed, no more
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN = {"sh", "console", "python"}
PARSED = {"toml", "json"}
SHOWN = {"text", "http", "ini", "yaml", "nginx", "dockerfile", "mermaid", "diff", "sql"}
WORDS = {"skip", "reason", "background", "ready", "exit", "file", "other"}

_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}|~{3,}) *(?P<language>[\w-]*)")
_DIRECTIVE = re.compile(r" *<!-- *test: *(?P<words>.*?) *-->")
_PORT = re.compile(r"\b(85\d\d|86\d\d|80[089]\d|900\d)\b")


class PageError(Exception):
    """The page cannot be tested as it is written. The message names page and line."""


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is where its text begins; `words` is the directive before it."""

    page: str
    line: int
    language: str
    text: str
    words: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language in RUN and "skip" not in self.words


def blocks(page: str, text: str) -> list[Block]:
    """All blocks of a page, in order. Raises `PageError`."""
    return [_checked(block) for block in _fenced(page, text)]


def _fenced(page: str, text: str) -> Iterator[Block]:
    lines = iter(enumerate(text.splitlines(), start=1))
    words: dict[str, str] = {}
    for number, line in lines:
        if fence := _FENCE.fullmatch(line.rstrip()):
            inside = _inside(page, number, fence, lines)
            yield Block(page, number + 1, fence["language"], inside, words)
            words = {}
        elif directive := _DIRECTIVE.fullmatch(line.rstrip()):
            words = _words(f"{page}:{number}", directive["words"])
        elif line.strip() and words:
            raise PageError(f"{page}:{number}: a `test:` comment stands right before its block")


def _inside(page: str, start: int, fence: re.Match[str], lines: Iterator[tuple[int, str]]) -> str:
    indent, inside = fence["indent"], []
    for _, line in lines:
        if line.strip() == fence["ticks"]:
            return "".join(inside)
        inside.append(line.removeprefix(indent) + "\n")
    raise PageError(f"{page}:{start}: the block does not end")


def _words(where: str, text: str) -> dict[str, str]:
    words = dict(word.partition("=")[::2] for word in shlex.split(text))
    if unknown := words.keys() - WORDS:
        raise PageError(f"{where}: unknown {', '.join(sorted(unknown))}; there is {', '.join(sorted(WORDS))}")
    if "skip" in words and not words.get("reason"):
        raise PageError(f'{where}: say why: skip reason="..."')
    return words


def _checked(block: Block) -> Block:
    if block.language not in RUN | PARSED | SHOWN:
        known = ", ".join(sorted(RUN | PARSED | SHOWN))
        raise PageError(f"{block}: {block.language or 'no language'}; say one of {known}")
    if "<!-- test:" in block.text:
        raise PageError(f"{block}: a directive inside a block is seen by readers")
    return block


def commands(block: Block) -> str:
    """What a reader would type: a `console` block shows it after `$ `, with the answer below."""
    if block.language != "console":
        return block.text
    typed, more = [], False
    for line in block.text.splitlines():
        if more or line.startswith("$ "):
            typed.append(line if more else line[2:])
            more = line.endswith("\\")
    return "\n".join(typed) + "\n"


def ports(text: str) -> set[str]:
    """Port numbers a page speaks of. A test puts free ones in their places, so that it runs beside anything."""
    return set(_PORT.findall(text))


def with_ports(text: str, free: dict[str, int]) -> str:
    return _PORT.sub(lambda match: str(free[match[1]]), text)


def pages(root: Path) -> list[Path]:
    return [root / "README.md", root / "deploy" / "README.md", *sorted((root / "docs").rglob("*.md"))]
