"""Instances in JSON and XML: the same one, whichever form it came in."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.eureka.conftest import XML_INSTANCE, body

from muster.eureka import xml
from muster.eureka.forms import JSON, XML
from muster.eureka.info import AMAZON, DataCenter, InstanceInfo, Lease, Port
from muster.model.errors import Rejected

WHOLE = InstanceInfo(
    instance_id="host-1:shop:8080",
    app="SHOP",
    host_name="host-1.example.com",
    ip_addr="10.0.3.7",
    port=Port(8080, True),
    secure_port=Port(8443, True),
    data_center=DataCenter("Amazon", AMAZON, {"availability-zone": "eu-1a", "instance-id": "i-1"}),
    lease=Lease(10, 40),
    metadata={"version": "1.2", "team": "shop & co"},
    home_page="http://host-1.example.com:8080/",
    vip="shop,store",
    secure_vip="shop-secure",
    last_updated=1000,
    last_dirty=2000,
)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)


def test_xml_is_read_whole() -> None:
    assert XML.read(XML_INSTANCE.format(app="SHOP").encode()) == WHOLE


def test_what_is_written_is_read_again_in_both_forms() -> None:
    assert JSON.read(b'{"instance":%b}' % JSON.instance(WHOLE)) == WHOLE
    assert XML.read(XML.instance(WHOLE)) == WHOLE


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,9}", fullmatch=True), WORDS, max_size=4), WORDS
)
def test_whatever_metadata_says_it_stays_metadata(metadata: dict[str, str], vip: str) -> None:
    info = msgspec.structs.replace(WHOLE, metadata=metadata, vip=vip)
    assert JSON.read(b'{"instance":%b}' % JSON.instance(info)) == info
    told = XML.instance(info)
    root = ET.fromstring(told)  # another parser sees the same elements
    found = {each.tag: each.text or "" for each in root.find("metadata") or ()}
    kept = {key: value.replace("\ufffe", "?").replace("\uffff", "?") for key, value in metadata.items()}
    assert {key: value.strip() for key, value in found.items()} == {k: v.strip() for k, v in kept.items()}


def test_java_s_form_of_json_to_the_letter() -> None:
    shown = msgspec.json.decode(JSON.instance(WHOLE))
    assert shown["port"] == {"$": 8080, "@enabled": "true"}
    assert shown["dataCenterInfo"]["@class"] == AMAZON
    assert (shown["lastDirtyTimestamp"], shown["countryId"]) == ("2000", 1)
    assert shown["isCoordinatingDiscoveryServer"] == "false"
    bare = msgspec.json.decode(
        JSON.instance(InstanceInfo(instance_id="a", app="A", host_name="h", ip_addr="::1"))
    )
    assert bare["metadata"] == {"@class": "java.util.Collections$EmptyMap"}
    assert not {"homePageUrl", "asgName"} & bare.keys()


def test_the_names_xml_cannot_hold_are_bent_not_obeyed() -> None:
    told = XML.instance(msgspec.structs.replace(WHOLE, metadata={"a b/><evil": "1", "1st": "2"})).decode()
    assert "<a_b___evil>1</a_b___evil><_1st>2</_1st>" in told


def test_clients_of_other_languages_write_numbers_and_booleans_as_they_like() -> None:
    told = body(
        "web",
        port=8080,
        securePort={"$": "8443", "@enabled": True},
        countryId="1",
        metadata={"n": 1, "b": True},
    )
    info = JSON.read(msgspec.json.encode(told))
    assert (info.port, info.secure_port, info.metadata) == (
        Port(8080, True),
        Port(8443, True),
        {"n": "1", "b": "true"},
    )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"hostName": ""}, "Missing hostname"),
        ({"ipAddr": None}, "Missing ip address"),
        ({"app": " "}, "Missing appName"),
        ({"dataCenterInfo": None}, "Missing dataCenterInfo"),
        ({"dataCenterInfo": {}}, "Missing dataCenterInfo Name"),
        ({"port": {"$": "x"}}, "port: must be a number"),
        ({"metadata": {"a": ["b"]}}, "metadata.a: must be text"),
        ({"metadata": "x"}, "metadata: must be an object"),
        ({"leaseInfo": 3}, "leaseInfo: must be an object"),
        ({"lastDirtyTimestamp": "-1"}, "lastDirtyTimestamp: must be a number"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_eurekas_words(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(Rejected) as caught:
        JSON.read(msgspec.json.encode(body("web", **fields)))
    assert str(caught.value) == problem


def test_an_instance_without_an_id_is_known_by_its_data_centers_or_its_host() -> None:
    amazon = {"name": "Amazon", "metadata": {"instance-id": "i-7"}}
    assert JSON.read(msgspec.json.encode(body("web", id="", dataCenterInfo=amazon))).instance_id == "i-7"
    assert JSON.read(msgspec.json.encode(body("web", id=""))).instance_id == "10.0.3.7"


@pytest.mark.parametrize(
    "document",
    [
        "",
        "text",
        "<instance>",
        "<other/>",
        "<instance/>x",
        '<!DOCTYPE instance [<!ENTITY a "b">]><instance>&a;</instance>',
        '<!DOCTYPE instance SYSTEM "http://127.0.0.1/x"><instance/>',
        "<instance>&undefined;</instance>",
        '<?xml version="1.0" encoding="nonsense"?><instance/>',
        "<instance>" + "<a>" * 9 + "</a>" * 9 + "</instance>",
        "<instance>" + "<a/>" * 1000 + "</instance>",
        "<instance>\x00</instance>",
    ],
)
def test_what_is_no_plain_document_is_refused(document: str) -> None:
    with pytest.raises(Rejected):
        xml.parse(document.encode(), "instance")


@given(st.binary(max_size=60))
def test_no_bytes_do_anything_but_be_refused(junk: bytes) -> None:
    for form in (JSON, XML):
        with pytest.raises(Rejected):
            form.read(junk)
