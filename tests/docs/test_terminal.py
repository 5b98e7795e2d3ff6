"""The reader's terminal, read and run on pages of our own."""

from pathlib import Path

import pytest
from tests.docs.pages import PageError, blocks, commands, with_ports
from tests.docs.terminal import members_of, run

URL = "http://127.0.0.1:1"


def page(text: str, directory: Path) -> tuple[int, str]:
    return run(blocks("page.md", text.replace("'''", "```")), directory, URL)


def test_blocks_share_one_terminal(tmp_path: Path) -> None:
    text = "'''sh\nname=Ada\n'''\ntext\n'''console\n$ echo \"hello $name \\\n  and $MUSTER_URL\"\nhello somebody\n'''\n"
    status, output = page(text, tmp_path)
    assert (status, output) == (0, f"--- page.md:2\n--- page.md:6\nhello Ada   and {URL}\n")


def test_the_first_failure_ends_the_page(tmp_path: Path) -> None:
    status, output = page("'''sh\nfalse | true\n'''\n'''sh\necho not reached\n'''\n", tmp_path)
    assert status == 1
    assert "not reached" not in output.replace("echo not reached", "")


def test_a_block_may_be_meant_to_fail(tmp_path: Path) -> None:
    assert page("<!-- test: exit=3 -->\n'''sh\nfalse || exit 3\n'''\n", tmp_path)[0] == 0
    status, output = page("<!-- test: exit=3 -->\n'''sh\nexit 4\n'''\n", tmp_path)
    assert status == 1
    assert "*** page.md:3: exit 4" in output


def test_a_file_is_there_for_later_blocks(tmp_path: Path) -> None:
    text = "<!-- test: file=who.py -->\n'''python\nprint('me')\n'''\n'''sh\npython who.py\n'''\n"
    assert page(text, tmp_path) == (0, "--- page.md:6\nme\n")


def test_a_server_is_waited_for_and_ended_with_the_page(tmp_path: Path) -> None:
    text = (
        "<!-- test: background ready='test -e up' -->\n'''sh\n(sleep 0.3; touch up; sleep 600)\n'''\n"
        "'''sh\ntest -e up; ps -o sid= $$ | tr -d ' ' > sid\n'''\n"
    )
    assert page(text, tmp_path)[0] == 0
    assert members_of(int((tmp_path / "sid").read_text())) == set()


def test_a_server_that_ends_at_once_is_shown(tmp_path: Path) -> None:
    text = "<!-- test: background ready=false -->\n'''sh\necho no such database; exit 1\n'''\n"
    status, output = page(text, tmp_path)
    assert status == 1
    assert "the server ended: no such database" in output


def test_what_is_skipped_does_not_run(tmp_path: Path) -> None:
    assert page("<!-- test: skip reason='installs' -->\n'''sh\nexit 1\n'''\n", tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("'''\nx\n'''", "page.md:2: no language; say one of"),
        ("'''bsah\nx\n'''", "page.md:2: bsah; say one of"),
        ("'''sh\nx\n", "page.md:1: the block does not end"),
        ("<!-- test: skip -->\n'''sh\nx\n'''", "page.md:1: say why"),
        ("<!-- test: skpi -->\n'''sh\nx\n'''", "page.md:1: unknown skpi"),
        (
            "<!-- test: background -->\ntext\n'''sh\nx\n'''",
            "page.md:2: a `test:` comment stands right before its block",
        ),
    ],
)
def test_what_a_page_may_not_say(text: str, problem: str) -> None:
    with pytest.raises(PageError, match=problem):
        blocks("page.md", text.replace("'''", "```"))


def test_blocks_in_lists_lose_their_indent() -> None:
    (block,) = blocks("page.md", "1. do\n\n   ```sh\n   echo\n     more\n   ```\n")
    assert commands(block) == "echo\n  more\n"


def test_ports_are_replaced_everywhere_alike() -> None:
    text = "muster serve --listen 127.0.0.1:8500; curl localhost:8500/x --port 8080 185000"
    assert with_ports(text, {"8500": 41, "8080": 42}) == (
        "muster serve --listen 127.0.0.1:41; curl localhost:41/x --port 42 185000"
    )
