"""Metrics, history, logs."""

HISTORY_LINES = 10_000
"""Changes kept for `/v1/history`: hours of an ordinary day, a minute of a bad one; about 3 MB."""
HISTORY_PAGE = 100
HISTORY_PAGE_MAX = 1_000
METRIC_SERVICES = 1_000
"""Services with a series of their own in /metrics; the rest are summed under `(other)`."""
LOG_VALUE_CHARS = 2_048
"""One value of a log line; longer text came from outside and is cut."""
