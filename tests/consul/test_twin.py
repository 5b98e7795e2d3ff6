"""The catalog follows change by change; a twin is built from everything that is there. After any history the two agree."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.consul.asking import register
from tests.consul.conftest import SETTINGS
from tests.httpapi.asking import Caller

from muster.consul.catalog import Catalog, node_topic, service_topic
from muster.consul.home import own_service
from muster.consul.names import Home
from muster.consul.shared import outputs
from muster.consul.views import Views
from muster.server.app import Running
from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

HOME = Home("home", "127.0.0.1", "dc1")


def catalog_of(running: Running) -> Catalog:
    return Catalog(running.registry, HOME, own_service(HOME))


def content(catalog: Catalog) -> object:
    services, nodes = catalog.topics("default"), catalog.nodes()
    return (
        catalog.services("default"),
        {topic: [each.entry.key for each in catalog.instances(topic)] for topic in services},
        {name: [each.entry.key for each in catalog.instances(node_topic(name))] for name in nodes},
    )


@pytest.fixture
def alone() -> Iterator[LocalRegistry]:
    with LocalRegistry(SETTINGS, prober=ScriptedProber()) as registry:
        yield registry


def step(rng: random.Random, caller: Caller) -> None:
    name, id, node = f"s{rng.randrange(3)}", f"i{rng.randrange(4)}", f"n{rng.randrange(3)}"
    tags = rng.sample(["a", "b", "c"], rng.randrange(3))
    service = {"Service": rng.choice([name, name.upper()]), "ID": id, "Tags": tags}
    at = {"Node": node, "Address": "10.0.0.1"}
    match rng.randrange(8):
        case 0:
            register(caller, name, id, Tags=tags)
        case 1:
            caller.ask("PUT", f"/v1/agent/service/deregister/{id}")
        case 2:
            caller.ask("PUT", "/v1/catalog/register", at | {"Service": service})
        case 3:
            caller.ask("PUT", "/v1/catalog/deregister", {"Node": node} | rng.choice([{}, {"ServiceID": id}]))
        case 4:
            caller.ask("PUT", "/v1/catalog/register", at | {"Check": {"Name": "c", "Status": "passing"}})
        case 5:
            caller.register(name, f"native-{id}", host=rng.choice(["10.0.0.1", "127.0.0.1"]), tags=tags)
        case 6:
            caller.ask("DELETE", f"/v1/instances/native-{id}")
        case _:
            caller.ask("PUT", f"/v1/agent/service/maintenance/{id}?enable={rng.choice(['true', 'false'])}")


def test_after_any_history_the_catalog_is_what_one_built_anew_is(alone: LocalRegistry) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    following = alone.do(catalog_of)
    with Caller(alone.host, alone.port) as caller:
        for _ in range(200):
            step(rng, caller)
            followed, anew = alone.do(lambda running: (content(following), content(catalog_of(running))))
            assert followed == anew


def test_indexes_never_go_back_and_move_with_what_is_seen(alone: LocalRegistry) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    topics = [
        *(service_topic("default", f"s{n}") for n in range(3)),
        *(node_topic(f"n{n}") for n in range(3)),
    ]
    following = alone.do(catalog_of)

    def look(running: Running) -> dict[object, tuple[int, object]]:
        views = Views(following, HOME, outputs(running.registry))
        return {
            topic: (following.index(topic), [e.encoded for e in views.view(topic).elements])
            for topic in topics
        }

    with Caller(alone.host, alone.port) as caller:
        before = alone.do(look)
        for _ in range(150):
            step(rng, caller)
            after = alone.do(look)
            for topic in topics:
                assert after[topic][0] >= before[topic][0]
                if after[topic][1] != before[topic][1]:
                    assert after[topic][0] > before[topic][0], topic
            before = after


def test_a_change_of_one_instance_encodes_no_other(alone: LocalRegistry) -> None:
    with Caller(alone.host, alone.port) as caller:
        for n in range(5):
            register(caller, "web", f"web-{n}")
        following = alone.do(catalog_of)
        views = alone.do(lambda running: Views(following, HOME, outputs(running.registry)))
        topic = service_topic("default", "web")
        before = alone.do(lambda running: views.view(topic).elements)
        register(caller, "web", "web-3", Tags=["new"])
        after = alone.do(lambda running: views.view(topic).elements)
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, True, False, True]
