"""The registry a command talks to: the options that name it, and requests whose failures are told in words.

--url, --namespace, --token-file, --ca-file   (or their variables, see `environment.py`)
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec
from msgspec import Struct

from muster.client.address import Registry, parse_all, towards
from muster.client.errors import Refused, Unreachable
from muster.client.http import Access, Answer, Request, Requests

from .failures import foreign, of_refusal, unreachable, unusable_file

DEFAULT_URL: Final = "http://127.0.0.1:8500"
LOOPBACK: Final = "127.0.0.1"
SECRET_FILE_BYTES: Final = 4096

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

_FILE = click.Path(path_type=Path)


def registry_options(command: Command) -> Command:
    """Adds the options; their values arrive as `target`, a `Target`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Target(Struct, frozen=True):
    """Which registries are meant, and by what right. Values as given; nothing is read or resolved yet."""

    url: str
    namespace: str
    token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def registries(self) -> tuple[Registry, ...]:
        try:
            return parse_all(self.url)
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from None

    @property
    def token(self) -> str | Path | None:
        """The file; or the token itself, for environments that can only hold values."""
        return self.token_file or os.environ.get("MUSTER_TOKEN")

    def access(self) -> Access:
        """What requests of the client library need. Raises `Failure` for a file that cannot be used."""
        token = self.token
        return Access(
            registries=self.registries,
            namespace=self.namespace,
            token=(lambda: secret_of(token)) if isinstance(token, Path) else (lambda: token or ""),
            tls=_verification(self.registries, self.ca_file),
        )

    def connect(self, owner_secret_file: Path | None = None) -> Connection:
        return Connection(self.access(), secret_of(owner_secret_file) if owner_secret_file else "")

    def own_host(self) -> str:
        """This machine's address on the way to the registry; loopback if there is no way."""
        try:
            return towards(self.registries[0])
        except OSError:
            return LOOPBACK


def secret_of(file: Path) -> str:
    """A token or secret: the file's only line. Raises `Failure`."""
    try:
        with file.open() as opened:
            secret = opened.read(SECRET_FILE_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise unusable_file(file, str(getattr(error, "strerror", None) or error)) from None
    if not secret or not secret.isprintable():
        raise unusable_file(file, "must hold one line, the secret itself")
    return secret


def owner_option(command: Command) -> Command:
    """Adds --owner-secret-file as the argument `owner_secret_file`."""
    return click.option(
        "--owner-secret-file",
        type=_FILE,
        envvar="MUSTER_OWNER_SECRET_FILE",
        show_envvar=True,
        help="File with the instance's owner secret.",
    )(command)


class Connection:
    """Requests to the registry. Every method raises `Failure`."""

    def __init__(self, access: Access, secret: str = "") -> None:
        self._requests = Requests(access)
        self._secret = secret

    def __repr__(self) -> str:
        return f"<Connection {self._requests!r}>"

    def get(self, path: str, kind: type[T], **query: object) -> T:
        """The typed body of the answer."""
        return read(self.send(Request("GET", path, query)), kind)

    def send(self, request: Request) -> Answer:
        try:
            return self._requests.send(msgspec.structs.replace(request, secret=self._secret))
        except Refused as refused:
            raise of_refusal(refused) from None
        except Unreachable as error:
            raise (of_refusal(error.refused) if error.refused else unreachable(error.tried)) from None


def read(answer: Answer, kind: type[T]) -> T:
    """The typed body of an answer."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as error:
        raise foreign(f"{answer.registry}: {error}") from None


def _verification(registries: tuple[Registry, ...], ca_file: Path | None) -> ssl.SSLContext | None:
    """None where TLS is not spoken."""
    if not any(registry.tls for registry in registries):
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise unusable_file(ca_file, f"not usable as certificates: {error}") from None


def _as_target(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Fold the option into the command's `target` argument."""
    target = ctx.params.get("target") or Target(DEFAULT_URL, "default")
    if value is not None and param.name is not None:
        target = msgspec.structs.replace(target, **{param.name: value})
    ctx.params["target"] = target
    return value


def _option(*names: str, variable: str, **rest: Any) -> Callable[[Command], Command]:
    return click.option(
        *names, envvar=variable, show_envvar=True, expose_value=False, callback=_as_target, **rest
    )


_OPTIONS: Final = (
    _option(
        "--url",
        metavar="URL,...",
        variable="MUSTER_URL",
        default=DEFAULT_URL,
        show_default=True,
        help="Registries, between commas.",
    ),
    _option(
        "-n",
        "--namespace",
        metavar="NAME",
        variable="MUSTER_NAMESPACE",
        default="default",
        show_default=True,
        help="Whose services.",
    ),
    _option(
        "--token-file", variable="MUSTER_TOKEN_FILE", type=_FILE, help="File with the token for writing."
    ),
    _option(
        "--ca-file",
        variable="MUSTER_CA_FILE",
        type=_FILE,
        help="Certificates to trust instead of the system's.",
    ),
)
