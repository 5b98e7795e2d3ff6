"""An instance of `web`: an ASGI application that says who it is, and misbehaves as the file that MODE names tells it to.

(empty)   200
500       500
hang      nothing, ever, to whoever asks meanwhile
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

MODE = Path(os.environ["MODE"])
NAME = os.environ["NAME"].encode()

Send = Callable[[dict[str, Any]], Awaitable[None]]


def mode() -> str:
    try:
        return MODE.read_text()
    except FileNotFoundError:
        return ""


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    if scope["type"] != "http":
        return
    asked = mode()
    if asked == "hang":
        await asyncio.Event().wait()
    status = 500 if asked == "500" else 200
    headers = [(b"content-length", str(len(NAME)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": NAME})
