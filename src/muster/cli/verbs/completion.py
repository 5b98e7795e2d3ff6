"""`muster completion`: what a shell needs to complete verbs, options, services and instance ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

HOW = {
    "bash": "muster completion bash > ~/.local/share/bash-completion/completions/muster",
    "zsh": "muster completion zsh > ~/.zfunc/_muster    (with ~/.zfunc in fpath)",
    "fish": "muster completion fish > ~/.config/fish/completions/muster.fish",
}


@click.command(epilog="\b\n" + "\n".join(HOW.values()))
@click.argument("shell", type=click.Choice(tuple(HOW)))
def command(shell: str) -> None:
    """Print the completion script for a shell."""
    from muster.cli.entry import root

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(root, {}, "muster", "_MUSTER_COMPLETE").source())
