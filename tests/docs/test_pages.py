"""Every block of the documentation does what it says: one test per page."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from tests.docs.pages import Block, blocks, pages, ports, with_ports
from tests.docs.terminal import free_ports, run
from tests.parts import PARTS, require
from tests.source import ROOT

from muster.server.config import resolve

TOOLS = ("curl", "dig", "dnsmasq", "haproxy", "jq", "nginx", "openssl", "unbound")
PAGES = {str(path.relative_to(ROOT)): path for path in pages(ROOT) if path.exists()}


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path) -> None:
    text = PAGES[page].read_text()
    free = free_ports(ports(text) | {"8500"})
    found = blocks(page, with_ports(text, free))
    for block in found:
        parse(block)
    if any(block.runs for block in found):
        for tool in tools(found):
            require(tool)
        status, output = run(found, tmp_path, f"http://127.0.0.1:{free['8500']}")
        assert status == 0, output


def parse(block: Block) -> None:
    """Data is well formed; configuration is accepted by the server."""
    if "skip" in block.words:
        return
    if block.language == "json":
        msgspec.json.decode(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
        if "other" not in block.words:
            resolve({}, {}, block.text, str(block))


def tools(found: list[Block]) -> list[str]:
    typed = "\n".join(block.text for block in found if block.runs and block.language != "python")
    return [tool for tool in TOOLS if tool in PARTS and re.search(rf"(?m)(^|[|&;( ]){tool} ", typed)]


def test_links_between_pages_lead_somewhere() -> None:
    dead = [
        f"{page}: {target}"
        for page, path in PAGES.items()
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", outside_blocks(path.read_text()))
        if not (path.parent / target).exists()
    ]
    assert not dead, "\n  " + "\n  ".join(dead)


def outside_blocks(text: str) -> str:
    return re.sub(r"(?ms)^ *(`{3,}|~{3,}).*?^ *\1$", "", text)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    written = [*PAGES.values(), ROOT / "CONTRIBUTING.md"]
    named = {
        name
        for path in written
        for name in re.findall(r"(?:`|^|\$ )make ([a-z]+)", path.read_text(), re.MULTILINE)
    }
    assert named <= targets
