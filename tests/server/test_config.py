"""Flags over environment over file over defaults; whatever does not fit is refused with its key and its source."""

from pathlib import Path

import pytest

from muster.server import shared
from muster.server.config import BadConfig, resolve
from muster.server.options import OPTIONS
from muster.server.settings import Address, Guard, Log, Settings, Tls

TLS = {"tls.cert": "c.pem", "tls.key": "k.pem"}


def test_nothing_given_is_the_defaults() -> None:
    configuration = resolve({}, {})
    assert configuration.settings == Settings()
    assert {value.source for value in configuration.values} == {"default"}


def test_flags_win_over_environment_over_file() -> None:
    text = 'listen = "127.0.0.1:1"\ndata = "from-file"\nstore = "memory"\n'
    environ = {"MUSTER_LISTEN": "127.0.0.1:2", "MUSTER_DATA": "from-environment"}
    configuration = resolve({"listen": "127.0.0.1:3", "data": None}, environ, text, "muster.toml")
    assert configuration.settings == Settings(
        listen=Address("127.0.0.1", 3), data=Path("from-environment"), store="memory"
    )
    assert [configuration.source(key) for key in ("listen", "data", "store", "insecure")] == [
        "flag --listen",
        "environment MUSTER_DATA",
        "file muster.toml",
        "default",
    ]


def test_a_whole_file() -> None:
    text = """
        tokens_file = "/etc/muster/tokens"
        allowed_hosts = ["Registry.example", "muster"]
        insecure = false
        [tls]
        cert = "/etc/muster/cert.pem"
        key = "/etc/muster/key.pem"
        [log]
        level = "warning"
        format = "json"
        [guard]
        ratio = 0.3
        window = "2m"
    """
    assert resolve({}, {}, text).settings == Settings(
        tokens_file=Path("/etc/muster/tokens"),
        allowed_hosts=("registry.example", "muster"),
        tls=Tls(Path("/etc/muster/cert.pem"), Path("/etc/muster/key.pem")),
        log=Log("warning", "json"),
        guard=Guard(0.3, 120.0),
    )


def test_every_option_can_be_set_by_flag_and_environment() -> None:
    for option in OPTIONS:
        example = EXAMPLES.get(option.key, "1")
        partner = partner_of(option.key)
        by_flag = resolve({option.key: example, **partner}, {})
        by_environment = resolve(partner, {option.variable: example})
        assert by_flag.settings == by_environment.settings != Settings()
        assert by_flag.source(option.key) == f"flag {option.flag}"
        assert by_environment.source(option.key) == f"environment {option.variable}"


@pytest.mark.parametrize(
    "url", ["r1", "r1:8500", "ftp://r1", "http://", "http://r1:99999", "http://r1/x", "http://a@r1"]
)
def test_a_replica_is_reached_at_a_url(url: str) -> None:
    flags = {"store": "etcd://etcd/shop"}
    with pytest.raises(BadConfig, match=r"replica\.url .*must be http://HOST:PORT or https://HOST:PORT"):
        resolve(flags | {"replica.url": url}, {})
    resolve(flags | {"replica.url": "https://[::1]:8500/"}, {})


def test_a_replica_has_a_name_that_fits_into_a_key() -> None:
    with pytest.raises(BadConfig, match=r"replica\.name .*without a slash"):
        resolve({"store": "etcd://etcd/shop", "replica.name": "a/b"}, {})


@pytest.mark.parametrize("held", ["", " \n", "two\nlines"])
def test_a_secret_that_everybody_knows_is_none(tmp_path: Path, held: str) -> None:
    file = tmp_path / "secret"
    file.write_text(held)
    settings = resolve({"store": "etcd://etcd/shop", "replica.secret_file": str(file)}, {}).settings
    with pytest.raises(BadConfig, match=r"replica\.secret_file .*as one line"):
        shared.secret(settings)
    file.write_text("our own\n")
    assert shared.secret(settings) == "our own"


