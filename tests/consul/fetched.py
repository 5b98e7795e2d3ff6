"""What judges us and is no Python package to install: fetched once with its registry's ordinary client, kept in pytest's cache.

Where it cannot be had the test that needs it is skipped and named, and fails where CI=true, as with any other part.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.parts import Part, demand, require

FETCH_S = 180.0
PY_CONSUL = "py-consul==1.8.0"
NPM_CONSUL = "consul@2.0.1"


def py_consul(config: pytest.Config) -> Path:
    """The unpacked source distribution of py-consul, which carries its tests; a wheel does not."""
    place = config.cache.mkdir("py-consul")  # type: ignore[union-attr]

    def look() -> str | None:
        unpacked = place / "py_consul-1.8.0"
        if not unpacked.is_dir():
            command = [
                "-m",
                "pip",
                "download",
                "--no-binary",
                ":all:",
                "--no-deps",
                "--dest",
                str(place),
                PY_CONSUL,
            ]
            if not _ran([sys.executable, *command]):
                return None
            with tarfile.open(next(place.glob("*.tar.gz"))) as archive:
                archive.extractall(place, filter="data")
        return str(unpacked)

    return Path(
        demand("py-consul's tests", Part(look, f"pip download --no-binary :all: {PY_CONSUL}"), os.environ)
    )


def npm_consul(config: pytest.Config) -> Path:
    """A directory where Node finds the package `consul`."""
    require("node")
    npm = require("npm")
    place = config.cache.mkdir("npm-consul")  # type: ignore[union-attr]

    def look() -> str | None:
        package = place / "node_modules" / "consul"
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(place), NPM_CONSUL]
        return str(place) if package.is_dir() or _ran(command) else None

    return Path(demand("the consul package of npm", Part(look, f"npm install {NPM_CONSUL}"), os.environ))


def _ran(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=FETCH_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
