"""The image, as far as its recipe tells: not root, nothing written outside the volume, ready to be asked how it is."""

import re
import tomllib

import pytest
from tests.source import ROOT

from muster.server.config import resolve
from muster.server.options import OPTIONS


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """Instructions of each stage, in order, continuation lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text())
    found: list[list[tuple[str, str]]] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append((word, " ".join(rest.split())))
    return found


Stages = list[list[tuple[str, str]]]


def last(stages: Stages, word: str) -> str:
    return [rest for name, rest in stages[-1] if name == word][-1]


def test_the_last_stage_has_no_compiler_and_no_source(stages: Stages) -> None:
    assert [rest for word, rest in stages[-1] if word == "COPY"] == ["--from=build /opt/muster /opt/muster"]


def test_every_image_is_slim_and_of_a_named_version(stages: Stages) -> None:
    assert all(re.match(r"python:3\.\d+-slim( AS build)?$", stage[0][1]) for stage in stages)


def test_it_runs_as_a_number_that_is_not_root(stages: Stages) -> None:
    user, group = last(stages, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_only_the_volume_is_written(stages: Stages) -> None:
    settings = environment(stages)
    assert last(stages, "VOLUME") == settings["MUSTER_DATA"] == settings["HOME"] == "/data"
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"


def test_it_can_be_asked_how_it_is(stages: Stages) -> None:
    assert last(stages, "HEALTHCHECK").endswith('CMD ["muster", "status"]')


def test_a_stop_reaches_the_registry_itself(stages: Stages) -> None:
    """As a list of words there is no shell in between that would keep the signal."""
    assert last(stages, "ENTRYPOINT") == '["muster"]'
    assert last(stages, "STOPSIGNAL") == "SIGTERM"


def test_its_environment_is_understood_and_safe_to_forget(stages: Stages) -> None:
    ours = {name: value for name, value in environment(stages).items() if name.startswith("MUSTER_")}
    assert ours.keys() <= {option.variable for option in OPTIONS} | {"MUSTER_URL"}
    with pytest.raises(Exception, match="can be reached from other machines"):
        resolve({}, ours)


def test_the_sample_configuration_is_the_default_and_every_line_of_it_is_valid() -> None:
    text = (ROOT / "deploy" / "muster.toml").read_text()
    assert resolve({}, {}, text).settings.listen.loopback
    whole = re.sub(r"(?m)^# (?=(\w+ = |\[))", "", text)
    assert len(flat(tomllib.loads(whole))) > len(flat(tomllib.loads(text)))
    resolve({}, {}, whole)


def flat(tree: dict[str, object]) -> list[object]:
    return [
        leaf for value in tree.values() for leaf in (value.values() if isinstance(value, dict) else [value])
    ]


def environment(stages: Stages) -> dict[str, str]:
    words = " ".join(rest for word, rest in stages[-1] if word == "ENV").split()
    return dict(word.partition("=")[::2] for word in words)
