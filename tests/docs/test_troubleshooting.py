"""Whoever is refused finds the code in the page that says what to do."""

from tests.source import ROOT

from muster.model.errors import CODES


def test_every_code_is_gone_through() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
    assert [code for code in CODES if f"`{code}`" not in page] == []
