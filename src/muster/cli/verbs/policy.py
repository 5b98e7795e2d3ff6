"""`muster policy`: the traffic policy of a service, read, compared, set and removed."""

from __future__ import annotations

from typing import Any

import click
from msgspec import Struct

from muster.cli.comparison import Change, changes, lines, never_by_trouble
from muster.cli.completing import service_names
from muster.cli.connection import Connection, Target, read, registry_options
from muster.cli.documents import document_argument, policy_in
from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, output_option, show, tell, yaml_text
from muster.cli.table import Table
from muster.cli.text import shown
from muster.client.http import Request, part
from muster.model.policy import DEFAULT
from muster.wire import policy as wire

service_argument = click.argument("service", shell_complete=service_names)


class PolicyView(Struct, frozen=True):
    """What the registry has of a service: the document, and the revision that it was written at; 0 where there is none."""

    policy: dict[str, Any]
    revision: int = 0
    service: str = ""


class Difference(Struct, frozen=True):
    """Between the policy that holds, written at `revision` (0: the defaults do), and a document."""

    service: str
    revision: int
    changes: list[Change]


@click.group()
def command() -> None:
    """Show, compare, set or remove the traffic policy of a service.

    It says how callers choose an instance and what they do about failures. Callers obey a change within a moment.
    """


@command.command()
@service_argument
@click.option("--full", is_flag=True, help="Every field, those with their default too.")
@registry_options
@output_option
def get(target: Target, service: str, full: bool, output: Format) -> None:
    """Print the policy of SERVICE, as YAML if nothing else is said."""
    held = held_of(target.connect(), service)
    if held is None and not full:
        raise Failure(
            f"{service}: it has no policy, so the defaults hold", "see them with --full", code=Exit.UNKNOWN
        )
    document = wire.document(wire.parse(held.policy) if held else DEFAULT, full=full)
    if output == "table":
        click.echo(yaml_text(document), nl=False)
    else:
        show(document, output, lambda: Table((), ()))


@command.command()
@service_argument
@document_argument
@click.option(
    "--if-revision", type=int, help="Only if the policy is at this revision; 0: only if there is none."
)
@registry_options
@output_option
def apply(target: Target, service: str, document: str, if_revision: int | None, output: Format) -> None:
    """Set the policy of SERVICE to the document in FILE (YAML or JSON; `-` is stdin).

    The document is the whole policy: what it leaves out has its default. Nobody's change of the meantime is overwritten.
    """
    policy = policy_in(document)
    connection = target.connect()
    before = held_of(connection, service)
    revision = if_revision if if_revision is not None else before.revision if before else 0
    answer = connection.send(
        Request("PUT", _path(service), body=wire.document(policy), headers=_guarded(revision))
    )
    held = read(answer, PolicyView)
    same = before is not None and before.revision == held.revision
    done = "is as it was" if same else f"is set, at revision {held.revision}"
    tell(held, output, f"the policy of {shown(service)} {done}")


@command.command()
@service_argument
@document_argument
@registry_options
@output_option
@click.pass_context
def diff(ctx: click.Context, target: Target, service: str, document: str, output: Format) -> None:
    """Show what `apply` would change.

    Exit code, as of diff(1): 0 if nothing would change, 1 if something would, another one if that could not be found out.
    """
    with never_by_trouble():
        wanted = policy_in(document)
        held = held_of(target.connect(), service)
        before = wire.parse(held.policy) if held else DEFAULT
        found = Difference(service, held.revision if held else 0, changes(before, wanted))
        if output != "table":
            show(found, output, lambda: Table((), ()))
        elif found.changes:
            click.echo("\n".join(map(shown, lines(before, wanted, (service, document)))))
        else:
            click.echo(f"{shown(document)} means what {shown(service)} has already", err=True)
    if found.changes:
        ctx.exit(Exit.FAILED)


@command.command()
@service_argument
@registry_options
@output_option
def delete(target: Target, service: str, output: Format) -> None:
    """Remove the policy of SERVICE: the defaults hold again."""
    target.connect().send(Request("DELETE", _path(service)))
    tell({"service": service, "deleted": True}, output, f"{shown(service)} has no policy any more")


def _path(service: str) -> str:
    return f"/policies/{part(service)}"


def _guarded(revision: int) -> dict[str, str]:
    return {"If-Match": f'"{revision}"'} if revision else {"If-None-Match": "*"}


def held_of(connection: Connection, service: str) -> PolicyView | None:
    """None if there is none."""
    try:
        return connection.get(_path(service), PolicyView)
    except Failure as failure:
        if failure.code == Exit.UNKNOWN:
            return None
        raise
