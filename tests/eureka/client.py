"""A py-eureka-client that does what it is told: `client.py EUREKA`. It reads `call APP`, `status WORD`, `clear`; answers each with a line.

A process of its own, because its threads cannot be stopped.
"""

import asyncio
import os
import sys

from py_eureka_client.eureka_client import EurekaClient


async def main() -> None:
    client = EurekaClient(
        eureka_server=sys.argv[1],
        app_name="caller",
        instance_port=1,
        instance_ip="127.0.0.1",
        instance_host="127.0.0.1",
        renewal_interval_in_secs=1,
        duration_in_secs=30,
    )
    await client.start()
    for line in sys.stdin:
        print(await obeyed(client, *line.split()), flush=True)
    await client.stop()
    os._exit(0)


async def obeyed(client: EurekaClient, verb: str, word: str = "") -> str:
    try:
        match verb:
            case "call":
                return str(await client.do_service(word, "/"))
            case "status":
                await client.status_update(word)
            case "clear":
                await client.delete_status_override()
        return "done"
    except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
        return f"failed: {type(error).__name__}"


asyncio.run(main())
