"""The tree of verbs: complete, light, and the same in help, docs and environment."""

import os
import subprocess
import sys

import click
import pytest
from tests.cli.terminal import muster

from muster.cli.environment import VARIABLES
from muster.cli.tree import VERBS
from muster.server.config import resolve

HEAVY = {"msgspec", "rich", "yaml", "muster.client", "muster.server", "ssl", "structlog"}


@pytest.mark.parametrize("name", VERBS)
def test_the_tree_says_what_the_verb_says(name: str) -> None:
    verb = VERBS[name]
    help_text = verb.load().help or ""
    assert " ".join(help_text.split()).startswith(verb.about)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = muster(capsys, "help", name)
    assert (asked.code, asked.out) == (0, muster(capsys, name, "--help").out)


def test_a_misspelt_verb_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    asked = muster(capsys, "sevre")
    assert asked.code == 2
    assert "Did you mean 'serve'?" in asked.err


def test_a_name_that_cannot_be_is_refused_before_anybody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    asked = muster(capsys, "resolve", "Bad Name", "--url", "http://127.0.0.1:1")
    assert (asked.code, asked.err) == (2, "muster: service: may hold letters, digits, '_' and '-' only\n")


def test_every_option_is_explained() -> None:
    silent = [
        f"{name} {param.name}"
        for name, verb in VERBS.items()
        for param in verb.load().params
        if isinstance(param, click.Option) and not param.help
    ]
    assert silent == []


def test_every_variable_is_listed() -> None:
    named = {
        variable
        for verb in VERBS.values()
        for param in verb.load().params
        for variable in _variables(param.envvar)
    }
    assert named - VARIABLES.keys() - {"OTEL_SERVICE_NAME", "POD_IP"} == set()


def _variables(envvar: object) -> list[str]:
    match envvar:
        case None:
            return []
        case str():
            return [envvar]
        case list() | tuple():
            return [str(each) for each in envvar]
    raise AssertionError(envvar)


def test_no_variable_of_ours_looks_like_a_misspelt_setting() -> None:
    resolve({}, dict.fromkeys(VARIABLES, "x"))


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from muster.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ran.stderr.split()) & HEAVY == set()


def test_without_click_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['click'] = None; from muster.cli import main; sys.exit(main(['services']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "pip install 'musterd[cli]'" in ran.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "_MUSTER_COMPLETE" in muster(capsys, "completion", shell).out


def test_a_closed_pipe_is_no_accident() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "muster", "serve", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")
