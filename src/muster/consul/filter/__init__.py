"""Consul's filter expressions (`?filter=`, the language of go-bexpr): parsed once, checked against the shape of an answer, applied."""

from __future__ import annotations

from .apply import Filter, Filters, compiled
from .expression import BadFilter

__all__ = ["BadFilter", "Filter", "Filters", "compiled"]
