"""The whole command line as a page of the documentation, made from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from .entry import root
from .environment import VARIABLES
from .exits import MEANING
from .tree import GROUPS, Verb

HEAD = """\
# The command line

<!-- Made by `make docs` from the commands themselves; a test compares them. -->

Every verb takes `--help`. Results go to stdout, everything else to stderr; `--output json` and `--output yaml` print what the
registry answered, whole. `muster completion bash|zsh|fish` prints what a shell needs to complete verbs, options, services
and ids.
"""


def page() -> str:
    """Markdown, ending with a line break."""
    return "\n".join([HEAD, *_contents(), *_verbs(), *_exit_codes(), *_environment()])


def _contents() -> Iterator[str]:
    for title, verbs in GROUPS.items():
        yield f"- {title}: " + " ".join(f"[`{verb.name}`](#muster-{verb.name})" for verb in verbs)
    yield ""


def _verbs() -> Iterator[str]:
    above = click.Context(root, info_name="muster")
    for verbs in GROUPS.values():
        for verb in verbs:
            yield from _verb(verb, above)


def _verb(verb: Verb, above: click.Context) -> Iterator[str]:
    command = verb.load()
    context = click.Context(command, info_name=verb.name, parent=above)
    yield from _command(command, context)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## {context.command_path}\n"
    yield f"```text\n{usage}\n```\n"
    yield from map(_paragraph, inspect.cleandoc(command.help or "").split("\n\n"))
    yield from _options(command, context)


def _paragraph(text: str) -> str:
    """click's mark for lines that stay as they are makes them a block."""
    kept = text.removeprefix("\b\n")
    return f"{text}\n" if kept == text else f"```text\n{kept}\n```\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [param for param in command.params if isinstance(param, click.Option)]
    yield "| option | |\n|---|---|"
    for option in options:
        names, about = option.get_help_record(context) or ("", "")
        yield f"| `{_cell(names)}` | {_cell(about)} |"
    yield ""


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "`muster run` ends with its program's own exit code once it has started (128 + n if signal n ended it).\n"
    yield "| code | |\n|---|---|"
    yield from (f"| {int(code)} | {about} |" for code, about in MEANING.items())
    yield ""


def _environment() -> Iterator[str]:
    yield "## Environment\n"
    yield "A registry's own settings have variables too: see [`muster config`](#muster-config).\n"
    yield "| variable | |\n|---|---|"
    yield from (f"| `{name}` | {about} |" for name, about in VARIABLES.items())
    yield ""


def _cell(text: str) -> str:
    """Safe in a table: a bar would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")
