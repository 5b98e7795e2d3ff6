"""What an instance says cannot become anything but a value."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.parts import require

from muster.cli.rendering import quoting
from muster.cli.rendering.quoting import Quoted, Unprintable

EVIL = [
    "; } http { include /etc/passwd; #",
    'x"; return 200 "owned',
    "a\\",
    'a\\"; deny all; #',
    "$(touch /tmp/owned) `id` $HOME ${HOME}",
    "' option httpchk '",
    "x\nserver evil 6.6.6.6:80",
    "%[env(SECRET)]",
    "{{ 7 * 7 }} {% raw %}",
    "</a><script>",
    "-rf",
    "",
    " ",
    "ü☃",
]
TEXTS = st.one_of(st.sampled_from(EVIL), st.text(max_size=40))


@given(TEXTS)
def test_what_is_not_quoted_keeps_nothing_that_means_something(text: str) -> None:
    assert set(quoting.finalize(text)) <= set(quoting.plain("x" + text)) | set("_")
    assert not set(quoting.finalize(text)) & set(" ;{}\"'`$\\\n%#<>()*?!&|~=[],")


@given(TEXTS)
def test_a_shell_reads_one_word(text: str) -> None:
    told = quoting.sh(text)
    assert len(shlex.split(told)) == 1
    assert "\n" not in told


@given(TEXTS)
def test_json_and_yaml_read_the_text_back(text: str) -> None:
    told = quoting.json(text)
    assert msgspec.json.decode(str(told)) == text
    if text.isprintable():
        assert yaml.safe_load(f"key: {told}") == {"key": text}


@given(TEXTS, TEXTS)
def test_two_texts_are_two_names(one: str, other: str) -> None:
    assert (
        (quoting.name(one) == quoting.name(other)) == (one == other)
        or "\ufffd" in one + other
        or not (one.isprintable() and other.isprintable())
    )
    assert quoting.name(one)[0].isalnum() or quoting.name(one)[0] == "_"


def test_whatever_is_done_to_a_quoted_text_undoes_the_quoting() -> None:
    told = quoting.nginx("a b")
    for changed in (told + " c", told.upper(), told[1:], f"{told}", " ".join([told, told])):
        assert not isinstance(changed, Quoted)
        assert " " not in quoting.finalize(changed)


@pytest.mark.parametrize("value", [None, [], {}, object()])
def test_what_is_no_text_is_said(value: object) -> None:
    with pytest.raises(Unprintable):
        quoting.finalize(value)


@pytest.mark.parametrize("text", [text for text in EVIL if text.strip()])
def test_nginx_itself_reads_one_argument(text: str, tmp_path: Path) -> None:
    """`add_header` takes two: one more, or one less, is an error; a directive that got out would be one too."""
    told = quoting.nginx(text)
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; server {{ listen unix:{tmp_path}/socket; add_header X {told}; }} }}\n"
    )
    ran = subprocess.run(
        [require("nginx"), "-t", "-c", config, "-p", tmp_path], capture_output=True, text=True
    )
    assert ran.returncode == 0, (told, ran.stderr)


@pytest.mark.parametrize("text", [text for text in EVIL if text.strip()])
def test_haproxy_itself_reads_one_argument(text: str, tmp_path: Path) -> None:
    told = quoting.haproxy(text)
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
        f"frontend f\n    bind unix@{tmp_path}/socket\n    http-response set-header X {told}\n"
    )
    ran = subprocess.run([require("haproxy"), "-c", "-f", config], capture_output=True, text=True)
    assert ran.returncode == 0, (told, ran.stdout + ran.stderr)
