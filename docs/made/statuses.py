"""The table of statuses in `concepts.md`, from the table that decides. The rest of the page stays as it is."""

import re
from pathlib import Path

from muster.model.record import STATUSES

from .markdown import code, table

PAGE = Path(__file__).parent.parent / "concepts.md"
BETWEEN = re.compile(r"(?<=<!-- made: statuses -->\n).*?(?=<!-- end -->)", re.DOTALL)


def page() -> str:
    rows = [(why, code(status), "yes" if visible else "no") for status, _, visible, why in STATUSES]
    made = table(("fact", "status", "discoverable"), rows)
    return BETWEEN.sub(lambda _: made, PAGE.read_text())
