"""The command after a change: the operator's words, ended in time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from muster.cli.rendering.command import Failed, run, split


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_it_is_split_as_a_shell_would_and_read_by_none(tmp_path: Path) -> None:
    assert split("nginx -s 'reload; $X'") == ("nginx", "-s", "reload; $X")
    for text in ("", "  ", "'"):
        with pytest.raises(ValueError, match=r".*"):
            split(text)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (python("raise SystemExit(3)"), "exit 3"),
        (python("import os; os.abort()"), "signal 6"),
        (("/no/such/command",), "No such file"),
    ],
)
def test_how_it_failed_is_said(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(Failed, match=problem):
        run(words)


def test_one_that_hangs_is_ended_with_its_children() -> None:
    with pytest.raises(Failed, match="not done in time"):
        run(("sh", "-c", "sleep 600 & sleep 600"), timeout=0.2)


def test_one_that_hangs_holds_nobody_up_who_is_asked_to_end() -> None:
    leaving = os.eventfd(1)
    try:
        with pytest.raises(Failed, match="not done in time"):
            run(("sleep", "600"), timeout=600.0, leaving=leaving, parting=0.1)
        run(("true",), leaving=leaving)
    finally:
        os.close(leaving)


def test_it_starts_with_no_signal_blocked_and_nothing_to_read() -> None:
    run(python("import signal, sys; assert not signal.pthread_sigmask(0, []); assert sys.stdin.read() == ''"))
