"""`muster help`: a verb, or what belongs to all of them."""

from __future__ import annotations

from collections.abc import Callable

import click

from muster.cli.environment import VARIABLES
from muster.cli.exits import MEANING
from muster.cli.table import Table, plain
from muster.cli.tree import VERBS


def _exit_codes() -> str:
    rows = [(int(code), about) for code, about in MEANING.items()]
    return (
        plain(Table(("code", "meaning"), rows))
        + "\n\n"
        + "muster run: once started, the program's own exit code."
    )


def _environment() -> str:
    return plain(Table(("variable", "meaning"), tuple(VARIABLES.items())))


TOPICS: dict[str, Callable[[], str]] = {"exit-codes": _exit_codes, "environment": _environment}


@click.command()
@click.argument("topic", required=False, type=click.Choice((*VERBS, *TOPICS)))
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Explain a verb or a topic, such as exit-codes."""
    above = ctx.parent
    assert above is not None
    if topic is None:
        click.echo(above.get_help())
    elif topic in TOPICS:
        click.echo(TOPICS[topic]())
    else:
        verb = VERBS[topic].load()
        with click.Context(verb, info_name=topic, parent=above) as inner:
            click.echo(verb.get_help(inner))
