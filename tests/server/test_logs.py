"""One line per event, for machines or for people, with nothing in it that a terminal would obey."""

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest
import structlog

from muster.server.logs import configure
from muster.server.settings import Log


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_is_one_object_a_line() -> None:
    stream = io.StringIO()
    configure(Log(format="json"), stream)
    structlog.get_logger().info("lease_expired", instance="web-1", ttl=30.0)
    line = msgspec.json.decode(stream.getvalue())
    assert stream.getvalue().endswith("}\n")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "lease_expired", "instance": "web-1", "ttl": 30.0, "level": "info"}


def test_what_the_standard_library_says_takes_the_same_way() -> None:
    stream = io.StringIO()
    configure(Log(format="json"), stream)
    logging.getLogger("uvicorn.error").warning("port %d", 8500, extra={"color_message": "\x1b[1m"})
    line = msgspec.json.decode(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("port 8500", "warning", "uvicorn.error")


@pytest.mark.parametrize("format_", ["json", "console"])
def test_terminal_escapes_are_made_harmless(format_: str) -> None:
    stream = io.StringIO()
    configure(msgspec.convert({"format": format_}, Log), stream)
    try:
        raise ValueError("bad \x1b]0;owned\x07 zone \x9b31m")
    except ValueError:
        structlog.get_logger().exception("probe \x1b[2J", output="a\nb\x9b31m" + "x" * 10_000)
    written = stream.getvalue()
    assert not {"\x1b", "\x07", "\x9b"} & set(written)
    assert "a?b?31m" in written
    assert len(written) < 5_000


def test_the_level_is_the_least_that_is_logged() -> None:
    stream = io.StringIO()
    configure(Log(level="warning", format="json"), stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger().error("loud")
    assert stream.getvalue().count("\n") == 1


def test_a_pipe_gets_json_unless_told_otherwise() -> None:
    stream = io.StringIO()
    configure(Log(), stream)
    structlog.get_logger().info("hello")
    assert msgspec.json.decode(stream.getvalue())["event"] == "hello"
