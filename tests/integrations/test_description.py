"""What is registered: what the code says, then what the environment says."""

from pathlib import Path

import pytest

from muster.client import RegisterBody
from muster.integrations.description import describe
from muster.model.errors import Rejected
from muster.wire.registration import EndpointBody

URL = {"MUSTER_URL": "http://127.0.0.1:8500"}


def test_the_environment_alone_will_do() -> None:
    environ = {"MUSTER_SERVICE": "web", "PORT": "8080", "MUSTER_ZONE": "a", "POD_IP": "10.0.0.7"}
    told = describe(environ=URL | environ)
    assert told.instance == RegisterBody(service="web", port=8080, zone="a", host="10.0.0.7")
    assert (told.service, told.port, told.host()) == ("web", 8080, "10.0.0.7")


def test_the_code_comes_first() -> None:
    environ = {"MUSTER_SERVICE": "other", "OTEL_SERVICE_NAME": "third", "PORT": "1", "MUSTER_ZONE": "b"}
    body = RegisterBody(service_name="web", port=8080, zone="a")
    assert describe(body, environ=URL | environ).instance == body


def test_the_first_variable_that_is_set_counts() -> None:
    environ = {
        "MUSTER_SERVICE": "",
        "OTEL_SERVICE_NAME": "web",
        "MUSTER_HOST": "10.0.0.1",
        "POD_IP": "10.0.0.2",
    }
    told = describe(RegisterBody(port=80), environ=URL | environ)
    assert (told.service, told.host()) == ("web", "10.0.0.1")


def test_a_port_of_last_resort() -> None:
    body = RegisterBody(service="web")
    assert describe(body, environ=URL, port=8000).port == 8000
    assert describe(body, environ=URL | {"PORT": "80"}, port=8000).port == 80


def test_all_ports_that_are_served() -> None:
    endpoints = [EndpointBody(80), EndpointBody(90, "metrics")]
    told = describe(RegisterBody(service="web", endpoints=endpoints), environ=URL)
    assert (told.port, told.ports) == (80, {80, 90})


def test_without_a_host_it_is_this_machine_as_the_registry_sees_it() -> None:
    assert describe(RegisterBody(service="web", port=80), environ=URL).host() == "127.0.0.1"


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef\n")
    told = describe(
        RegisterBody(service="web", port=80),
        environ=URL | {"MUSTER_OWNER_SECRET_FILE": str(tmp_path / "secret")},
    )
    assert told.instance.owner_secret == "0123456789abcdef"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (RegisterBody(port=80), "service"),
        (RegisterBody(service="web"), "port"),
        (RegisterBody(service="web", port=80, tags=[""]), "tags[0]"),
        (RegisterBody(service="web", port=80, owner_secret=True), "owner_secret"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(body: RegisterBody, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        describe(body, environ=URL)
    assert refused.value.field == field


def test_a_registry_is_needed() -> None:
    with pytest.raises(ValueError, match="set MUSTER_URL, or MUSTER_REGISTER=0"):
        describe(RegisterBody(service="web", port=80), environ={})
