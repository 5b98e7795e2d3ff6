"""Spans that were ended, and what is still under way."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from tests.integrations.calling.instances import Instance

from muster.client import Discovery


class Traced:
    """`spans`: those of attempts, in the order in which they ended."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer: Tracer = self.provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        return [span for span in self._kept.get_finished_spans() if span.name == "attempt web"]

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        return [tuple((span.attributes or {}).get(name) for name in names) for span in self.spans]


def under_way(discovery: Discovery) -> tuple[int, int]:
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    return traffic.memory.active, traffic.memory.retries


def parents(instances: list[Instance]) -> set[str]:
    """What the requests say their parent is (https://www.w3.org/TR/trace-context/#traceparent-header)."""
    return {told["traceparent"].split("-")[2] for instance in instances for told in instance.headers}
