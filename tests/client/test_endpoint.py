"""What an endpoint tells of itself."""

from tests.client.told import web

from muster.client import endpoint


def test_an_address_is_what_a_url_holds() -> None:
    assert endpoint.of(web(1)).address == "10.0.0.1:8080"
    assert endpoint.of(web(1, host="::1")).address == "[::1]:8080"
