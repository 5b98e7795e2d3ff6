"""What a terminal's width is used for."""

from muster.cli.table import Table, plain, telling

TABLE = Table(("instance", "zone", "weight"), [("web-1", None, 100), ("web-2", "", 5)])


def test_a_column_that_says_nothing_takes_no_width() -> None:
    assert telling(TABLE) == [("instance", ["web-1", "web-2"]), ("weight", ["100", "5"])]


def test_a_pipe_gets_every_column() -> None:
    assert plain(TABLE).splitlines()[0].split() == ["instance", "zone", "weight"]
