"""Command line."""

RUN_LIMIT_S = 20.0
"""`muster run` hands the signal to stop on after this at the latest. Kubernetes kills after 30 s: ten are left to the program."""
