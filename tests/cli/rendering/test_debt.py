"""A command that could not be run, or was not seen to succeed, is run by the next who keeps the file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.rendering.running import render
from tests.cli.terminal import in_shell
from tests.httpapi.asking import Caller

from muster.cli.exits import Exit
from muster.cli.rendering.debt import Debt
from muster.testing.server import LocalRegistry


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        caller.register("web", "a")
        yield registry


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "ids.j2"
    file.write_text("{% for i in service('web').instances %}{{ i.id }}\n{% endfor %}")
    return file


def test_the_mark_is_beside_the_file_itself(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "out", tmp_path / "link"
    real.parent.mkdir()
    link.symlink_to(real)
    assert not Debt(link).owed
    Debt(link).incur()
    assert [each.name for each in real.parent.iterdir()] == [".out.owed"]
    debt = Debt(real)
    assert debt.owed
    debt.settle()
    assert (debt.owed, Debt(link).owed, list(real.parent.iterdir())) == (False, False, [])


def test_a_mark_that_somebody_clears_away_is_not_forgotten(tmp_path: Path) -> None:
    debt = Debt(tmp_path / "out")
    debt.incur()
    (tmp_path / ".out.owed").unlink()
    assert debt.owed
    debt.settle()
    assert not debt.owed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_owed_when_it_ends_is_run_at_its_next_start_and_once(
    registry: LocalRegistry, template: Path, tmp_path: Path, number: int
) -> None:
    out, gate, ran = tmp_path / "out", tmp_path / "gate", tmp_path / "ran"
    os.mkfifo(ran)
    options = ("--exec", f"""sh -c 'test -e "{gate}" && cat "{out}" > "{ran}"'""")
    with render(registry.url, template, out, *options) as process:
        process.said("exit 1")
        process.stop(number)
    assert out.read_text() == "a\n"
    gate.touch()
    with render(registry.url, template, out, *options) as process:
        assert ran.read_text() == "a\n"
        assert process.stop() == 0
        assert not any("written" in line for line in process.lines)
    in_shell("render", str(template), str(out), "--once", "--exec", "sh -c 'exit 1'", "--url", registry.url)
    assert not (tmp_path / ".out.owed").exists()


def test_once_owes_it_too(registry: LocalRegistry, template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("render", str(template), str(out), "--once", "--url", registry.url)
    codes = [in_shell(*words, "--exec", command).code for command in ("false", "false", "true", "false")]
    assert codes == [Exit.REFUSED, Exit.REFUSED, Exit.OK, Exit.OK]


def test_without_a_command_nothing_is_owed(registry: LocalRegistry, template: Path, tmp_path: Path) -> None:
    assert in_shell("render", str(template), str(tmp_path / "out"), "--once", "--url", registry.url).code == 0
    assert {each.name for each in tmp_path.iterdir()} == {"ids.j2", "out"}
