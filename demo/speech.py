"""How the processes of the demo tell what they see: one line of JSON each time, on stdout.

`at` is the monotonic clock, which all processes of a machine share; so what two of them saw can be compared to the millisecond.
"""

import sys
import threading
import time

import msgspec

_one_at_a_time = threading.Lock()


def say(event: str, **told: object) -> None:
    line = msgspec.json.encode({"at": time.monotonic(), "event": event, **told}) + b"\n"
    with _one_at_a_time:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
