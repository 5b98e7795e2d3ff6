"""What the network itself says, in a namespace where it can be made to say it."""

import subprocess
import sys
from pathlib import Path

from tests.parts import require


def test_what_a_dead_or_walled_network_proves() -> None:
    require("netns")
    require("nft")
    script = Path(__file__).with_name("dead_network.py")
    run = subprocess.run(
        ["unshare", "--net", sys.executable, str(script)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "dead|silent|no connection within 0.3 s",
        "no-route|silent|network is unreachable",
        "reset|refused|connection refused",
        "icmp|silent|no route to host",
        "dropped|silent|no connection within 0.3 s",
        "myself|refused|connection refused",
        "dropped-here|silent|no connection within 0.3 s",
    ]