def test_replicas_that_others_can_reach_have_a_secret() -> None:
    flags = {"store": "etcd://host", "listen": "10.0.0.1:8500", "tokens_file": "tokens", **TLS}
    with pytest.raises(BadConfig, match=r"replica\.secret_file .*to the same secret on each"):
        resolve(flags, {})
    assert resolve({**flags, "replica.secret_file": "secret"}, {}).settings.replica.secret_file == Path(
        "secret"
    )
    with pytest.raises(BadConfig, match=r"replica\.name .*needs a store that replicas can share"):
        resolve({"replica.name": "a"}, {})


def partner_of(key: str) -> dict[str, str]:
    """What must be set beside it."""
    if key.startswith("etcd."):
        return {"store": "etcds://user@host"}
    if key.startswith("replica."):
        return {"store": "etcd://host"}
    return {each: file for each, file in TLS.items() if each != key} if "tls" in key else {}


EXAMPLES = {
    "listen": "[::1]:0",
    "dns": "127.0.0.1:8600",
    "dns_ttl": "2s",
    "dns_domain": "example.internal",
    "dns_consul_domain": "example.consul",
    "dns_cluster_domain": "example.local",
    "store": "memory",
    "replica.url": "http://r1:8500",
    "insecure": "true",
    "dotted_names": "true",
    "log.level": "debug",
    "log.format": "json",
    "guard.ratio": "0.5",
}


def test_a_variable_set_to_nothing_is_not_set() -> None:
    assert resolve({}, {"MUSTER_DATA": ""}).source("data") == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('lissten = "x"', "lissten (file muster.toml): there is no such key; did you mean listen?"),
        (
            "[guard]\nratoi = 1",
            "guard.ratoi (file muster.toml): there is no such key; did you mean guard.ratio?",
        ),
        ("[gard]\nratio = 1", "gard (file muster.toml): there is no such key; did you mean guard?"),
        ("qqq = 1", "qqq (file muster.toml): there is no such key; `muster config` lists them"),
        ("guard = 2", "guard (file muster.toml): is a section: write [guard] and its keys below"),
        ("[listen]\nx = 1", "listen (file muster.toml): must be text (got {'x': 1})"),
        ("insecure = 'true'", "insecure (file muster.toml): must be true or false (got 'true')"),
        ("[log]\nlevel = 'loud'", "must be debug or info or warning or error (got 'loud')"),
        ("[guard]\nratio = 2", "guard.ratio (file muster.toml): "),
        ("[guard]\nwindow = -1", "guard.window (file muster.toml): must be 0s to any, not -1 (got -1)"),
        ("stop_within = 'soon'", "must be a duration such as 500ms, 30s, 5m or 1h (got 'soon')"),
        ("allowed_hosts = 3", "allowed_hosts (file muster.toml): must be a list of names (got 3)"),
        ("listen = 8500", "listen (file muster.toml): must be text (got 8500)"),
        ("listen = ", "file muster.toml: not TOML: "),
    ],
)
def test_what_the_file_may_not_say(text: str, message: str) -> None:
    with pytest.raises(BadConfig) as refused:
        resolve({}, {}, text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "listen", ["8500", "127.0.0.1", "::1:8500", "[::1]", "127.0.0.1:99999", "a:b", "x:-1"]
)
def test_an_address_is_host_and_port(listen: str) -> None:
    with pytest.raises(
        BadConfig, match=r"listen \(flag --listen\): must be HOST:PORT, such as 127\.0\.0\.1:8500"
    ):
        resolve({"listen": listen}, {})


def test_all_networks_are_asked_for_by_name() -> None:
    with pytest.raises(BadConfig, match=r"name the address: .* 0\.0\.0\.0:8500 for all networks"):
        resolve({"listen": ":8500"}, {})


