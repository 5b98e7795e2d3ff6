"""`muster render` as a process: what it writes, when, and what it does when something is wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.rendering.running import render
from tests.cli.terminal import in_shell, muster
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

LIST = "{% for i in service('web').instances %}{{ i.id }} {{ i.address }}\n{% endfor %}end\n"


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "list.j2"
    file.write_text(LIST)
    return file


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "list"


def test_once(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    caller.register("web", "a")
    ran = muster(capsys, "render", str(template), str(out), "--once", "--url", registry.url)
    assert (ran.code, out.read_text()) == (0, "a 127.0.0.1:8080\nend\n")


def test_it_follows(caller: Caller, registry: LocalRegistry, template: Path, out: Path) -> None:
    with render(registry.url, template, out, "--debounce", "10ms") as process:
        process.said("written")
        assert out.read_text() == "end\n"
        caller.register("web", "a")
        process.said("written")
        assert out.read_text() == "a 127.0.0.1:8080\nend\n"
        caller.ask("POST", "/v1/instances/a/drain?wait=0s")
        process.said("written")
        assert out.read_text() == "end\n"
        assert process.stop() == 0


def test_changes_that_come_together_are_one_file(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command = f"""sh -c 'grep -c 127 "{out}" >> "{log}"; true'"""
    with render(registry.url, template, out, "--debounce", "1s", "--exec", command) as process:
        process.said("written")
        for n in range(20):
            caller.register("web", f"web-{n}", port=1000 + n)
        process.said("written")
        process.stop()
    assert log.read_text().split() == ["0", "20"]


def test_an_output_that_is_the_same_runs_nothing(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with render(registry.url, template, out, "--debounce", "0s", "--exec", f"tee -a {log}") as process:
        process.said("written")
        caller.register("other", "b")
        caller.register("web", "a", weight=100)
        process.said("written")
        caller.ask("PATCH", "/v1/instances/a", {"weight": 7})
        caller.deregister("a")
        process.said("written")
        assert process.quiet()


def test_while_the_registry_is_away_the_file_stays(template: Path, out: Path) -> None:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        caller.register("web", "a")
        url = registry.url
        with render(url, template, out) as process:
            process.said("written")
    told = out.read_text()
    with render(url, template, out) as process:
        process.said("waiting")
        assert out.read_text() == told
        assert process.stop(signal.SIGINT) == 0


def test_once_without_a_registry_touches_nothing(
    template: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.write_text("as it was")
    ran = muster(
        capsys, "render", str(template), str(out), "--once", "--wait", "200ms", "--url", "http://127.0.0.1:1"
    )
    assert (ran.code, out.read_text()) == (3, "as it was")


def test_a_broken_template_leaves_the_file_and_heals(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path
) -> None:
    caller.register("web", "a")
    with render(registry.url, template, out) as process:
        process.said("written")
        template.write_text("half a file\n{{ nonsense(")
        process.process.send_signal(signal.SIGHUP)
        assert "list.j2:2" in process.said("stays as it is")
        assert out.read_text() == "a 127.0.0.1:8080\nend\n"
        template.write_text("better\n")
        process.process.send_signal(signal.SIGHUP)
        process.said("written")
        assert out.read_text() == "better\n"


def test_a_command_that_failed_is_run_again_though_nothing_changes(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, tmp_path: Path
) -> None:
    gate, done = tmp_path / "gate", tmp_path / "done"
    os.mkfifo(done)
    command = f"""sh -c 'test -e "{gate}" && echo done > "{done}"'"""
    with render(registry.url, template, out, "--exec", command) as process:
        process.said("exit 1")
        gate.touch()
        process.process.send_signal(signal.SIGHUP)
        assert done.read_text() == "done\n"


def test_nothing_of_an_instance_reaches_the_command(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    caller.register("web", "secret-id", metadata={"k": "$(touch owned)"})
    command = f"""sh -c 'cat /proc/$$/cmdline /proc/$$/environ > "{seen}"'"""
    with render(registry.url, template, out, "--exec", command) as process:
        process.said("written")
        process.stop()
    assert b"secret-id" not in seen.read_bytes()
    assert b"owned" not in seen.read_bytes()


def test_a_template_without_an_end_holds_nobody_up(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path
) -> None:
    template.write_text("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    with render(registry.url, template, out) as process:
        assert "stays as it is" in process.said("not done after")
        assert process.stop() == 0
    assert not out.exists()


def test_a_command_that_hangs_or_says_too_much_holds_nobody_up(
    caller: Caller, registry: LocalRegistry, template: Path, out: Path, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    command = f"""sh -c 'head -c 4000000 /dev/zero | tr "\\0" "\\n"; echo began > "{began}"; sleep 600'"""
    with render(registry.url, template, out, "--exec", command) as process:
        assert began.read_text() == "began\n"
        assert process.stop() == 0
        process.said("not done in time")
    assert out.read_text() == "end\n"


@pytest.mark.parametrize("kind", ["directory", "absent", "pipe"])
def test_what_cannot_be_written_is_said_until_it_can(
    caller: Caller, registry: LocalRegistry, template: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "there" / "list"
    if kind != "absent":
        out.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(out)
    link = tmp_path / "link"
    link.symlink_to(out.parent if kind == "directory" else out)
    if kind == "directory":
        ran = in_shell("render", str(template), str(link), "--once", "--url", registry.url)
        assert (ran.code, "is a directory" in ran.err) == (2, True)
        return
    with render(registry.url, template, link) as process:
        process.said("No such file" if kind == "absent" else "is no file")
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        process.process.send_signal(signal.SIGHUP)
        process.said("written")
        assert (out.read_text(), link.is_symlink()) == ("end\n", True)
