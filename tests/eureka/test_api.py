"""Eureka's API on a real registry: routes, their answers, and what other dialects see of it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.eureka.asking import Eureka, hash_of, inflated, instances
from tests.eureka.conftest import XML_INSTANCE, body
from tests.httpapi.asking import Caller

from muster.eureka.forms import XML
from muster.server.settings import Settings
from muster.testing.prober import ScriptedProber
from muster.testing.server import FORGETFUL, LocalRegistry


@pytest.fixture(params=["/eureka", "/eureka/v2"])
def eureka(caller: Caller, request: pytest.FixtureRequest) -> Eureka:
    return Eureka(caller, request.param)


@pytest.fixture
def alone() -> Iterator[Caller]:
    """A registry nobody else uses."""
    with LocalRegistry(prober=ScriptedProber()) as registry, Caller(registry.host, registry.port) as caller:
        yield caller


# --- Both sides see the same ------------------------------------------------------------------------------------------


def test_registered_here_it_is_seen_natively(eureka: Eureka, caller: Caller, name: str) -> None:
    eureka.register(name, "host-1:web:8080", metadata={"zone": "b", "k": "v"})
    (seen,) = caller.look(name).json["instances"]
    assert seen["instance_id"] == f"{name}/host-1:web:8080"
    assert (seen["host"], seen["port"], seen["zone"], seen["metadata"]["k"]) == ("10.0.3.7", 8080, "b", "v")


def test_registered_natively_it_is_seen_here(eureka: Eureka, caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1", metadata={"k": "v"})
    seen = eureka.instance(name, f"{name}-1")
    assert (seen["app"], seen["status"], seen["port"]["$"]) == (name.upper(), "UP", 8080)
    assert eureka.renew(name, f"{name}-1") == 200
    assert eureka.ask("PUT", f"/apps/{name}/{name}-1/status?value=OUT_OF_SERVICE").status == 200
    assert caller.status_of(f"{name}-1") == "out_of_service"
    assert eureka.ask("DELETE", f"/apps/{name}/{name}-1").status == 200
    assert caller.look(name).status == 404


def test_an_app_an_instance_and_its_virtual_addresses(eureka: Eureka, name: str) -> None:
    eureka.register(name, "a", vipAddress=f"{name}-vip, other-{name}", secureVipAddress=f"{name}-s")
    app = eureka.ask("GET", f"/apps/{name}").json["application"]
    assert (app["name"], [each["instanceId"] for each in app["instance"]]) == (name.upper(), ["a"])
    assert eureka.ask("GET", f"/apps/{name.upper()}/a/").json["instance"] == app["instance"][0]
    for path in (f"/vips/{name}-vip", f"/vips/OTHER-{name}", f"/svips/{name}-s"):
        assert list(instances(eureka.apps(path))) == [(name.upper(), "a")]
    for path in (
        f"/vips/{name}-s",
        "/svips/nobody",
        "/apps/NOBODY",
        f"/apps/{name}/nobody",
        "/instances/nobody",
        "/nothing",
    ):
        answer = eureka.ask("GET", path)
        assert (answer.status, answer.body) == (404, b""), path


def test_an_instance_whatever_its_app(eureka: Eureka, name: str) -> None:
    eureka.register(name, f"only-{name}")
    assert eureka.ask("GET", f"/instances/only-{name}").json["instance"]["app"] == name.upper()


def test_xml_unless_json_is_asked_for(eureka: Eureka, name: str) -> None:
    document = XML_INSTANCE.format(app=name.upper()).encode()
    answer = eureka.ask("POST", f"/apps/{name}", document, content_type="application/xml")
    assert (answer.status, answer.body) == (204, b"")
    told = eureka.ask("GET", f"/apps/{name}/host-1:shop:8080", accept="*/*")
    assert told.headers["content-type"] == "application/xml"
    seen, said = XML.read(told.body), XML.read(document)
    assert (seen.metadata, seen.data_center, seen.vip) == (said.metadata, said.data_center, said.vip)
    assert b"<overriddenstatus>UNKNOWN</overriddenstatus>" in told.body


def test_gzip_both_ways(eureka: Eureka, name: str) -> None:
    packed = gzip.compress(msgspec.json.encode(body(name)))
    assert eureka.ask("POST", f"/apps/{name}", packed, content_encoding="gzip").status == 204
    for n in range(3):
        eureka.register(name, f"more-{n}")
    told = eureka.ask("GET", "/apps", accept_encoding="gzip")
    applications = msgspec.json.decode(inflated(told))["applications"]
    assert (name.upper(), "more-2") in instances(applications)
    bomb = gzip.compress(b" " * 10_000_000)
    assert eureka.ask("POST", f"/apps/{name}", bomb, content_encoding="gzip").status == 413


# --- Leases -----------------------------------------------------------------------------------------------------------


def test_a_renewal_and_those_that_must_register_again(eureka: Eureka, name: str) -> None:
    assert eureka.renew(name, "a") == 404
    eureka.register(name, "a", lastDirtyTimestamp="1000")
    assert [eureka.renew(name, "a", dirty) for dirty in (0, 1000, 999, 1001)] == [200, 200, 200, 404]
    eureka.register(name, "a", lastDirtyTimestamp="1001")
    assert eureka.renew(name, "a", 1001) == 200
    assert eureka.ask("DELETE", f"/apps/{name}/a").status == 200
    assert eureka.ask("DELETE", f"/apps/{name}/a").status == 404


def test_an_older_word_that_comes_late_changes_nothing(eureka: Eureka, name: str) -> None:
    eureka.register(name, "a", lastDirtyTimestamp="2000", metadata={"k": "new"})
    eureka.register(name, "a", lastDirtyTimestamp="1000", metadata={"k": "old"})
    assert eureka.instance(name, "a")["metadata"] == {"k": "new"}


def test_a_lease_ends_after_its_duration_and_a_renewal_revives_it(alone: Caller) -> None:
    """Not after twice that, and no minute later."""
    eureka = Eureka(alone)
    eureka.register("stays", "b", leaseInfo={"renewalIntervalInSecs": 300, "durationInSecs": 3600})
    eureka.register("web", "a", leaseInfo={"renewalIntervalInSecs": 1, "durationInSecs": 2})
    gone = eureka.ask("DELETE", "/apps/WEB/nobody")
    assert gone.status == 404
    while eureka.ask("GET", "/apps/WEB").status == 200:
        assert eureka.renew("stays", "b") == 200
    assert instances(eureka.apps()).keys() == {("STAYS", "b")}
    assert eureka.renew("web", "a") == 200
    assert eureka.status("web", "a") == "UP"


# --- Status -----------------------------------------------------------------------------------------------------------


def test_an_instance_says_how_it_is(eureka: Eureka, caller: Caller, name: str) -> None:
    for status, native in (
        ("STARTING", "starting"),
        ("UP", "healthy"),
        ("DOWN", "starting"),
        ("OUT_OF_SERVICE", "starting"),
        ("UP", "healthy"),
    ):
        eureka.register(name, "a", status=status)
        assert eureka.status(name, "a") == status
        assert caller.status_of(f"{name}/a") == native


def test_an_override_survives_what_the_instance_says(eureka: Eureka, caller: Caller, name: str) -> None:
    eureka.register(name, "a")
    one = f"/apps/{name}/a/status"
    assert eureka.ask("PUT", f"{one}?value=OUT_OF_SERVICE&lastDirtyTimestamp=1").status == 200
    eureka.register(name, "a", lastDirtyTimestamp="1800000000000")
    seen = eureka.instance(name, "a")
    assert (seen["status"], seen["overriddenStatus"]) == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
    assert caller.look(name).ids == []
    assert eureka.ask("DELETE", f"{one}?value=UP").status == 200
    assert eureka.status(name, "a") == "UP"
    eureka.ask("PUT", f"{one}?value=DOWN")
    eureka.ask("PUT", f"{one}?value=UP")
    assert eureka.status(name, "a") == "UP"
    assert eureka.ask("PUT", f"{one}?value=SIDEWAYS").status == 400
    assert eureka.ask("PUT", f"/apps/{name}/nobody/status?value=UP").status == 404
    assert eureka.ask("DELETE", f"/apps/{name}/nobody/status").status == 404


def test_up_brings_in_who_registered_out_of_service(eureka: Eureka, name: str) -> None:
    eureka.register(name, "a", status="OUT_OF_SERVICE")
    eureka.ask("PUT", f"/apps/{name}/a/status?value=UP")
    assert eureka.status(name, "a") == "UP"


def test_metadata(eureka: Eureka, caller: Caller, name: str) -> None:
    eureka.register(name, "a", metadata={"k": "v"})
    assert eureka.ask("PUT", f"/apps/{name}/a/metadata?k2=v2&k=v%203").status == 200
    assert eureka.instance(name, "a")["metadata"] == {"k": "v 3", "k2": "v2"}
    assert caller.look(name).json["instances"][0]["metadata"]["k2"] == "v2"
    assert eureka.ask("PUT", f"/apps/{name}/a/metadata?k={'x' * 600}").status == 400
    assert eureka.ask("PUT", f"/apps/{name}/nobody/metadata?k=v").status == 404


def test_who_drains_natively_is_out_of_service_here(eureka: Eureka, caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1")
    caller.ask("POST", f"/v1/instances/{name}-1/drain?wait=0s")
    assert eureka.status(name, f"{name}-1") == "OUT_OF_SERVICE"


# --- Everything and the delta -----------------------------------------------------------------------------------------


def test_a_client_that_applies_deltas_has_what_the_whole_says(alone: Caller) -> None:
    eureka = Eureka(alone)
    eureka.register("web", "a")
    mirror = instances(eureka.apps())
    eureka.register("web", "b")
    eureka.register("shop", "a", status="DOWN")
    eureka.ask("PUT", "/apps/WEB/a/status?value=OUT_OF_SERVICE")
    eureka.register("web", "gone")
    eureka.ask("DELETE", "/apps/WEB/gone")
    alone.register("native", "n")
    delta = eureka.apps("/apps/delta")
    for key, each in instances(delta).items():
        if each["actionType"] == "DELETED":
            mirror.pop(key, None)
        else:
            assert each["actionType"] in ("ADDED", "MODIFIED")
            mirror[key] = each
    whole = eureka.apps()
    assert {key: each["status"] for key, each in mirror.items()} == {
        key: each["status"] for key, each in instances(whole).items()
    }
    assert (
        delta["apps__hashcode"]
        == whole["apps__hashcode"]
        == hash_of(whole)
        == "DOWN_1_OUT_OF_SERVICE_1_UP_2_"
    )
    assert instances(delta)["WEB", "gone"]["actionType"] == "DELETED"


def test_one_app_and_one_instance_are_lists_all_the_same(alone: Caller) -> None:
    eureka = Eureka(alone)
    eureka.register("web", "a")
    told = eureka.apps()
    assert (len(told["application"]), len(told["application"][0]["instance"])) == (1, 1)
    assert told["versions__delta"] == "1"


def test_a_young_registry_that_knows_nobody_empties_no_client(alone: Caller) -> None:
    eureka = Eureka(alone)
    for path in ("/apps", "/apps/delta"):
        assert eureka.ask("GET", path).status == 503


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_in_plain_text_and_leaves_no_trace(eureka: Eureka, name: str) -> None:
    for told, problem in (
        (body(name, hostName=""), "Missing hostname"),
        (body("other"), f"Mismatched appName, expecting {name.upper()} but was OTHER"),
        ({"instances": {}}, "instance: must be an object"),
        (body(name, port={"$": 0, "@enabled": "true"}), "port: must be 1 to 65535, not 0"),
    ):
        answer = eureka.ask("POST", f"/apps/{name.upper()}", told)
        assert (answer.status, answer.body.decode()) == (400, problem)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    for garbage in (
        b'{"instance": {"app": "\xff"}}',
        b'{"instance":' + 30_000 * b"[",
        b'{"instance": 1e999}',
    ):
        assert eureka.ask("POST", f"/apps/{name}", garbage, content_type="application/json").status == 400
    assert eureka.ask("POST", f"/apps/{name}", b"x=1", content_type="text/plain").status == 415
    assert eureka.ask("PATCH", f"/apps/{name}").status == 405
    assert eureka.ask("GET", f"/apps/{name}").status == 404


def test_the_token_is_the_password_of_the_url(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-long-token-of-ours\n")
    tokens.chmod(0o600)
    settings = Settings(listen=FORGETFUL.listen, store="memory", tokens_file=tokens)
    with LocalRegistry(settings) as registry, Caller(registry.host, registry.port) as caller:
        eureka = Eureka(caller)
        assert eureka.ask("POST", "/apps/WEB", body("web")).status == 401
        for user, status in ((b"any:wrong", 403), (b"any:a-long-token-of-ours", 204)):
            basic = "Basic " + base64.b64encode(user).decode()
            assert eureka.ask("POST", "/apps/WEB", body("web"), authorization=basic).status == status
        assert eureka.ask("PUT", "/apps/WEB/x", authorization="Basic !").status == 401
        bearer = "Bearer a-long-token-of-ours"
        assert eureka.ask("DELETE", "/apps/WEB/host-1:web:8080", authorization=bearer).status == 200


def test_an_owner_secret_guards_here_too(eureka: Eureka, caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1", owner_secret="long-and-secret-enough")
    assert eureka.renew(name, f"{name}-1") == 403
    assert eureka.ask("DELETE", f"/apps/{name}/{name}-1").status == 403


def test_whose_check_fails_is_down(alone: Caller) -> None:
    alone.register("web", "a", checks=[{"kind": "ttl", "ttl": "10s"}])
    alone.ask("POST", "/v1/instances/a/check", {"result": "fail"})
    assert Eureka(alone).status("web", "a") == "DOWN"
