"""The demo: real services find each other; one is killed, one drained, the registry stopped; and nobody is hurt.

    make demo           about half a minute; exit code 1 if a promise is broken
    make demo KEEP=1    stays up afterwards, to play with

Everything runs on this machine, on ports that the kernel picks and in a temporary directory, and ends with the demo.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from .journal import Journal, Missing
from .process import ENDING
from .report import Report
from .scene import Scene
from .story import Story
from .telling import Telling

AFTERWARDS = """\
Still running. In another terminal:

  export MUSTER_URL={url} PATH={path}:$PATH
  muster services                           # who is there
  muster watch greeter                      # live; leave it open
  muster resolve greeter --zone b           # where the next call should go
  muster drain greeter-2                    # take one out, and wait until every caller knows
  muster status
  curl -s {url}/v1/services/greeter/instances
  curl -s {url}/metrics

^C ends it all.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures there, as JSON")
    report_file: Path | None = parser.parse_args().report
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)  # end in order, as for ^C
    journal, report, telling = Journal(), Report(), Telling(time.monotonic())
    with tempfile.TemporaryDirectory(prefix="muster-demo-") as directory:
        scene = Scene(Path(directory), journal)
        try:
            play(scene, journal, report, telling)
            if os.environ.get("KEEP", "0") not in ("", "0"):
                keep(scene, telling)
        except KeyboardInterrupt:
            telling.line("\nended")
            return 130
        finally:
            scene.end()
    if report_file is not None:
        report_file.write_bytes(msgspec.json.encode(report))
    return 1 if report.broken else 0


def play(scene: Scene, journal: Journal, report: Report, telling: Telling) -> None:
    try:
        Story(scene, journal, report, telling).play()
    except (Missing, subprocess.TimeoutExpired, OSError) as trouble:
        report.promise("every act ends", kept=False, found=str(trouble))
        last_words(scene, journal, telling)
    telling.summary(report)
    telling.promises(report.promises)


def last_words(scene: Scene, journal: Journal, telling: Telling) -> None:
    """What everybody wrote last, for whoever has to find out what went wrong."""
    for who in scene.cast:
        for words in journal.last_words(who):
            telling.line(f"{who}: {words}", "bright_black")


def keep(scene: Scene, telling: Telling) -> None:
    telling.line()
    telling.line(AFTERWARDS.format(url=scene.url, path=Path(sys.executable).parent))
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
