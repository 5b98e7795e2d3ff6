"""Replicas that speak TLS with one another and with etcd, and share a secret; and what they say when one of them has it wrong."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.etcd import Secure
from tests.faults.replicas import Beating, Trio, register

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


def secret(folder: Path, words: str) -> str:
    file = folder / words
    file.write_text(f"{words}\n")
    return str(file)


def secured(ours: Authority, folder: Path, **other: str) -> Sequence[str]:
    """The flags of a replica with TLS everywhere and a secret; `other` ones take their place."""
    own, client = ours.issue("replica"), ours.issue("client")
    flags = {
        "tls-cert": str(own.cert),
        "tls-key": str(own.key),
        "replica-ca": str(ours.ca),
        "replica-secret-file": secret(folder, "open-sesame"),
        "etcd-ca": str(ours.ca),
        "etcd-cert": str(client.cert),
        "etcd-key": str(client.key),
    }
    return [word for name, value in (flags | other).items() for word in (f"--{name}", value)]


def trio(ours: Authority, folder: Path, last: Sequence[str] = ()) -> Trio:
    return Trio(
        folder,
        last=last,
        flags=secured(ours, folder),
        trust=ssl.create_default_context(cafile=str(ours.ca)),
        secure=Secure(ours.ca, ours.issue("etcd"), asks_clients=True),
    )


def problems(trio: Trio, asked: int) -> list[str]:
    """What the replica that is asked says of the others."""
    _, told = trio.replicas[asked].call("GET", "/replicas", timeout=10)
    return [each["problem"] for each in told["replicas"] if each["problem"]]


def test_with_tls_everywhere_replicas_do_as_without(ours: Authority, tmp_path: Path) -> None:
    with trio(ours, tmp_path) as three, Beating(three, 6) as beating:
        assert [problems(three, n) for n in range(3)] == [[], [], []]
        register(three.replicas[0], "dead")
        three.until(lambda: all(three.statuses(r).get("dead") == "expired" for r in three.replicas))
    assert (beating.wrong, beating.refused) == ([], 0)


@pytest.mark.parametrize(
    ("wrong", "said_by_it", "said_of_it"),
    [
        (
            "replica-secret-file",
            "replica.secret_file has to hold the same",
            "replica.secret_file has to hold the same",
        ),
        ("replica-ca", "name who signed it with replica.ca", ""),
    ],
)
def test_a_replica_that_has_it_wrong_says_what_to_do(
    ours: Authority, tmp_path: Path, wrong: str, said_by_it: str, said_of_it: str
) -> None:
    value = (
        secret(tmp_path, "open-barley")
        if wrong == "replica-secret-file"
        else str(Authority(tmp_path / "theirs", "other").ca)
    )
    with trio(ours, tmp_path, last=(f"--{wrong}", value)) as three:
        assert [said_by_it in problem for problem in problems(three, 2)] == [True, True]
        assert [said_of_it in problem for problem in problems(three, 0)] == ([True] if said_of_it else [])
        three.until(lambda: said_by_it in three.logs())
        register(three.replicas[2], "dead")
        three.until(lambda: all(three.statuses(r).get("dead") == "expired" for r in three.replicas), 60)


def test_a_replica_whose_etcd_is_not_to_be_trusted_does_not_start(ours: Authority, tmp_path: Path) -> None:
    theirs = Authority(tmp_path / "theirs", "other")
    with trio(ours, tmp_path) as three:
        last = three.replicas[2]
        last.kill()
        last.flags = secured(ours, tmp_path, **{"etcd-ca": str(theirs.ca)})
        last.start()
        assert last.process
        assert last.process.wait(30) == 1
        assert "not signed by etcd.ca" in three.logs()
