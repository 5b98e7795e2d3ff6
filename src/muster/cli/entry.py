"""From a command line to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

import muster
from muster.model.errors import Rejected

from .exits import Exit
from .failures import Failure
from .text import speakable
from .tree import Tree

EPILOG = (
    "Settings may come from the environment: `muster help environment`. Exit codes: `muster help exit-codes`."
)


@click.command(
    cls=Tree,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(muster.__version__, "-V", "--version", message="muster %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Muster: who can safely take the next request, right now."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def invoke(args: Sequence[str] | None = None) -> int:
    """Never raises but for a bug; `SystemExit` of click's completion passes."""
    stdout = sys.stdout
    speakable(stdout)
    try:
        code = root.main(args=args, prog_name="muster", standalone_mode=False)
        sys.stdout.flush()
    except Failure as failure:
        failure.show()
        return failure.code
    except click.ClickException as usage:
        usage.show()
        return Exit.USAGE
    except Rejected as rejected:  # by our own rules, before any registry was asked
        Failure(f"{rejected.field}: {rejected.detail}" if rejected.field else rejected.detail).show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return Exit.BROKEN_PIPE
    except SystemExit:
        if sys.stdout is not stdout:  # click puts another there when the pipe breaks inside a command
            return Exit.BROKEN_PIPE
        raise
    return code if isinstance(code, int) else Exit.OK


def _close_stdout() -> None:
    """What is still buffered has no reader; Python would complain when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
