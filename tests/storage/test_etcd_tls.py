"""TLS to a real etcd: who is trusted, who is shown, and what is said when one of both is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.etcd import Cluster, Secure
from tests.storage.batches import commit, put, values

from muster.registry.store import StoreUnavailable
from muster.storage.etcd.location import Credentials, parse
from muster.storage.etcd.store import EtcdStore


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "other")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("etcd-plain")).start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def secure(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """It shows a certificate, and asks for none."""
    cluster = Cluster(tmp_path_factory.mktemp("etcd-tls"), secure=Secure(ours.ca, ours.issue("etcd"))).start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def strict(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """It asks for one as well."""
    wants = Secure(ours.ca, ours.issue("strict"), asks_clients=True)
    cluster = Cluster(tmp_path_factory.mktemp("etcd-strict"), secure=wants).start()
    yield cluster
    cluster.stop()


async def works(url: str, credentials: Credentials) -> bool:
    store = await EtcdStore.open(parse(url), credentials)
    try:
        await commit(store, put("a", op=url, expected=(await store.load()).revision))
        lease = await store.grant(10)
        return "a" in await values(store) and await store.keep(lease) == 10
    finally:
        await store.close()


async def refused(url: str, credentials: Credentials) -> str:
    with pytest.raises(StoreUnavailable) as error:
        await EtcdStore.open(parse(url), credentials)
    return str(error.value)


async def test_a_server_that_is_trusted(secure: Cluster, ours: Authority) -> None:
    assert await works(secure.url, Credentials(ca=ours.ca))


async def test_a_client_that_shows_its_certificate(strict: Cluster, ours: Authority) -> None:
    client = ours.issue("client")
    assert await works(strict.url, Credentials(ca=ours.ca, cert=client.cert, key=client.key))


async def test_an_authority_that_is_not_etcds(secure: Cluster, theirs: Authority) -> None:
    assert "not signed by etcd.ca" in await refused(secure.url, Credentials(ca=theirs.ca))
    assert "not signed by etcd.ca" in await refused(secure.url, Credentials())


async def test_no_certificate_or_one_that_etcd_does_not_trust(
    strict: Cluster, ours: Authority, theirs: Authority
) -> None:
    foreign = theirs.issue("foreign")
    for shown in (
        Credentials(ca=ours.ca),
        Credentials(ca=ours.ca, cert=foreign.cert, key=foreign.key),
    ):
        assert "set etcd.cert and etcd.key" in await refused(strict.url, shown)


async def test_a_key_of_another_certificate_and_a_file_that_is_no_certificate(
    strict: Cluster, ours: Authority, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    one, other = ours.issue("one"), ours.issue("another")
    for shown in (Credentials(ca=ours.ca, cert=one.cert, key=other.key), Credentials(ca=nothing)):
        assert "is no PEM, or the key is that of another" in await refused(strict.url, shown)


async def test_the_wrong_scheme(secure: Cluster, plain: Cluster, ours: Authority) -> None:
    assert "write etcds://" in await refused(secure.url.replace("etcds:", "etcd:"), Credentials())
    assert "write etcd://" in await refused(plain.url.replace("etcd:", "etcds:"), Credentials(ca=ours.ca))


async def test_a_name_that_is_not_in_the_certificate(ours: Authority, tmp_path: Path) -> None:
    named = Secure(ours.ca, ours.issue("etcd", names="DNS:etcd.example.com"))
    cluster = Cluster(tmp_path / "etcd", secure=named).start()
    try:
        assert "for other names" in await refused(cluster.url, Credentials(ca=ours.ca))
    finally:
        cluster.stop()


async def test_a_user_over_tls(ours: Authority, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "etcd", secure=Secure(ours.ca, ours.issue("etcd"))).start()
    try:
        for words in ("user add root:secret", "user grant-role root root", "auth enable"):
            cluster.members[0].ctl(*words.split())
        url, password = cluster.url.replace("://", "://root@"), tmp_path / "password"
        password.write_text("wrong\n")
        assert "check the user of the URL and etcd.password_file" in await refused(
            url, Credentials(ca=ours.ca, password_file=password)
        )
        password.write_text("secret\n")
        assert await works(url, Credentials(ca=ours.ca, password_file=password))
    finally:
        cluster.stop()
