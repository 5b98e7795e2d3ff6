"""Flask, under any WSGI server: registered when the port answers, deregistered when the process ends.

    muster = Muster(RegisterBody(service="orders", port=8080))
    muster.init_app(app)

`flask run` registers; other commands do not; any other server does if MUSTER_REGISTER=1. Under gunicorn take its hooks
instead (`gunicorn.py`), or `muster run` under any server, to lose nothing at SIGTERM.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from muster.wire.registration import RegisterBody

from .description import describe
from .membership import Membership
from .process import as_flask, enter

if TYPE_CHECKING:
    from flask import Flask


class Muster:
    """`instance`: what the environment does not say."""

    def __init__(self, instance: RegisterBody | None = None, *, urls: str | None = None) -> None:
        self._instance = instance
        self._urls = urls

    def init_app(self, app: Flask) -> None:
        """Once per process; the membership is `app.extensions["muster"]`. Raises ValueError, `Rejected`."""
        if "muster" not in app.extensions and as_flask(os.environ, sys.argv):
            membership = Membership(describe(self._instance, urls=self._urls))
            app.extensions["muster"] = membership
            enter(membership)
