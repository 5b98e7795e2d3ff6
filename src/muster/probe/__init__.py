"""Probes of instances: one connection, one deadline, one finding. Implements `muster.registry.prober`."""

from __future__ import annotations

from muster.probe.probes import Probes
from muster.probe.tls import TlsContexts

__all__ = ["Probes", "TlsContexts"]
