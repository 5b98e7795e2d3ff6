"""An ASGI application that takes its time, registers itself if it is allowed to, and says who answered."""

import asyncio
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from muster.client import RegisterBody
from muster.integrations.starlette import lifespan


async def answer(request: Request) -> PlainTextResponse:
    await asyncio.sleep(float(request.query_params.get("think", "0")))
    return PlainTextResponse(str(os.getpid()))


app = Starlette(
    routes=[Route("/", answer)],
    lifespan=lifespan(RegisterBody(service="web", host="127.0.0.1")),
)
