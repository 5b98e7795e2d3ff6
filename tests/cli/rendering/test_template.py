"""Templates: what they see, what they are refused, and that a broken one says where."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from muster.cli.rendering.template import Broken, Template
from muster.cli.rendering.world import NotKnown, Service, server_of, service_of
from muster.client.state import Absent, Bound, Failed, Pending
from muster.model import names
from muster.model.instance import Endpoint
from muster.testing.builders import instance, record
from muster.wire import view

EVIL = 'x"; } # \\'


def bound(*ids: str, overdue: tuple[str, ...] = (), **fields: object) -> Bound:
    views = tuple(view.of(record(instance(id, **fields), overdue=id in overdue), revision=1) for id in ids)
    return Bound("web", "epoch", 1, views, frozenset(), 0.0, "live")


def rendered(tmp_path: Path, text: str, service: Service) -> str:
    file = tmp_path / "t.j2"
    file.write_text(text)
    return Template(file).render(lambda name: service, ["web"])


def test_services_by_name_and_those_of_the_command_line(tmp_path: Path) -> None:
    web = service_of(bound("b", "a"))
    text = "{% for i in service('web').instances %}\n{{ i.id }} {{ i.address }}\n{% endfor %}\n"
    assert rendered(tmp_path, text, web) == "a 10.0.0.1:80\nb 10.0.0.1:80\n"
    assert rendered(tmp_path, "{% for s in services %}{{ s.name }}{% endfor %}", web) == "web"


def test_an_ipv6_host_stands_in_brackets() -> None:
    (server,) = service_of(bound("a", host="::1")).instances
    assert (server.host, server.address) == ("::1", "[::1]:80")


def test_the_overdue_are_passed_over_unless_too_few_are_left() -> None:
    some = service_of(bound("a", "b", "c", overdue=("c",)))
    assert [each.id for each in some.instances] == ["a", "b"]
    assert [each.id for each in some.discoverable] == ["a", "b", "c"]
    assert len(service_of(bound("a", "b", "c", overdue=("b", "c"))).instances) == 3


def test_unknown_is_not_empty() -> None:
    for mirror in (Pending("web"), Failed("web", "nobody there")):
        with pytest.raises(NotKnown):
            service_of(mirror)
    assert service_of(Absent("web", "epoch", 1, 0.0, "live")) == Service("web", False, (), ())


def test_a_value_is_a_value_whether_it_is_quoted_or_not(tmp_path: Path) -> None:
    web = service_of(bound("a", metadata={"k": EVIL}))
    for text in (
        "{{ v }}",
        "{{ v ~ v }}",
        "{{ v | upper }}",
        "{{ v | safe }}",
        "{{ v | e }}",
        "{{ [v, v] | join(' ') }}",
        "{{ (v | nginx) ~ v }}",
        "{{ '%s' | format(v) }}",
        "{% set x = v %}{{ x }}",
        "{% autoescape true %}{{ v }}{% endautoescape %}",
    ):
        told = rendered(tmp_path, "{% set v = service('web').instances[0].metadata.k %}" + text, web)
        assert not set(told) & set("\"';{}#\\ \n"), text
    assert (
        rendered(tmp_path, "{{ service('web').instances[0].metadata.k | nginx }}", web) == '"x\\"; } # \\\\"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "{% macro m(x) %}{{ x }}{% endmacro %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}y{% endset %}",
        "{% import 'other' as o %}",
        "{% call m() %}{% endcall %}",
    ],
)
def test_tags_that_go_around_the_quoting_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Broken, match=r"t\.j2:2: .*not offered here"):
        rendered(tmp_path, "first line\n" + text, service_of(bound("a")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{% for %}", "Expected"),
        ("{{ service('web').instances[0].metadata.absent }}", "absent"),
        ("{{ nothing }}", "undefined"),
        ("{{ service('web').instances }}", "no text"),
        ("{{ service('web').instances[0].metadata.get('absent') }}", "default"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ ().__class__.__mro__ }}", "unsafe"),
        ("{{ service.__globals__ }}", "unsafe"),
        ("{{ service('web').instances[0].metadata.update({}) }}", "unsafe"),
        ("{% include '../outside' %}", "outside"),
        ("{% include 'not-there' %}", "not-there"),
        ("{% for x in range(10 ** 9) %}{% endfor %}", "Range too big"),
    ],
)
def test_a_broken_template_says_what_and_where(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Broken) as caught:
        rendered(tmp_path, "\n" + text, service_of(bound("a", metadata={"k": "v"})))
    assert problem in str(caught.value)
    assert "t.j2" in str(caught.value)


def test_a_template_that_changed_is_read_again_when_that_is_asked_for(tmp_path: Path) -> None:
    """Whoever writes it may have come half way."""
    file = tmp_path / "t.j2"
    file.write_text("one")
    template = Template(file)
    web = service_of(bound("a"))
    assert template.render(lambda name: web, []) == "one"
    file.write_text("")
    assert template.render(lambda name: web, []) == "one"
    file.write_text("another one")
    template.reread()
    assert template.render(lambda name: web, []) == "another one"


@pytest.mark.parametrize("wrong", ["{{ nonsense(", "{{ nothing.there }}"])
def test_a_template_that_is_broken_is_read_until_it_is_not(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "t.j2"
    file.write_text(wrong)
    template = Template(file)
    with pytest.raises(Broken):
        template.render(lambda name: service_of(bound("a")), [])
    file.write_text("mended")
    assert template.render(lambda name: service_of(bound("a")), []) == "mended"


def test_a_template_may_include_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour").write_text("{{ services | list | length }}")
    assert rendered(tmp_path, "{% include 'neighbour' %}", service_of(bound("a"))) == "1"


def test_every_field_of_an_instance() -> None:
    shown = server_of(
        bound("a", zone="z", region="r", version="1", deployment_group="g", tags=("t",)).instances[0]
    )
    assert (shown.zone, shown.region, shown.version, shown.group, shown.tags, shown.weight, shown.ports) == (
        *("z", "r", "1", "g", ("t",)),
        100,
        {"default": 80},
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "not done after"),
        ("{{ (9 ** (9 ** 9)) % 2 }}", "not done after"),
        ("{{ 'x' * 10 ** 15 }}", "MemoryError"),
        ("{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", "longer than"),
        ("{% for a in range(10 ** 9) %}{% endfor %}", "Range too big"),
        ("{% include 't.j2' %}", "recursion"),
        ("{{ service('no such name') }}", "may hold letters"),
        ("{{ service(3) }}", "must be text, not int"),
        ("{{ 1 // 0 }}", "zero"),
    ],
)
def test_whatever_goes_wrong_is_a_broken_template(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "t.j2"
    file.write_text(text)

    def look(name: str) -> Service:
        return service_of(replace(bound("a"), service=names.service_name(name)))

    with pytest.raises(Broken, match=problem):
        Template(file, seconds=0.5).render(look, [])


def test_a_host_without_a_port_is_an_address_that_every_program_reads(tmp_path: Path) -> None:
    bare = record(replace(instance("a"), endpoints=(Endpoint("default", 0, "http"),)))
    mirror = Bound("web", "epoch", 1, (view.of(bare, revision=1),), frozenset(), 0.0, "live")
    text = "{{ service('web').instances[0].address | nginx }}"
    assert rendered(tmp_path, text, service_of(mirror)) == "10.0.0.1"
