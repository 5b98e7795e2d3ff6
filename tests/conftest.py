"""What every test run has: seeds for the simulator, and a last line that names the parts that were not had."""

import signal
from collections.abc import Iterator

import pytest
from tests.parts import MISSING

DEFAULT_SEEDS = 25


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("muster")
    group.addoption(
        "--seeds", type=int, default=DEFAULT_SEEDS, help="how many seeds a test with a `seed` argument runs"
    )
    group.addoption("--seed", type=int, default=None, help="run this one seed again")


def pytest_configure() -> None:
    """A shell's background job is born with these ignored, and so would be every program that the tests start and interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seed` runs once per seed: 0..N-1, or the one that was asked for."""
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")) if one is None else [one])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = sorted(set(_parts_not_had(terminalreporter)))
    if missing:
        terminalreporter.section("NOT TESTED HERE", sep="!", yellow=True, bold=True)
        for part in missing:
            terminalreporter.line(f"  {part}")


def _parts_not_had(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    for report in terminalreporter.getreports("skipped"):
        _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, "")
        if MISSING in reason:
            yield reason.partition(MISSING)[2]
