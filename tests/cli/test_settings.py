"""A registry's settings as flags: the server's own list, with its own refusals."""

from pathlib import Path

import msgspec
import pytest
from tests.cli.terminal import in_shell, muster

from muster.cli.exits import Exit
from muster.server.options import OPTIONS

Capsys = pytest.CaptureFixture[str]


def test_config_shows_every_setting_and_where_it_comes_from(capsys: Capsys) -> None:
    ran = muster(capsys, "config", "--listen", "127.0.0.1:1", "-o", "json")
    told = {each["key"]: each for each in msgspec.json.decode(ran.out)}
    assert told.keys() == {option.key for option in OPTIONS}
    assert told["listen"] == {"key": "listen", "value": "127.0.0.1:1", "source": "flag --listen"}
    assert told["guard.window"] == {"key": "guard.window", "value": "90s", "source": "default"}


def test_flags_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text('data = "from-file"\nstore = "memory"\n')
    ran = in_shell("config", "--config", str(file), "-o", "yaml", MUSTER_DATA="from-environment")
    assert "value: from-environment\n  source: environment MUSTER_DATA" in ran.out
    assert f"value: memory\n  source: file {file}" in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--listen", "8500"), "listen (flag --listen): must be HOST:PORT"),
        (("--store", "redis"), "store (flag --store): must be sqlite, memory or etcd:"),
        (("--listen", "0.0.0.0:8500"), "can be reached from other machines"),
    ],
)
def test_a_mistake_names_the_flag(capsys: Capsys, words: tuple[str, ...], told: str) -> None:
    for verb in ("config", "serve"):
        ran = muster(capsys, verb, *words)
        assert ran.code == Exit.USAGE
        assert told in ran.err


def test_a_file_that_is_not_there(capsys: Capsys) -> None:
    ran = muster(capsys, "config", "--config", "/nonexistent/muster.toml")
    assert (ran.code, "/nonexistent/muster.toml: No such file" in ran.err) == (Exit.FILE, True)


def test_help_shows_defaults_as_they_are_written(capsys: Capsys) -> None:
    text = " ".join(muster(capsys, "serve", "--help").out.split())
    assert "--listen HOST:PORT Address and port of the HTTP API. [default: 127.0.0.1:8500]" in text
    assert "--expired-retention TIME" in text
    assert "[default: 24h]" in text
