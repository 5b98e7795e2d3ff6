"""`reference/configuration.md`: every setting of a registry, from the fields of its `Settings`."""

from typing import Literal, get_args, get_origin

from muster.cli.settings import written
from muster.server.options import OPTIONS, Option, plain

from .markdown import code, head, table

INTRODUCTION = """\
A setting is taken from the first of these places that has it:

1. the flag of `muster serve`
2. the environment variable
3. the TOML file named by `--config` or `MUSTER_CONFIG`
4. the default

`muster config` shows what holds, and where each value came from. A key that nobody knows, a value that does not fit and a misspelt
variable are refused at the start, with the place they were found in.

A time is written as `500ms`, `30s`, `5m`, `24h`, or as a number of seconds. A list is an array in the file, and words between
commas elsewhere. Secrets are never values, always files.
"""
EXAMPLE = """\
## A file

Keys with a dot stand in a section:

```toml
listen = "0.0.0.0:8500"
data = "/var/lib/muster"
tokens_file = "/etc/muster/tokens"
allowed_hosts = ["registry.example.com"]

[tls]
cert = "/etc/muster/cert.pem"
key = "/etc/muster/key.pem"

[log]
format = "json"
```

The environment variables of the client commands are in [the command line](cli.md#environment).
"""


def page() -> str:
    rows = [
        (code(option.key), code(option.flag), code(option.variable), default(option), option.about)
        for option in OPTIONS
    ]
    columns = ("key", "flag", "variable", "default", "")
    return "\n".join(
        (head("Configuration", "`muster.server.settings`"), INTRODUCTION, table(columns, rows), EXAMPLE)
    )


def default(option: Option) -> str:
    kind = plain(option)
    choices = f", of {', '.join(map(code, get_args(kind)))}" if get_origin(kind) is Literal else ""
    return f"{code(written(option.default)) or 'none'}{choices}"
