"""Fakes that Muster's own tests use, shipped for yours."""

from .registry import FakeRegistry

__all__ = ["FakeRegistry"]
