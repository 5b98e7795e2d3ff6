"""SRV weights: a service's own, and a policy's splits; the same shares as the library's pickers have."""

from __future__ import annotations

import random

import msgspec
import pytest
from tests.nameserver.scene import Scene, web

from muster.core.state import entry_of
from muster.model.policy import Policy
from muster.model.record import Facts, Record
from muster.nameserver import shares
from muster.nameserver.ask import EVERYBODY, Selector
from muster.policy import subsets
from muster.testing.builders import instance

NAME = "web.service.consul"
SPLIT = b"""{
    "subsets": [{"name": "stable", "version": "1"}, {"name": "canary", "version": "2"}],
    "splits": [{"subset": "stable", "weight": 95}, {"subset": "canary", "weight": 5}]
}"""
VERSIONS = ("1", "1", "1", "2", "3")


async def steered(scene: Scene, document: bytes) -> dict[str, int]:
    """The weight of each of five instances, by the last figure of its address, with this policy."""
    for n, version in enumerate(VERSIONS, 1):
        await scene.register(instance(f"web-{n}", host=f"10.0.0.{n}", version=version))
    await scene.steer("web", document)
    told = (text.split() for text in scene.records(NAME, "SRV"))
    return {target[7:8]: int(weight) for _, weight, _, target in told}


async def test_a_subset_has_its_share_whatever_its_number(scene: Scene) -> None:
    weights = await steered(scene, SPLIT)
    assert sorted(weights) == ["1", "2", "3", "4"], "who is in no subset has no share"
    assert weights["4"] / sum(weights.values()) == pytest.approx(0.05, abs=0.001)
    assert scene.records(NAME) == [f"10.0.0.{n}" for n in range(1, 5)]


async def test_whoever_asks_for_a_version_has_chosen(scene: Scene) -> None:
    await steered(scene, SPLIT)
    assert scene.records("3._version." + NAME) == ["10.0.0.5"]
    assert scene.records("1._version." + NAME, "SRV")[0].split()[1] == "100"


async def test_a_canary_that_is_gone_leaves_its_share_to_all(scene: Scene) -> None:
    await steered(scene, SPLIT)
    await scene.deregister("web-4")
    weights = [int(text.split()[1]) for text in scene.records(NAME, "SRV")]
    assert len(weights) == 4
    assert min(weights) / sum(weights) == pytest.approx(0.05 / 4, abs=0.001)


async def test_nobody_left_to_have_a_share_means_everybody(scene: Scene) -> None:
    weights = await steered(
        scene,
        b'{"subsets": [{"name": "x", "version": "9"}], "splits": [{"subset": "x", "weight": 1}], "fallback": "no_fallback"}',
    )
    assert list(weights.values()) == [100] * 5


async def test_equal_weights_are_equal_and_none_is_more_than_srv_can_say(scene: Scene) -> None:
    await scene.register(*web("10.0.0.1", weight=65_535), instance("web-2", host="10.0.0.2", weight=1))
    assert sorted(int(text.split()[1]) for text in scene.records(NAME, "SRV")) == [1, 65_535]


def test_shares_are_the_pickers() -> None:
    """Of any instances and splits: each subset's part of the weights is its part of the calls."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(100):
        versions = [rng.choice("123") for _ in range(rng.randint(1, 8))]
        entries = [
            entry_of(
                Record(instance(f"i{n}", version=version, weight=rng.randint(1, 300)), "", Facts(), 0, 0, 1),
                1,
            )
            for n, version in enumerate(versions)
        ]
        policy = msgspec.json.decode(SPLIT, type=Policy)
        weights = shares.weights(entries, EVERYBODY, policy)
        if {"1", "2"} <= set(versions):
            canary = sum(w for w, version in zip(weights, versions, strict=True) if version == "2")
            assert canary / sum(weights) == pytest.approx(subsets.Split(policy).shares()["canary"], abs=0.002)
        plain = shares.weights(
            entries, Selector(version="1"), policy
        )  # whoever asks for a version has chosen
        assert plain == [
            w * (plain[0] // entries[0].record.instance.weight)
            for w in (e.record.instance.weight for e in entries)
        ]
