"""Pages made from code say what the code says."""

import subprocess
import sys

from tests.source import ROOT


def test_generated_pages_are_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr
