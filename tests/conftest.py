"""What every test run has: seeds for the simulator, failures shown at once, and a last line that names the parts that were not had."""

import faulthandler
import signal
from collections.abc import Iterator

import pytest
from tests.parts import MISSING

DEFAULT_SEEDS = 25
CLEANED_UP_S = 60.0
"""A test that failed has so long to end what it started; then its process is ended, and another takes the next test."""
LONGEST_TOLD = 8_000
"""Characters of a failure that are shown at once; the summary has all of it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("muster")
    group.addoption(
        "--seeds", type=int, default=DEFAULT_SEEDS, help="how many seeds a test with a `seed` argument runs"
    )
    group.addoption("--seed", type=int, default=None, help="run this one seed again")


class AtOnce:
    """A run that is ended from outside never reaches its summary: what fails is told when it fails."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:  # a worker of xdist has none
            terminal.ensure_newline()
            terminal.line(f"FAILED in {report.when}: {report.nodeid}", red=True)
            terminal.line(report.longreprtext[-LONGEST_TOLD:])


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(AtOnce(config))
    _hear_interrupts()


def _hear_interrupts() -> None:
    """A shell's background job is born with these ignored, and so would be every program that the tests start and interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """A command of ours blocks signals for its process, which is this one where a test calls it; and whatever a later test starts would
    inherit that, and not end when it is asked to."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        return (yield)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact() -> None:
    """pytest takes its last guard away when a test fails. What cleans up after the test can hang as well."""
    faulthandler.dump_traceback_later(CLEANED_UP_S, exit=True)


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
