"""Starlette, FastAPI, Litestar: a lifespan that registers what it spans.

    app = FastAPI(lifespan=lifespan(RegisterBody(service="orders", port=8080)))

Registered once the application has started and its port answers; drained at SIGTERM where uvicorn runs it, with any number
of workers; deregistered at the latest when the lifespan ends, which for other servers is after they stopped accepting.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from muster.model import limits
from muster.wire.registration import RegisterBody

from .description import describe
from .membership import Membership
from .process import may_register
from .sigterm import hold_back

App = TypeVar("App")
Lifespan = Callable[[App], AbstractAsyncContextManager[Any]]


def lifespan(
    instance: RegisterBody | None = None,
    *,
    around: Lifespan[App] | None = None,
    urls: str | None = None,
    drain_wait: float = limits.DRAIN_WAIT_S,
    limit: float = limits.RUN_LIMIT_S,
    environ: Mapping[str, str] = os.environ,
) -> Lifespan[App]:
    """`instance`: what the environment does not say. `around`: the application's own lifespan; its state is handed on. `limit`
    in seconds bounds what SIGTERM is held back for.

    The application's start raises ValueError, or `Rejected` naming the field, for what cannot be registered.
    """

    @contextlib.asynccontextmanager
    async def registered(app: App) -> AsyncIterator[Any]:
        async with _own(around, app) as state:
            if not may_register(environ, otherwise=True):
                yield state
                return
            membership = Membership(
                describe(instance, urls=urls, environ=environ), drain_wait=drain_wait, limit=limit
            )
            membership.start()
            hold_back(membership.depart)
            try:
                yield state
            finally:
                await asyncio.to_thread(membership.leave)

    return registered


def _own(around: Lifespan[App] | None, app: App) -> AbstractAsyncContextManager[Any]:
    return contextlib.nullcontext() if around is None else around(app)
