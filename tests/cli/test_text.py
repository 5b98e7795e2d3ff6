"""What came from elsewhere reaches the screen as letters only."""

import io

import msgspec
import pytest

from muster.cli.output import json_text, yaml_text
from muster.cli.table import Table, plain
from muster.cli.text import json_shown, shown, speakable

NASTY = "\x1b[31mred\x1b[0m \x9b2J \u202eevil \u200b[bold]x[/bold] Zürich\n"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain Zürich", "plain Zürich"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("two\nlines", "two\\nlines"),
        ("\udcff", "\\udcff"),
        ("[red]markup[/red]", "[red]markup[/red]"),
    ],
)
def test_shown(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_json_still_means_the_same() -> None:
    text = json_text({"name": NASTY})
    assert text.isprintable()
    assert "Zürich" in text
    assert msgspec.json.decode(text) == {"name": NASTY}


def test_json_escapes_what_needs_two_units() -> None:
    assert msgspec.json.decode(json_shown('"\U000e0001"')) == "\U000e0001"


def test_yaml_shows_nothing_unprintable() -> None:
    import yaml

    text = yaml_text({"name": NASTY})
    assert all(map(str.isprintable, text.split("\n")))
    assert yaml.safe_load(text) == {"name": NASTY}


def test_readable_yaml_stays_readable() -> None:
    assert yaml_text({"city": "Zürich"}) == "city: Zürich\n"


def test_plain_tables_can_be_cut() -> None:
    table = Table(("a", "name"), [(1, "x\x1by"), (22, ""), (True, 0.12345)])
    assert plain(table).split("\n") == ["a    name", "1    x\\x1by", "22   -", "yes  0.123"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_of_any_encoding_takes_every_text(encoding: str) -> None:
    text = msgspec.json.encode(everything := {"id": "ключ", "ä": "🦀"}).decode()
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    speakable(stream)
    stream.write(text)
    stream.flush()
    assert msgspec.json.decode(raw.getvalue().decode(encoding)) == everything
