"""The wrapper around a program without any registry: a membership that only tells what it was asked, on standard error.

python alone.py PORT ANSWER -- COMMAND...      ANSWER: `told`, or `silent` for a drain that never ends
"""

import os
import sys

from muster.cli.failures import Failure
from muster.cli.wrapper.events import DrainEnded, Events
from muster.cli.wrapper.launch import run
from muster.cli.wrapper.sequence import Plan

LIMIT_S = 20.0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Teller:
    def __init__(self, events: Events, answer: str) -> None:
        self._events = events
        self._answer = answer

    def join(self) -> None:
        say("join")

    def begin_drain(self) -> None:
        say("drain")
        if self._answer == "told":
            self._events.put(DrainEnded("told"))

    def leave(self) -> None:
        say("leave")


def main(port: int, answer: str, command: list[str], limit: float = LIMIT_S) -> int:
    plan = Plan("127.0.0.1", port, frozenset({port} - {0}), port > 0, float(os.environ.get("LIMIT", limit)))
    try:
        return run(command, os.environ, plan, lambda events: Teller(events, answer), say)
    except Failure as failure:
        failure.show()
        return failure.code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[4:]))