def test_a_misspelt_variable_is_refused() -> None:
    with pytest.raises(BadConfig, match="did you mean MUSTER_LISTEN"):
        resolve({}, {"MUSTER_LISEN": "127.0.0.1:1"})


def test_variables_of_others_are_left_alone() -> None:
    kubernetes = {"MUSTER_PORT": "tcp://10.0.0.1:8500", "MUSTER_SERVICE_HOST": "10.0.0.1"}
    clients = {
        "MUSTER_URL": "http://x",
        "MUSTER_TOKEN_FILE": "t",
        "MUSTER_ZONE": "a",
        "MUSTER_NAMESPACE": "n",
    }
    assert resolve({}, kubernetes | clients).settings == Settings()


# --- beyond loopback -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "localhost:1"])
def test_loopback_needs_nothing(listen: str) -> None:
    assert str(resolve({"listen": listen}, {}).settings.listen) == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "registry.example:1"])
def test_beyond_loopback_needs_tls_and_tokens(listen: str) -> None:
    with pytest.raises(
        BadConfig, match=r"can be reached .* set tls\.cert and tls\.key and tokens_file; or .* --insecure"
    ):
        resolve({}, {"MUSTER_LISTEN": listen})


def test_only_what_is_absent_is_asked_for() -> None:
    with pytest.raises(BadConfig, match="so set tokens_file; or"):
        resolve({"listen": "0.0.0.0:1", **TLS}, {})


@pytest.mark.parametrize("flags", [{"insecure": True}, {"tokens_file": "t", **TLS}])
def test_beyond_loopback_with_proof_or_by_choice(flags: dict[str, object]) -> None:
    assert resolve({"listen": "0.0.0.0:1", **flags}, {}).settings.listen == Address("0.0.0.0", 1)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(BadConfig, match=r"tls\.cert \(flag --tls-cert\): needs tls\.key beside it"):
        resolve({"tls.cert": "c.pem"}, {})


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("mysql", "must be sqlite, memory or etcd://"),
        ("etcd://", "a host is missing"),
        ("etcd://u:secret@host/x", "a password does not belong into a URL"),
        ("etcd://host:99999/x", "is no host"),
        ("etcd://host?prefix=x", "'?' does not belong there"),
        ("etcd://host, other/x", "' ' does not belong there"),
    ],
)
def test_a_store_that_cannot_be(store: str, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        resolve({"store": store}, {})


def test_what_is_said_of_etcd_must_be_of_use() -> None:
    with pytest.raises(BadConfig, match=r"etcd\.ca .*etcds://"):
        resolve({"store": "etcd://host", "etcd.ca": "ca.pem"}, {})
    with pytest.raises(BadConfig, match=r"etcd\.password_file .*names no user"):
        resolve({"store": "etcds://host", "etcd.password_file": "password"}, {})
    told = resolve({"store": "etcds://muster@a,b:1/x", "etcd.ca": "ca.pem", "etcd.password_file": "p"}, {})
    assert told.settings.shares_store


@pytest.mark.parametrize("key", ["stop_within", "guard.window"])
def test_a_duration_that_leaves_no_time_is_refused(key: str) -> None:
    with pytest.raises(BadConfig, match=f"{key} .*must be at least 1s"):
        resolve({key: "0s"}, {})


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("dns", "8600", "must be HOST:PORT"),
        ("dns_ttl", "6s", "must be 0s to 5s, in whole seconds"),
        ("dns_ttl", "500ms", "must be 0s to 5s, in whole seconds"),
        ("dns_domain", "bad domain", "must be an IP address or a DNS name"),
        ("dns_domain", "a." * 40 + "b", "must be at most 60 characters"),
        ("dns_cluster_domain", "consul", "consul is the domain of other names already"),
    ],
)
def test_names_that_cannot_be_served(key: str, value: str, problem: str) -> None:
    with pytest.raises(BadConfig, match=problem) as refused:
        resolve({key: value}, {})
    assert refused.value.key == key
