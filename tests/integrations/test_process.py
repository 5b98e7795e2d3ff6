"""Which processes register."""

import subprocess
import sys

import pytest
from tests.source import SOURCE

from muster.integrations.process import as_django, as_flask, may_register

URL = {"MUSTER_URL": "http://127.0.0.1:8500"}
YES, NO = URL | {"MUSTER_REGISTER": "1"}, URL | {"MUSTER_REGISTER": "off"}
FLASK = URL | {"FLASK_RUN_FROM_CLI": "true"}
CHILD = URL | {"RUN_MAIN": "true"}


@pytest.mark.parametrize("otherwise", [True, False])
def test_the_environment_decides(otherwise: bool) -> None:
    assert may_register(YES, otherwise=otherwise)
    assert not may_register(NO, otherwise=otherwise)
    assert may_register(URL, otherwise=otherwise) is otherwise


def test_nobody_registers_with_what_is_written_down() -> None:
    assert not may_register(YES | {"MUSTER_URL": "static:web=127.0.0.1:80"}, otherwise=True)


def test_it_says_yes_or_no() -> None:
    with pytest.raises(ValueError, match="MUSTER_REGISTER is 'perhaps'"):
        may_register({"MUSTER_REGISTER": "perhaps"}, otherwise=True)


@pytest.mark.parametrize(
    ("environ", "command", "registers"),
    [
        (FLASK, "flask --app shop run --port 80", True),
        (FLASK, "flask --app shop shell", False),
        (FLASK | {"MUSTER_REGISTER": "1"}, "flask db upgrade", False),
        (FLASK | {"MUSTER_REGISTER": "0"}, "flask run", False),
        (URL, "gunicorn shop:app", False),
        (YES, "waitress-serve shop:app", True),
    ],
)
def test_flask(environ: dict[str, str], command: str, registers: bool) -> None:
    assert as_flask(environ, command.split()) is registers


@pytest.mark.parametrize(
    ("environ", "command", "registers"),
    [
        (URL, "manage.py runserver", False),
        (CHILD, "manage.py runserver", True),
        (URL, "manage.py runserver --noreload", True),
        (CHILD | {"MUSTER_REGISTER": "0"}, "manage.py runserver", False),
        (YES, "manage.py migrate", False),
        (YES, "manage.py shell --noreload", False),
        (YES, "manage.py", False),
    ],
)
def test_django_commands(environ: dict[str, str], command: str, registers: bool) -> None:
    assert as_django(environ, command.split(), managing=True) is registers


@pytest.mark.parametrize(("environ", "registers"), [(URL, False), (YES, True), (NO, False)])
def test_django_under_a_server(environ: dict[str, str], registers: bool) -> None:
    assert as_django(environ, ["uwsgi"], managing=False) is registers


EXTENDING = {"aiohttp", "django", "httpx", "httpx2", "opentelemetry", "prometheus", "requests"}
"""Modules that extend a class of the library they are named after: only who has it imports them."""


def test_no_framework_is_loaded_that_is_not_there_already() -> None:
    names = [path.stem for path in (SOURCE / "integrations").glob("[a-z]*.py") if path.stem not in EXTENDING]
    code = (
        "import sys; before = set(sys.modules);"
        + "".join(f"import muster.integrations.{name};" for name in names)
        + "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) <= {"muster", "msgspec", "typing_extensions"}
