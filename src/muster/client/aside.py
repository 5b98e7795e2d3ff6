"""What takes a while, for a loop."""

from __future__ import annotations

from collections.abc import Callable


async def aside(work: Callable[..., None], *arguments: object) -> None:
    """In a thread of the loop's, which goes on meanwhile. Whoever waits may be cancelled; the thread is not."""
    import asyncio  # late: half of what importing us would cost programs without a loop

    await asyncio.to_thread(work, *arguments)
