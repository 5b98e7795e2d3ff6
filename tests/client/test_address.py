"""URLs of registries, and the environment they come from."""

from pathlib import Path

import pytest

from muster.client import environment
from muster.client.address import Registry, parse, parse_all


@pytest.mark.parametrize(
    ("url", "registry"),
    [
        ("http://127.0.0.1:8500", Registry("http", "127.0.0.1", 8500)),
        ("http://127.0.0.1:8500/v1", Registry("http", "127.0.0.1", 8500)),
        (" http://127.0.0.1:8500/v1/ ", Registry("http", "127.0.0.1", 8500)),
        ("https://registry.example", Registry("https", "registry.example", 443)),
        ("http://[::1]:8500/muster/v1", Registry("http", "::1", 8500, "/muster")),
    ],
)
def test_a_url_is_taken_apart(url: str, registry: Registry) -> None:
    assert parse(url) == registry


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8500",
        "ftp://a",
        "http://",
        "http://a:port",
        "http://me:pw@a",
        "http://a?x=1",
        "http://[::1",
    ],
)
def test_what_is_no_registry_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|may hold"):
        parse(url)


def test_one_several_or_a_text_with_commas() -> None:
    both = (Registry("http", "a", 1), Registry("http", "b", 2))
    assert (
        parse_all("http://a:1, http://b:2,") == parse_all(["http://a:1", "http://b:2", "http://a:1"]) == both
    )


def test_no_url_says_what_to_set() -> None:
    with pytest.raises(ValueError, match="MUSTER_URL"):
        parse_all("")


def test_a_url_as_it_is_shown_and_as_a_host_header() -> None:
    assert str(parse("http://[::1]:8500/x/v1")) == "http://[::1]:8500/x"
    assert parse("https://a").authority == "a"


def test_the_environment_says_it_all() -> None:
    told = environment.read(
        {
            "MUSTER_URL": "http://a:1",
            "MUSTER_NAMESPACE": "shop",
            "MUSTER_ZONE": "a",
            "MUSTER_REGION": "eu",
            "MUSTER_TOKEN_FILE": "/run/token",
            "MUSTER_CACHE_DIR": "/var/cache/shop",
        }
    )
    assert told == environment.Environment(
        "http://a:1", "shop", "a", "eu", Path("/run/token"), Path("/var/cache/shop")
    )


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"HOME": "/home/me"}, Path("/home/me/.cache/muster")),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/c"}, Path("/c/muster")),
        ({"HOME": "/home/me", "MUSTER_CACHE_DIR": ""}, None),
        ({}, None),
    ],
    ids=["home", "xdg", "switched off", "no home"],
)
def test_where_the_last_known_good_is_kept(environ: dict[str, str], directory: Path | None) -> None:
    assert environment.read(environ).cache_dir == directory


def test_two_tokens_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="MUSTER_TOKEN_FILE"):
        environment.read({"MUSTER_TOKEN": "x", "MUSTER_TOKEN_FILE": "/y"})


@pytest.mark.parametrize(("told", "meant"), [("TRUE", True), ("1", True), ("off", False), ("", False)])
def test_a_switch_is_on_or_off(told: str, meant: bool) -> None:
    assert environment.read({"MUSTER_DOTTED_NAMES": told}).dotted_names is meant


def test_or_it_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="MUSTER_DOTTED_NAMES is neither true nor false: 'maybe'"):
        environment.read({"MUSTER_DOTTED_NAMES": "maybe"})


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(OSError, match=f"MUSTER_CA_FILE: certificates cannot be read from '{path}'"):
            environment.read({"MUSTER_CA_FILE": str(path)})
