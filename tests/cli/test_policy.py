"""Policies from the command line, against a fake registry; and what they would do."""

from pathlib import Path

import msgspec
import pytest
from tests.cli.serving import serving
from tests.cli.terminal import muster

from muster.cli.comparison import never_by_trouble
from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.testing import FakeRegistry
from muster.wire import policy

Capsys = pytest.CaptureFixture[str]
DOCUMENT = "balancer: maglev\ntimeouts: {request: 5s}\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(DOCUMENT)
    return file


def test_applied_and_read_again(muster_registry: FakeRegistry, capsys: Capsys, document: Path) -> None:
    applied = muster(capsys, "policy", "apply", "web", str(document))
    assert (applied.code, applied.err) == (0, "the policy of web is set, at revision 2\n")
    got = muster(capsys, "policy", "get", "web")
    assert got.out == "format: 1\nbalancer: maglev\ntimeouts:\n  request: 5s\n"
    whole = msgspec.json.decode(muster(capsys, "policy", "get", "web", "--full", "-o", "json").out)
    assert whole["outlier_detection"]["consecutive_5xx"] == 5


def test_one_that_is_not_there(muster_registry: FakeRegistry, capsys: Capsys) -> None:
    assert muster(capsys, "policy", "get", "web").code == Exit.UNKNOWN
    assert muster(capsys, "policy", "get", "web", "--full").code == 0
    assert muster(capsys, "policy", "delete", "web").code == Exit.UNKNOWN


def test_what_would_change(muster_registry: FakeRegistry, capsys: Capsys, document: Path) -> None:
    different = muster(capsys, "policy", "diff", "web", str(document))
    assert {"-  name: p2c", "+  name: maglev", "-  request: 15s", "+  request: 5s"} <= set(
        different.out.splitlines()
    )
    assert different.code == 1
    muster(capsys, "policy", "apply", "web", str(document))
    same = muster(capsys, "policy", "diff", "web", str(document))
    assert (same.code, same.out) == (0, "")


def test_what_would_change_for_programs(
    muster_registry: FakeRegistry, capsys: Capsys, document: Path
) -> None:
    words = ("policy", "diff", "web", str(document), "-o", "json")
    different = muster(capsys, *words)
    assert different.code == 1
    assert msgspec.json.decode(different.out) == {
        "service": "web",
        "revision": 0,
        "changes": [
            {"field": "balancer.name", "from": "p2c", "to": "maglev"},
            {"field": "timeouts.request", "from": "15s", "to": "5s"},
        ],
    }
    muster(capsys, "policy", "apply", "web", str(document))
    same = muster(capsys, *words)
    assert (same.code, msgspec.json.decode(same.out)) == (0, {"service": "web", "revision": 2, "changes": []})


def test_what_one_side_alone_has_is_a_difference(
    muster_registry: FakeRegistry, capsys: Capsys, document: Path
) -> None:
    document.write_text("locality: {callers: {a: 3}}\nsubsets: [{name: new, tags: [x]}]")
    told = msgspec.json.decode(muster(capsys, "policy", "diff", "web", str(document), "-o", "json").out)
    assert {one["field"]: (one["from"], one["to"]) for one in told["changes"]} == {
        "locality.callers.a": (None, 3.0),
        "subsets": (
            [],
            [{"name": "new", "version": "", "deployment_group": "", "tags": ["x"], "metadata": {}}],
        ),
    }


def test_trouble_is_no_difference(muster_registry: FakeRegistry, capsys: Capsys, document: Path) -> None:
    words = ("policy", "diff", "web")
    assert muster(capsys, *words, "nowhere.yaml").code == Exit.FILE
    assert muster(capsys, *words, str(document), "--url", "http://127.0.0.1:9").code == Exit.UNREACHABLE
    muster_registry.answer(500)
    assert muster(capsys, *words, str(document)).code == Exit.UNAVAILABLE


def test_a_bug_is_no_difference() -> None:
    with pytest.raises(Failure) as ended, never_by_trouble():
        raise ZeroDivisionError
    assert ended.value.code == Exit.USAGE


