"""A replica on a real etcd that is not told of something, beside others that are."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture
from tests.faults.fourth import fourth, scraped, until
from tests.faults.replicas import Trio, register

pytestmark = pytest.mark.fault


@pytest.fixture
def said() -> Any:
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[capture])
    yield capture
    structlog.configure(processors=before)


async def test_a_replica_that_was_not_told_is_put_right_from_the_store(
    tmp_path: Path, said: LogCapture
) -> None:
    with Trio(tmp_path) as trio:
        async with fourth(trio) as forgetful:
            for id in ("missed", "changed", "removed"):
                await asyncio.to_thread(register, trio.replicas[0], id, 3600.0)
            path = "/services/web/instances?all=true"

            async def told_of_them() -> bool:
                return len((await forgetful.ask(path))["instances"]) == 3

            await until(trio, told_of_them)
            forgetful.forgets = {"i/default/missed", "i/default/changed", "i/default/removed"}
            one = trio.replicas[1]
            await asyncio.to_thread(one.call, "PATCH", "/instances/changed", {"weight": 7})
            await asyncio.to_thread(one.call, "DELETE", "/instances/removed")
            await asyncio.to_thread(register, one, "missed", 3600.0)
            await asyncio.to_thread(one.call, "DELETE", "/instances/missed")
            await asyncio.to_thread(register, one, "missed", 3600.0)
            _, wanted = await asyncio.to_thread(one.call, "GET", path)
            wrong = await forgetful.ask(path)
            assert wrong["instances"] != wanted["instances"]

            async def all_three() -> bool:
                return bool(await forgetful.metric("muster_replica_repairs_total") >= 3)

            await until(trio, all_three)
            assert (await forgetful.ask(path))["instances"] == wanted["instances"]
            assert await forgetful.metric("muster_replica_repairs_total") == 3
            assert await forgetful.metric("muster_replica_differences_total") > 0
            assert scraped_repairs(trio) == [0, 0, 0]

            async def logged() -> bool:
                return {"replicas differ: both look at the store", "put right from the store"} <= {
                    entry["event"] for entry in said.entries
                }

            async def logged_by_its_peer() -> bool:
                return "replicas differ: both look at the store" in trio.logs()

            await until(trio, logged)
            await until(trio, logged_by_its_peer)


def scraped_repairs(trio: Trio) -> list[float]:
    return [
        float(line.split()[1])
        for replica in trio.replicas
        for line in scraped(replica.port).splitlines()
        if line.startswith("muster_replica_repairs_total ")
    ]
