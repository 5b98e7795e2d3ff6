"""Names and texts: what is accepted, in which form, and which field a refusal names."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model import durations, names
from muster.model.errors import CODES, Rejected, Unavailable


def refusal(check: Callable[[], object]) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as refused:
        check()
    return refused.value.code, refused.value.field


@pytest.mark.parametrize(("told", "kept"), [("Web", "web"), ("a-b_c9", "a-b_c9"), ("x" * 128, "x" * 128)])
def test_service_names_are_kept_in_lower_case(told: str, kept: str) -> None:
    assert names.service_name(told) == kept


@pytest.mark.parametrize("told", ["", "a.b", "a b", "ä", "a/b", "x" * 129, "a\n", "İ"])
def test_what_is_no_service_name_is_refused(told: str) -> None:
    assert refusal(lambda: names.service_name(told)) == ("invalid_request", "service")


@pytest.mark.parametrize(("told", "fine"), [("a.b", True), ("a..b", False), (".a", False), ("a.", False)])
def test_dots_only_if_configured(told: str, fine: bool) -> None:
    if fine:
        assert names.service_name(told, dots=True) == told
    else:
        assert refusal(lambda: names.service_name(told, dots=True)) == ("invalid_request", "service")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("Host.Example.COM.", "host.example.com"),
        ("pod_1", "pod_1"),
    ],
)
def test_hosts_are_kept_in_their_normal_form(told: str, kept: str) -> None:
    assert names.host(told) == kept


@pytest.mark.parametrize(
    "told", ["", "[::1]", "fe80::1%eth0", "a..b", "-a", "a b", "300.1.1.1", "1.2.3", "a" * 64, "a\x00"]
)
def test_what_is_no_host_is_refused(told: str) -> None:
    assert refusal(lambda: names.host(told)) == ("invalid_request", "host")


@pytest.mark.parametrize("told", ["", " ", "a b", "a\tb", "\x1b[31m", "x" * 257, "\u2028", "\x85"])
def test_what_is_no_id_is_refused(told: str) -> None:
    assert refusal(lambda: names.instance_id(told)) == ("invalid_request", "instance_id")


@given(st.text(max_size=40))
def test_an_accepted_id_holds_nothing_that_a_terminal_obeys(told: str) -> None:
    try:
        kept = names.instance_id(told)
    except Rejected:
        return
    assert kept == told
    assert kept.isprintable() or not any(char < " " or "\x7f" <= char <= "\x9f" for char in kept)


@pytest.mark.parametrize("told", [0, -1, 65_536])
def test_what_is_no_port_is_refused(told: int) -> None:
    assert refusal(lambda: names.port(told, field="endpoints[1].port")) == (
        "invalid_request",
        "endpoints[1].port",
    )


def test_foreign_text_is_made_safe_and_short() -> None:
    assert names.printable("a\x1b[2Jb\u2028" + "c" * 10, 8) == "a?[2Jb?c"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (30, 30.0),
        (2.5, 2.5),
        ("30", 30.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1.5m", 90.0),
    ],
)
def test_durations_as_people_write_them(told: float | str, seconds: float) -> None:
    assert durations.seconds(told, "ttl") == seconds


@pytest.mark.parametrize(
    "told", ["", "abc", "-1s", "1d", "1 s", "1e3", float("nan"), float("inf"), -1.0, "0.5s", 101]
)
def test_what_is_no_duration_or_out_of_bounds_is_refused(told: float | str) -> None:
    assert refusal(lambda: durations.seconds(told, "ttl", least=1.0, most=100.0)) == (
        "invalid_request",
        "ttl",
    )


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0.5, "500ms"), (0, "0s"), (30, "30s"), (90, "90s"), (120, "2m"), (3600, "1h"), (7200, "2h")],
)
def test_a_duration_is_shown_as_it_is_written(amount: float, shown: str) -> None:
    assert (durations.show(amount), durations.seconds(shown, "x")) == (shown, amount)


def test_every_code_has_a_status_of_its_family() -> None:
    assert {status for status, _ in CODES.values()} <= set(range(400, 504))
    assert Unavailable("store_unavailable", "later").retry_after == 1.0


def test_an_error_shows_what_it_is_about() -> None:
    refused = Rejected("invalid_request", "must be 1", field="port")
    assert repr(refused) == "<Rejected invalid_request port: must be 1>"
