"""`reference/errors.md`: every error code, from the table that the registry answers by."""

from muster.cli.exits import of_problem
from muster.cli.failures import ADVICE
from muster.model.errors import CODES

from .markdown import code, head, table

INTRODUCTION = """\
A request that fails is answered with an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem, `application/problem+json`:

```json
{"type": "urn:muster:problem:invalid_request", "title": "The request is malformed; `field` names the part, where there is one.",
 "status": 400, "code": "invalid_request", "detail": "must be 1 to 65535, not 99999", "field": "port"}
```

Decide by `code`: it is never renamed. `detail` is for people and may change; `field` is there where one part of the request is
at fault (`endpoints[1].port`). A refused request has changed nothing. Every 503 carries `Retry-After`, in seconds.

`exit` is the exit code of the `muster` command. [Troubleshooting](../how-to/troubleshooting.md) goes through what to do.
"""


def page() -> str:
    rows = [
        (code(name), str(status), about, str(int(of_problem(name))), ADVICE.get(name, ""))
        for name, (status, about) in CODES.items()
    ]
    columns = ("code", "status", "means", "exit", "what to do next")
    return "\n".join((head("Error codes", "`muster.model.errors`"), INTRODUCTION, table(columns, rows)))
