"""Routes for operators: status, guard, backup."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.httpapi.asking import Caller

from muster import __version__
from muster.server.settings import Settings
from muster.storage.sqlite import restore
from muster.testing.server import FORGETFUL, LocalRegistry


def test_status(caller: Caller, name: str) -> None:
    caller.register(name, name)
    told = caller.ask("GET", "/v1/status").json
    assert (told["version"], told["ready"], told["store"]) == (__version__, True, "memory")
    assert told["instances"] >= told["leases"] >= 1
    assert told["loop_lag_ms"].keys() == {"p50", "p99", "max"}


def test_nothing_is_held_and_nothing_can_be_released(caller: Caller, name: str) -> None:
    caller.register(name, name, zone="calm")
    told = caller.ask("GET", "/v1/guard").json
    assert (told["held"], told["registry"]["state"]) == (False, "clear")
    zone = next(each for each in told["zones"] if each["zone"] == "calm")
    assert (zone["state"], zone["leased"], zone["silent"]) == ("clear", 1, 0)
    for body in (None, {}, {"zone": "calm"}):
        assert caller.ask("POST", "/v1/guard/release", body).problem == (409, "not_held", "zone")


def test_a_store_in_memory_has_no_backup(caller: Caller) -> None:
    assert caller.ask("GET", "/v1/backup").problem == (400, "invalid_request", None)


def test_a_backup_is_a_database_again(tmp_path: Path) -> None:
    settings = Settings(listen=FORGETFUL.listen, data=tmp_path / "data")
    with LocalRegistry(settings) as registry, Caller(registry.host, registry.port) as caller:
        for n in range(300):
            caller.register("web", f"web-{n}", metadata={"k": "v" * 500})
        answer = caller.ask("GET", "/v1/backup")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == 'attachment; filename="muster.backup"'
    backup = tmp_path / "copy"
    backup.write_bytes(answer.body)
    restore(backup, tmp_path / "restored")
    settings = Settings(listen=FORGETFUL.listen, data=tmp_path / "restored")
    with LocalRegistry(settings) as registry, Caller(registry.host, registry.port) as caller:
        assert len(caller.look("web").ids) == 300


@pytest.mark.parametrize("path", ["/v1/status", "/v1/guard", "/v1/services", "/v1/backup"])
def test_parameters_that_mean_nothing_are_refused(caller: Caller, path: str) -> None:
    assert caller.ask("GET", f"{path}?verbose=1").problem == (400, "invalid_request", "verbose")
