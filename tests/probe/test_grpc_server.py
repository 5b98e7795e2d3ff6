"""The gRPC probe against grpc's own server and health service."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from tests.probe.asking import found, grpc

from muster.model.check import Answer
from muster.probe import Probes, TlsContexts
from muster.registry.prober import Tls


class Ports(NamedTuple):
    plain: int
    secure: int
    without_health: int


@pytest.fixture(scope="module")
def server(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    pem = tmp_path_factory.mktemp("grpc") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    command = [sys.executable, str(Path(__file__).with_name("health_server.py")), str(pem)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Ports(*map(int, process.stdout.readline().split()))
        process.kill()


@pytest.mark.parametrize(
    ("service", "answer", "detail"),
    [
        ("", Answer.ANSWERED, "SERVING"),
        ("orders", Answer.ANSWERED, "SERVING"),
        ("stopped", Answer.FAILED, "NOT_SERVING"),
        ("unsure", Answer.FAILED, "UNKNOWN"),
        ("nobody", Answer.FAILED, "gRPC status 5 NOT_FOUND: the server does not know this service"),
    ],
)
async def test_what_the_health_service_says(
    probes: Probes, server: Ports, service: str, answer: Answer, detail: str
) -> None:
    assert await probes.probe(grpc(server.plain, service=service)) == found(answer, detail)


async def test_a_server_without_a_health_service(probes: Probes, server: Ports) -> None:
    finding = await probes.probe(grpc(server.without_health))
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("gRPC status 12 UNIMPLEMENTED: the server has no health service")


async def test_over_tls(server: Ports, authority: trustme.CA, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    probes = Probes(allow_loopback=True, tls=TlsContexts(str(trusted)))
    assert await probes.probe(grpc(server.secure, tls=Tls())) == found(Answer.ANSWERED, "SERVING")
    assert await probes.probe(grpc(server.secure, tls=Tls(verify=False))) == found(Answer.ANSWERED, "SERVING")
    probes.close()


async def test_plain_where_tls_is_spoken_and_the_other_way_round(probes: Probes, server: Ports) -> None:
    assert (await probes.probe(grpc(server.secure))).answer is Answer.FAILED
    assert (await probes.probe(grpc(server.plain, tls=Tls(verify=False)))).answer is Answer.FAILED
