"""The verbs, in the order and the groups in which help shows them. A verb's module is imported when the verb is used."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Final, NamedTuple

import click


class Verb(NamedTuple):
    """`about` is the one line that `muster --help` shows without importing the verb; a test keeps the two alike."""

    name: str
    about: str

    def load(self) -> click.Command:
        module = import_module(f"muster.cli.verbs.{self.name}")
        command = module.command
        assert isinstance(command, click.Command), self.name
        return command


GROUPS: Final[dict[str, tuple[Verb, ...]]] = {
    "Take part": (
        Verb("run", "Run a program as an instance: register, heartbeat, drain, deregister."),
        Verb("register", "Register an instance, and keep it registered; or a static one."),
        Verb("deregister", "Remove an instance from the registry."),
        Verb("drain", "Take an instance out of use, and wait until every reader knows."),
        Verb("override", "Take an instance out of service, or put it back, by an operator's word."),
    ),
    "Look": (
        Verb("services", "List services, with how many of their instances take requests."),
        Verb("instances", "List the instances of a service, or show one whole."),
        Verb("watch", "Follow every change of services, live."),
        Verb("resolve", "Choose one instance of a service, as the library would."),
        Verb("render", "Keep a file as a template and the registry say, for programs that read files."),
        Verb("explain", "Show why callers do or do not get an instance."),
        Verb("history", "Show what happened to instances, when, and why; the latest last."),
        Verb("status", "Show how a registry is doing."),
        Verb("simulate", "Show who would get how much traffic under a policy."),
        Verb("guard", "Show which zones are held because the registry may be blind."),
    ),
    "Consul": (Verb("agent", "Give the programs of this host a local port shaped like a Consul agent's."),),
    "Steer": (Verb("policy", "Show, compare, set or remove the traffic policy of a service."),),
    "Run a registry": (
        Verb("serve", "Run a registry."),
        Verb("config", "Show every setting of a registry, and where its value comes from."),
        Verb("backup", "Save a live registry's records to a file."),
        Verb("follow", "Follow a Consul or Eureka server: its instances as copies here."),
        Verb("restore", "Put a registry's records back to a backup."),
        Verb("copy", "Copy all records from one store to another."),
        Verb("replicas", "Show the live replicas of a registry, and how each stands."),
    ),
    "This command": (
        Verb("completion", "Print the completion script for a shell."),
        Verb("help", "Explain a verb or a topic, such as exit-codes."),
    ),
}
VERBS: Final[dict[str, Verb]] = {verb.name: verb for group in GROUPS.values() for verb in group}


class Tree(click.Group):
    """A click group that knows its commands by name, and loads only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        return verb.load() if verb else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            raise click.UsageError(
                f"There is no verb {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(verb.name, verb.about) for verb in verbs])
