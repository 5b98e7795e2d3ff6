"""The verbs against a real registry."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.cli.serving import Serving, serving
from tests.cli.terminal import muster
from tests.cli.wrapper.programs import SERVER, free_port, started
from tests.httpapi.asking import Caller

from muster.cli.exits import Exit

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as registry:
        yield registry


def static(capsys: Capsys, url: str, *words: str) -> None:
    given = ("--service", "db", "--id", "db-1", "--host", "10.0.0.9", "--port", "5432")
    assert muster(capsys, "register", "--static", *given, *words, "--url", url).code == 0


def test_a_static_instance_is_there_until_it_is_deregistered(registry: Serving, capsys: Capsys) -> None:
    static(capsys, registry.url, "--zone", "a", "--meta", "k=v")
    assert muster(capsys, "resolve", "db", "--url", registry.url).out == "10.0.0.9:5432\n"
    assert muster(capsys, "deregister", "db-1", "--url", registry.url) == (0, "", "db-1 is deregistered\n")
    assert muster(capsys, "resolve", "db", "--url", registry.url).code == Exit.UNKNOWN


def test_an_override_hides_and_shows(registry: Serving, capsys: Capsys) -> None:
    static(capsys, registry.url)
    out = muster(capsys, "override", "db-1", "out_of_service", "--url", registry.url, "-o", "json")
    assert msgspec.json.decode(out.out)["status"] == "out_of_service"
    assert muster(capsys, "resolve", "db", "--url", registry.url).code == Exit.NOBODY
    muster(capsys, "override", "db-1", "none", "--url", registry.url)
    assert muster(capsys, "resolve", "db", "--url", registry.url).code == Exit.OK


def test_a_drain_without_readers_is_safe(registry: Serving, capsys: Capsys) -> None:
    static(capsys, registry.url)
    ran = muster(capsys, "drain", "db-1", "--wait", "1s", "--url", registry.url, "-o", "json")
    assert (ran.code, msgspec.json.decode(ran.out)["safe"]) == (Exit.OK, True)


def test_explain_says_why_an_instance_is_not_used(registry: Serving, capsys: Capsys) -> None:
    static(capsys, registry.url)
    muster(capsys, "override", "db-1", "out_of_service", "--url", registry.url)
    told = muster(capsys, "explain", "db-1", "--url", registry.url).out
    assert "gets no requests" in told
    assert "out_of_service" in told
    changed = next(line.split() for line in told.splitlines() if line.startswith("last change"))
    assert (changed[2][:2], changed[4:]) == ("20", ["revision", "2"])


def test_history_tells_what_happened_in_its_order(registry: Serving, capsys: Capsys) -> None:
    static(capsys, registry.url)
    muster(capsys, "override", "db-1", "out_of_service", "--url", registry.url)
    muster(capsys, "deregister", "db-1", "--url", registry.url)
    for named in (["db"], ["--id", "db-1"], []):
        ran = muster(capsys, "history", *named, "--url", registry.url, "-o", "json")
        lines = msgspec.json.decode(ran.out)["changes"]
        assert [line["after"] for line in lines] == ["absent", "out_of_service", "healthy"]
    table = muster(capsys, "history", "--limit", "1", "--url", registry.url).out.splitlines()
    assert [line.split()[2:6] for line in table[1:]] == [["db", "db-1", "out_of_service", "absent"]]


def test_status(registry: Serving, capsys: Capsys) -> None:
    told = msgspec.json.decode(muster(capsys, "status", "--url", registry.url, "-o", "json").out)
    assert told["ready"] is True
    assert "loop_lag_ms.p99" in muster(capsys, "status", "--url", registry.url).out


def test_guard(registry: Serving, capsys: Capsys) -> None:
    ran = muster(capsys, "guard", "--url", registry.url, "-o", "json")
    assert (ran.code, msgspec.json.decode(ran.out)["held"]) == (0, False)
    nothing = muster(capsys, "guard", "release", "a", "--url", registry.url)
    assert nothing.code == Exit.REFUSED
    assert muster(capsys, "guard", "release", "--url", registry.url).code == Exit.USAGE


def test_every_hold_can_be_ended(registry: Serving, capsys: Capsys) -> None:
    at = urlsplit(registry.url)
    with Caller(str(at.hostname), at.port or 0) as caller:
        for id in ("a", "b"):
            caller.register("web", id, zone="north", ttl="2s")
        while not caller.ask("GET", "/v1/guard").json["held"]:
            pass
    shown = muster(capsys, "guard", "--url", registry.url).out
    assert "2 of 2 leased instances fell silent" in shown
    ended = muster(capsys, "guard", "release", "--all", "--url", registry.url, "-o", "json")
    assert (ended.code, msgspec.json.decode(ended.out)["held"]) == (Exit.OK, False)


def test_backup_and_restore(registry: Serving, capsys: Capsys, tmp_path: Path) -> None:
    static(capsys, registry.url)
    file, other = tmp_path / "records.db", tmp_path / "other"
    assert muster(capsys, "backup", str(file), "--url", registry.url).code == 0
    again = muster(capsys, "backup", str(file), "--url", registry.url)
    assert (again.code, "--overwrite" in again.err) == (Exit.FILE, True)
    assert muster(capsys, "restore", str(file), "--data", str(other)).code == 0
    with serving(other) as restored:
        assert muster(capsys, "resolve", "db", "--url", restored.url).out == "10.0.0.9:5432\n"


def test_restore_refuses_a_database_in_use_and_a_file_that_is_none(
    registry: Serving, capsys: Capsys, tmp_path: Path
) -> None:
    file = tmp_path / "records.db"
    muster(capsys, "backup", str(file), "--url", registry.url)
    assert muster(capsys, "restore", str(file), "--data", str(tmp_path / "data")).code == Exit.FILE
    file.write_text("hello")
    refused = muster(capsys, "restore", str(file), "--data", str(tmp_path / "new"))
    assert refused.code == Exit.FILE
    assert str(file) in refused.err


@contextmanager
def watching(url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "muster", "watch", *words, "--url", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line.strip())
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} never came: {seen}")


def test_watch_tells_what_happens(registry: Serving, capsys: Capsys) -> None:
    with watching(registry.url, "db") as process:
        lines_until(process, "nothing of this name is registered")
        static(capsys, registry.url, "--zone", "a")
        assert lines_until(process, "+ db-1")[-1].endswith("db  + db-1  10.0.0.9:5432  zone a  healthy")
        static(capsys, registry.url, "--zone", "b")
        assert lines_until(process, "~ db-1")[-1].endswith("zone a -> b")
        muster(capsys, "deregister", "db-1", "--url", registry.url)
        lines_until(process, "- db-1")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == Exit.INTERRUPTED


def test_watch_ends_when_its_reader_does_though_nothing_happens(registry: Serving, capsys: Capsys) -> None:
    with watching(registry.url, "db") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == Exit.BROKEN_PIPE


def test_watch_as_json_lines(registry: Serving, capsys: Capsys) -> None:
    with watching(registry.url, "db", "-o", "json") as process:
        lines_until(process, '"snapshot"')
        static(capsys, registry.url)
        told = msgspec.json.decode(lines_until(process, '"upsert"')[-1])
        assert (told["event"], told["instances"][0]["instance_id"]) == ("upsert", "db-1")


def test_watch_goes_on_after_the_registry_was_away(tmp_path: Path, capsys: Capsys) -> None:
    port = free_port()
    with serving(tmp_path / "data", port=port) as first, watching(first.url, "db") as process:
        lines_until(process, "nothing of this name")
        first.stop()
        with serving(tmp_path / "data", port=port) as second:
            static(capsys, second.url)
            lines_until(process, "+ db-1")


def test_a_token_is_needed_where_the_registry_wants_one(tmp_path: Path, capsys: Capsys) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef0123456789abcdef\n")
    with serving(tmp_path / "data", "--tokens-file", str(tokens)) as registry:
        denied = muster(capsys, "deregister", "db-1", "--url", registry.url)
        assert (denied.code, "--token-file" in denied.err) == (Exit.DENIED, True)
        static(capsys, registry.url, "--token-file", str(tokens))


def test_a_wrapped_program_is_found_drained_and_gone(registry: Serving, capsys: Capsys) -> None:
    port = str(free_port())
    command = [sys.executable, "-m", "muster", "run", "--service", "web", "--port", port, "--check", "tcp"]
    with started(*command, "--url", registry.url, "--", *SERVER) as wrapped:
        wrapped.expect("is registered")
        with watching(registry.url, "web") as process:
            lines_until(process, "+ web-")
            assert muster(capsys, "resolve", "web", "--url", registry.url).out == f"127.0.0.1:{port}\n"
            wrapped.signal(signal.SIGTERM)
            assert lines_until(process, "- web-")[-1].endswith("draining")
            assert wrapped.end() == 0
    assert muster(capsys, "resolve", "web", "--url", registry.url).code == Exit.UNKNOWN


def test_a_registry_that_cannot_start_says_why(registry: Serving, tmp_path: Path) -> None:
    address = registry.url.removeprefix("http://")
    command = [sys.executable, "-m", "muster", "serve", "--listen", address, "--data", str(tmp_path / "b")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ran.returncode == Exit.FAILED
    assert "in use" in ran.stderr
