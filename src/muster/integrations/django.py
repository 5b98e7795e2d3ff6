"""Django: an application of its own, configured in the settings.

    INSTALLED_APPS = [..., "muster.integrations.django.MusterConfig"]
    MUSTER = {"service": "orders", "port": 8000, "health_endpoint": "/health"}

`manage.py runserver` registers, in the process that serves; other commands do not; any other server does if
MUSTER_REGISTER=1. Under gunicorn take its hooks instead (`gunicorn.py`), or `muster run` under any server, to lose
nothing at SIGTERM.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
from django.apps import AppConfig
from django.conf import settings

from muster.wire.registration import RegisterBody

from .description import describe
from .membership import Membership
from .process import as_django, enter

COMMANDS = {"manage.py", "django-admin", "django-admin.py"}


class MusterConfig(AppConfig):  # type: ignore[misc] # Django has no types
    """MUSTER: the fields of a registration, in a dictionary; whatever is left out comes from the environment."""

    name = "muster.integrations.django"
    label = "muster"
    verbose_name = "Muster"

    def ready(self) -> None:
        """Raises `msgspec.ValidationError`, ValueError or `Rejected` naming what is wrong in MUSTER."""
        if as_django(os.environ, sys.argv, managing=_managing()):
            described = msgspec.convert(getattr(settings, "MUSTER", {}), RegisterBody)
            enter(Membership(describe(described)))


def _managing() -> bool:
    """`manage.py`, `django-admin`, or `python -m django`, whose file is called `__main__.py`."""
    program = Path(sys.argv[0])
    return program.name in COMMANDS or (program.name, program.parent.name) == ("__main__.py", "django")
