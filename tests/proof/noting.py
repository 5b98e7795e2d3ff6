"""A library that writes down what it chooses, for programs that call by it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from tests.proof.notes import Note, Picked, encode

from muster.client import Discovery, Endpoint


class Noting(Discovery):
    """Writes down every choice, retries included."""

    by = ""

    def pick(self, *args: Any, **kwargs: Any) -> Endpoint:
        endpoint = super().pick(*args, **kwargs)
        note(Picked(time.monotonic(), self.by, endpoint.id))
        return endpoint


def note(what: Note) -> None:
    """One write for one line: those of several processes do not mix."""
    os.write(sys.stdout.fileno(), encode(what) + b"\n")
