"""httpx2: a transport that finds, chooses and retries.

    with muster.Discovery.from_env(["inventory"]) as discovery:
        client = httpx2.Client(mounts={"all://*.svc": Transport(discovery)})
        client.get("http://inventory.svc/stock")

`AsyncTransport` is the same for `httpx2.AsyncClient`. Exceptions are httpx2's own; nobody to call is a `ConnectError` whose cause
is `muster.NoEndpoint`. Time-outs are the request's, within the policy's. What a request can say of its call, and an answer of the
instance that gave it: `transports.py`.
"""

from __future__ import annotations

from typing import ClassVar

import httpx2

from .transports import Blocking, BlockingBody, Looping, LoopingBody


class _Body(BlockingBody, httpx2.SyncByteStream):
    """What the library takes for a body."""


class _AsyncBody(LoopingBody, httpx2.AsyncByteStream):
    """The same on a loop."""


class Transport(Blocking, httpx2.BaseTransport):
    """`Transport(discovery, transport=None, *, port=None, key=None)`: `transports.Blocking`."""

    library: ClassVar = httpx2
    body: ClassVar = _Body


class AsyncTransport(Looping, httpx2.AsyncBaseTransport):
    """`AsyncTransport(discovery, transport=None, *, port=None, key=None)`: `transports.Looping`."""

    library: ClassVar = httpx2
    body: ClassVar = _AsyncBody
