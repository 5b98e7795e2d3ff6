"""Guard."""

GUARD_RATIO = 0.15
"""The seeds' 85 %: more than this share of a zone's leases silent means that we are blind, not that they are dead."""
GUARD_MINIMUM = 2
"""Fewer silent instances than this prove nothing about a zone."""
GUARD_CLEAR_S = 90.0
"""A hold ends when its condition has been false for this long, or this long after it began if some of the zone is seen."""
ZONES = 1_000
"""Zones tracked one by one; instances of further ones share one."""
FIREWALL_SHARE = 0.5
"""More than this share of a zone refused while most of the refused go on renewing: a firewall lies, refusals prove nothing."""
FIREWALL_SAMPLE = 500
"""Of the refused, so many are looked at for renewals: enough to tell most from few, little enough for every second."""
