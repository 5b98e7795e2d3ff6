"""Spans of attempts, by OpenTelemetry's own SDK, through every client library over real sockets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx  # noqa: TID251 - one of those that call
import httpx2
import pytest
import requests  # noqa: TID251 - another
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.test_transports import policy
from tests.integrations.calling.traced import Traced, parents, under_way

import muster.integrations.httpx as for_httpx
import muster.integrations.httpx2 as for_httpx2
from muster.client import Discovery
from muster.integrations.aiohttp import Middleware
from muster.integrations.opentelemetry import Spans
from muster.integrations.requests import Adapter

URL = "http://web.svc/stock"


Get = Callable[[Discovery], int]


def by_httpx(discovery: Discovery) -> int:
    with httpx.Client(transport=for_httpx.Transport(discovery)) as client:
        return client.get(URL).status_code


def by_httpx2(discovery: Discovery) -> int:
    with httpx2.Client(transport=for_httpx2.Transport(discovery)) as client:
        return client.get(URL).status_code


def by_httpx_on_a_loop(discovery: Discovery) -> int:
    async def get() -> int:
        async with httpx.AsyncClient(transport=for_httpx.AsyncTransport(discovery)) as client:
            return (await client.get(URL)).status_code

    return asyncio.run(get())


def by_requests(discovery: Discovery) -> int:
    with requests.Session() as session:
        session.mount("http://web.svc", Adapter(discovery))
        return session.get(URL).status_code


def by_aiohttp(discovery: Discovery) -> int:
    async def get() -> int:
        async with (
            aiohttp.ClientSession(middlewares=[Middleware(discovery)]) as session,
            session.get(URL) as answer,
        ):
            return answer.status

    return asyncio.run(get())


EVERY = pytest.mark.parametrize("get", [by_httpx, by_httpx2, by_httpx_on_a_loop, by_requests, by_aiohttp])


@EVERY
def test_each_request_carries_its_own_attempt(web: Web, find: Found, traced: Traced, get: Get) -> None:
    instances = web(3, say=lambda instance, method, path: (503, {}, b"busy"))
    discovery = find(policy(), tracing=Spans(traced.tracer))
    with traced.tracer.start_as_current_span("caller") as caller:
        assert get(discovery) == 503
    assert {span.parent.span_id for span in traced.spans if span.parent} == {
        caller.get_span_context().span_id
    }
    ids = {f"{span.context.span_id:016x}" for span in traced.spans}
    assert len(ids) == 3
    assert parents(instances) == ids
    assert trace.get_current_span() is trace.INVALID_SPAN


@EVERY
def test_each_says_what_was_answered_and_how_often_it_was_sent(
    web: Web, find: Found, traced: Traced, get: Get
) -> None:
    web(2, say=lambda instance, method, path: (503, {}, b"busy"))
    discovery = find(policy(num_retries=1), tracing=Spans(traced.tracer))
    assert get(discovery) == 503
    names = ("http.request.resend_count", "http.response.status_code", "error.type", "muster.outcome")
    assert traced.told(*names) == [(None, 503, "503", "gateway"), (1, 503, "503", "gateway")]


@EVERY
def test_a_4xx_is_the_callers_error_and_no_failure(web: Web, find: Found, traced: Traced, get: Get) -> None:
    web(1, say=lambda instance, method, path: (404, {}, b""))
    assert get(find(tracing=Spans(traced.tracer))) == 404
    assert traced.told("error.type", "muster.outcome") == [("404", "success")]
    assert [span.status.status_code for span in traced.spans] == [StatusCode.ERROR]


@EVERY
def test_a_good_answer_says_nothing_that_is_not_so(web: Web, find: Found, traced: Traced, get: Get) -> None:
    (one,) = web(1)
    assert get(find(tracing=Spans(traced.tracer))) == 200
    assert [dict(span.attributes or {}) for span in traced.spans] == [
        {
            "server.address": "127.0.0.1",
            "server.port": one.port,
            "http.response.status_code": 200,
            "muster.service": "web",
            "muster.instance": f"web-{one.port}",
            "muster.outcome": "success",
        }
    ]


@EVERY
def test_nobody_who_traces_means_nothing_more_is_sent(web: Web, find: Found, get: Get) -> None:
    (one,) = web(1)
    assert get(find()) == 200
    assert all("traceparent" not in told for told in one.headers)


class Raising(SpanProcessor):
    def on_start(self, *_: object, **__: object) -> None:
        raise RuntimeError("at the beginning")


class RaisingLate(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("at the end")


@pytest.mark.parametrize("processor", [Raising(), RaisingLate()])
@EVERY
def test_tracing_that_fails_fails_no_call(
    web: Web, find: Found, traced: Traced, get: Get, processor: SpanProcessor
) -> None:
    web(2, say=lambda instance, method, path: (503, {}, b"busy"))
    traced.provider.add_span_processor(processor)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    assert get(discovery) == 503
    assert under_way(discovery) == (0, 0)


# --- what others trace below


def test_what_is_traced_below_is_below_the_attempt(web: Web, find: Found, traced: Traced) -> None:
    """As instrumentations of client libraries do: they wrap the transport that sends."""

    class Instrumented(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            with traced.tracer.start_as_current_span("GET") as span:
                seen.append(span)
                return super().handle_request(request)

    seen: list[Any] = []
    web(1)
    discovery = find(tracing=Spans(traced.tracer))
    with httpx.Client(transport=for_httpx.Transport(discovery, Instrumented())) as client:
        client.get(URL)
    (attempt,) = traced.spans
    assert [span.parent.span_id for span in seen] == [attempt.context.span_id]


def test_and_so_it_is_within_a_block(web: Web, find: Found, traced: Traced) -> None:
    web(1)
    discovery = find(tracing=Spans(traced.tracer))
    with discovery.attempt("web") as attempt:
        inner = traced.tracer.start_span("SELECT")
        carried = attempt.headers["traceparent"]
    (span,) = traced.spans
    assert inner.parent is not None  # type: ignore[attr-defined]
    assert inner.parent.span_id == span.context.span_id  # type: ignore[attr-defined]
    assert carried.split("-")[2] == f"{span.context.span_id:016x}"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_api_alone_will_do() -> None:
    """Without an SDK nothing is recorded, and nothing is missing."""
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from muster.client import Discovery
from muster.integrations.opentelemetry import Spans, observe
with Discovery("static:web=127.0.0.1:1", ["web"], tracing=Spans()) as discovery:
    observe(discovery)
    discovery.wait_ready()
    with discovery.attempt("web") as attempt:
        print(attempt.headers)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("{}\n", "")