def test_deleted(muster_registry: FakeRegistry, capsys: Capsys, document: Path) -> None:
    muster(capsys, "policy", "apply", "web", str(document))
    assert muster(capsys, "policy", "delete", "web").code == 0
    assert muster(capsys, "policy", "get", "web").code == Exit.UNKNOWN


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("retries: {num_retries: -1}", "retries.num_retries"),
        ("retrys: {}", "retrys"),
        ("{", "neither YAML nor JSON"),
        ("[" * 10_000, "neither YAML nor JSON"),
        ("# balancer: maglev", "there is nothing in it"),
        ("[]", "must be an object"),
        ("- a list", "object"),
    ],
)
def test_a_document_that_cannot_be_is_refused_before_anybody_is_asked(
    capsys: Capsys, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    ran = muster(capsys, "policy", "apply", "web", str(file), "--url", "http://127.0.0.1:9")
    assert ran.code == Exit.FILE
    assert told in ran.err


def test_nobodys_change_of_the_meantime_is_overwritten(
    capsys: Capsys, tmp_path: Path, document: Path
) -> None:
    with serving(tmp_path / "data") as registry:
        words = ("policy", "apply", "web", str(document), "--url", registry.url)
        assert muster(capsys, *words, "--if-revision", "0").code == 0
        assert "is as it was" in muster(capsys, *words).err
        refused = muster(capsys, *words, "--if-revision", "99")
    assert refused.code == Exit.REFUSED
    assert "at revision" in refused.err


# --- simulate


def told(capsys: Capsys, *words: str) -> dict[str, object]:
    ran = muster(capsys, "simulate", *words, "-o", "json")
    assert ran.code == 0, ran
    found: dict[str, object] = msgspec.json.decode(ran.out)
    return found


def test_a_document_alone_is_enough(capsys: Capsys, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("locality: {callers: {a: 3, b: 1}}")
    found = told(capsys, str(file), "--callers", "zone=a:3,zone=b:1")
    assert (found["served"], found["crossing"]) == (1.0, 0.25)


def test_a_zone_that_fails_is_spilled_over(capsys: Capsys, document: Path) -> None:
    document.write_text("{}")
    found = told(capsys, str(document), "--callers", "zone=a:1,zone=b:1", "--fail", "zone=a")
    instances = msgspec.convert(found["instances"], list[dict[str, object]])
    assert {one["zone"] for one in instances if one["share"]} == {"b"}
    assert found["served"] == 1.0


def test_a_service_brings_its_policy_and_its_instances(muster_registry: FakeRegistry, capsys: Capsys) -> None:
    for port, version in ((1, "1"), (2, "2")):
        muster_registry.add("web", port=port, zone="a", version=version)
    subsets = [{"name": "old", "version": "1"}, {"name": "new", "version": "2"}]
    splits = [{"subset": "old", "weight": 95}, {"subset": "new", "weight": 5}]
    muster_registry.steer("web", policy.parse({"subsets": subsets, "splits": splits}))
    found = told(capsys, "web", "--callers", "zone=a:1")
    instances = msgspec.convert(found["instances"], list[dict[str, object]])
    assert {one["instance"]: one["share"] for one in instances} == {"web-1": 0.95, "web-2": 0.05}


def test_for_people(capsys: Capsys, document: Path) -> None:
    out = muster(capsys, "simulate", str(document), "--callers", "zone=a:1", "--instances", "zone=a:2").out
    assert "callers in a" in out
    assert "a-2" in out


@pytest.mark.parametrize(
    "words",
    ["a:3", "zone=a", "zone=a:x", "zone=a:0", "zone=a:1.5", "", "zone=a:1,zone=a:2", "zone=a:1000001"],
)
def test_places_that_cannot_be(capsys: Capsys, document: Path, words: str) -> None:
    assert muster(capsys, "simulate", str(document), "--callers", words).code == Exit.USAGE


def test_more_instances_than_a_service_holds_are_not_made_up(capsys: Capsys, document: Path) -> None:
    words = ("simulate", str(document), "--callers", "zone=a:1", "--instances")
    assert muster(capsys, *words, "zone=a:99999999").code == Exit.USAGE


def test_an_outage_that_hits_nobody_is_a_mistake(capsys: Capsys, document: Path) -> None:
    ran = muster(capsys, "simulate", str(document), "--callers", "zone=a:1", "--fail", "zone=q")
    assert ran.code == Exit.USAGE
    assert "instances are in a" in ran.err


def test_zones_of_two_regions_are_two(capsys: Capsys, document: Path) -> None:
    document.write_text("{}")
    found = told(capsys, str(document), "--callers", "zone=eu/a:1,zone=us/a:1", "--fail", "zone=us/a")
    instances = msgspec.convert(found["instances"], list[dict[str, object]])
    assert len({one["instance"] for one in instances}) == 6
    assert sum(one["failed"] is True for one in instances) == 3
    assert (found["served"], found["crossing"]) == (1.0, 0.0)


def test_callers_who_do_not_know_of_each_other_are_told_how(capsys: Capsys, document: Path) -> None:
    document.write_text("{}")
    words = ("simulate", str(document), "--callers", "zone=a:3,zone=b:1")
    assert "locality: {callers: {a: 3, b: 1}}" in muster(capsys, *words).err
    document.write_text("locality: {callers: {a: 3, b: 1}}")
    assert muster(capsys, *words).err == ""


@pytest.mark.parametrize("name", ["nowhere.yaml", "./nowhere", "policies/web.json"])
def test_what_looks_like_a_file_is_one(capsys: Capsys, name: str) -> None:
    ran = muster(capsys, "simulate", name, "--callers", "zone=a:1", "--url", "http://127.0.0.1:9")
    assert (ran.code, "No such file" in ran.err) == (Exit.FILE, True)
