"""`muster follow`: moving over from Consul or Eureka."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import click

from muster.cli.connection import Target, registry_options, secret_of
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.failures import Failure, of_refusal, unreachable
from muster.cli.moving.comparing import Difference
from muster.cli.moving.follower import Follower, Itself, Round
from muster.cli.moving.foreign import Away
from muster.cli.moving.source import Listing, Source
from muster.cli.moving.url import parse
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.cli.text import shown
from muster.client.errors import Refused, Unreachable
from muster.client.http import Requests
from muster.model import limits

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--compare", is_flag=True, help="Copy nothing; show what differs, until nothing does.")
@click.option("--once", is_flag=True, help="One round, and end.")
@time_option("--every", limits.FOLLOW_EVERY_S, "Between two rounds.")
@click.option(
    "--source-token-file", type=click.Path(path_type=Path), help="File with the token that Consul wants."
)
@registry_options
@output_option
def command(
    target: Target,
    source: str,
    compare: bool,
    once: bool,
    every: float,
    source_token_file: Path | None,
    output: Format,
) -> None:
    """Follow a Consul or Eureka server: its instances as copies here.

    \b
    muster follow consul://consul:8500
    muster follow eureka://eureka:8761/eureka --compare

    SOURCE is only read. Copies are marked with it (metadata `muster-origin`) and held by a lease that this command renews; an
    instance that registers here itself takes the place of its copy. With --compare nothing is written: the difference
    between what callers get there and here is shown, per service, until there is none.
    """
    token = secret_of(source_token_file) if source_token_file else ""
    followed = _source(source, token)
    if not once:
        signal.pthread_sigmask(
            signal.SIG_BLOCK, ENDING
        )  # taken between two rounds, never while anything is written
        followed = _Interruptible(followed)
    follower = Follower(followed, Requests(target.access()), _ttl(every), target.namespace)
    try:
        if compare:
            _compare(follower, output, every, once=once)
        else:
            _follow(follower, every, once=once)
    except Itself as itself:
        raise Failure(shown(str(itself)), "name the server to move away from", code=Exit.USAGE) from None


class _Ended(BaseException):
    """We were asked to end while a source was read."""


class _Interruptible:
    """A source whose reading ends when we are asked to: it may be slow, and nothing is half done by then."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.origin = source.origin
        for number in ENDING:
            signal.signal(number, self._end)

    def read(self) -> Listing:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        try:
            return self._source.read()
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def epoch(self) -> str:
        return self._source.epoch()

    def _end(self, number: int, frame: FrameType | None) -> None:
        raise _Ended


def _ttl(every: float) -> float:
    return max(limits.FOLLOW_TTL_S, limits.FOLLOW_ROUNDS_PER_TTL * every)


def _source(url: str, token: str) -> Source:
    try:
        return parse(url, token)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SOURCE") from None


def _follow(follower: Follower, every: float, *, once: bool) -> None:
    before: tuple[str, ...] = ()
    while True:
        try:
            lines = _lines(follower.follow())
        except (Away, Refused, Unreachable) as error:
            if once:
                raise _failure(error) from None
            lines = (f"{error}; what was copied stays",)
        except _Ended:
            return
        for line in lines if lines != before else ():
            click.echo(f"muster: {shown(line)}", err=True)
        before = lines
        if once or _ended(every):
            return


def _lines(done: Round) -> tuple[str, ...]:
    moved = f", {len(done.moved)} have moved here" if done.moved else ""
    said = f"{done.copies} copies ({done.registered} new or changed, {done.removed} removed){moved}"
    reasons = [*done.skipped, *done.refused]
    more = (
        [f"and {len(reasons) - limits.FOLLOW_REASONS} more"] if len(reasons) > limits.FOLLOW_REASONS else []
    )
    return (said, *(f"not copied: {each}" for each in reasons[: limits.FOLLOW_REASONS]), *more)


def _compare(follower: Follower, output: Format, every: float, *, once: bool) -> None:
    before: list[Difference] | None = None
    while True:
        try:
            found = follower.compare()
        except (Away, Refused, Unreachable) as error:
            raise _failure(error) from None
        except _Ended:
            raise Failure("the two views were not seen to agree", code=Exit.DIFFERENT) from None
        if found != before:
            show(found, output, partial(_table, found))
        if not found:
            return
        if once:
            raise Failure("the two views differ", code=Exit.DIFFERENT)
        before = found
        if _ended(every):
            raise Failure("the two views differ still", code=Exit.DIFFERENT)


def _table(found: list[Difference]) -> Table:
    rows = list(_rows(found))
    return Table(("service", "only there", "only here"), rows, empty="both sides send callers to the same")


def _rows(found: list[Difference]) -> Iterator[tuple[str, str, str]]:
    for each in found:
        yield each.service, ", ".join(each.only_there), ", ".join(each.only_here)


def _failure(error: Away | Refused | Unreachable) -> Failure:
    match error:
        case Refused():
            return of_refusal(error)
        case Unreachable():
            return of_refusal(error.refused) if error.refused else unreachable(error.tried)
        case _:
            return Failure(shown(str(error)), code=Exit.UNREACHABLE)


def _ended(every: float) -> bool:
    """Whether we were asked to end within the pause."""
    return signal.sigtimedwait(ENDING, every) is not None
