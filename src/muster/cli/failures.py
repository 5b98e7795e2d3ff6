"""What went wrong, in words for a person: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from .exits import Exit, of_problem
from .text import shown

if TYPE_CHECKING:
    from muster.client.errors import Refused  # for its name alone: `muster --help` must not load the library


class Failure(Exception):
    """Ends a command. `message` says what happened, `advice` what to do next (may be empty), `code` is the exit code."""

    def __init__(self, message: str, advice: str = "", *, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.code = code

    def show(self) -> None:
        click.echo(f"muster: {self.message}", err=True)
        for line in self.advice.splitlines():
            click.echo(f"        {line}", err=True)

    def __repr__(self) -> str:
        return f"<Failure {self.code.name}: {self.message}>"


ADVICE: Final[dict[str, str]] = {
    "token_required": "give one: --token-file FILE, or MUSTER_TOKEN_FILE=FILE",
    "token_invalid": "is it in the registry's tokens_file? see `muster config` where the registry runs",
    "not_owner": "whoever registered it holds the secret: --owner-secret-file FILE",
    "host_not_allowed": "use the registry's address, or add the name to its allowed_hosts",
    "unknown_instance": "`muster instances SERVICE --all` lists the instances there are",
    "unknown_service": "`muster services` lists the services there are; mind --namespace",
    "unknown_policy": "`muster policy get SERVICE --full` shows the defaults that hold",
    "changed_meanwhile": "look at what changed, `muster policy diff SERVICE FILE`, and apply again",
    "superseded": "a newer start of the same instance is registered; there is nothing left to do for the old one",
    "not_held": "`muster guard` shows which zones are held",
    "limit_reached": "`muster status` shows how much is registered",
    "store_unavailable": "the registry's disk, or its etcd, is full or broken: see its log and `muster status`",
    "overloaded": "try again in a moment",
    "unsettled": "ask again when instances had the time for a heartbeat",
    "stopping": "name another registry with --url, or wait until this one is back",
}
"""problem code -> what to do next, where the problem's own text does not say it."""

FOREIGN: Final = "unknown"
"""What the library calls a refusal that is no problem of Muster's: a proxy's error page, say."""


def of_refusal(refused: Refused) -> Failure:
    """A registry's no as the failure of a command."""
    if refused.code == FOREIGN:
        return foreign(refused.detail)
    where = f"{shown(refused.field)}: " if refused.field else ""
    advice = ADVICE.get(refused.code, "")
    return Failure(f"{where}{shown(refused.detail)}", advice, code=of_problem(refused.code, refused.status))


def foreign(detail: str) -> Failure:
    """Something answered that is no registry."""
    return Failure(
        f"what answers there does not speak as a registry does: {shown(detail)}",
        "is --url (MUSTER_URL) the address of a Muster registry?",
        code=Exit.UNREACHABLE,
    )


NOBODY_THERE: Final = (
    "start one here:      muster serve\nor name another one: --url http://HOST:8500, or MUSTER_URL"
)
CLUES: Final[dict[str, str]] = {
    "CERTIFICATE_VERIFY_FAILED": "name the certificates to trust: --ca-file FILE, or MUSTER_CA_FILE",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: should the URL begin with http:// ?",
    "closed connection without response": "perhaps it speaks TLS: should the URL begin with https:// ?",
}
"""Part of what happened -> what it usually means, and what to do."""


def unreachable(tried: Mapping[str, str]) -> Failure:
    """`tried`: registry's URL -> what happened there."""
    reasons = ", ".join(f"{shown(url)} ({shown(why)})" for url, why in tried.items())
    clues = [advice for clue, advice in CLUES.items() if clue in reasons]
    return Failure(
        f"no registry answers at {reasons}", "\n".join(clues) or NOBODY_THERE, code=Exit.UNREACHABLE
    )


def unusable_file(path: object, reason: str, advice: str = "") -> Failure:
    return Failure(f"{shown(str(path))}: {reason}", advice, code=Exit.FILE)
