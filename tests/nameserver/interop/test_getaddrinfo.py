"""The C library of a machine whose only name server is ours, with the search list that Kubernetes gives to a pod."""

import subprocess
import sys
from pathlib import Path

from tests.parts import require
from tests.source import ROOT

FOUND = """\
web 10.0.0.1,10.0.0.2
web.service.consul 10.0.0.1,10.0.0.2
six 2001:db8::1
api.prod 10.0.0.7
10-0-0-1.web 10.0.0.1
example.com error -3
many 100
10.0.0.1 10-0-0-1.web.default.svc.muster.internal
"""
"""`example.com` is nowhere: our search list does not have it, and itself we refuse (EAI_AGAIN). A hundred addresses come over TCP."""


def test_getaddrinfo(tmp_path: Path) -> None:
    require("netns")
    inside = [sys.executable, "-m", "tests.nameserver.interop.inside", str(tmp_path)]
    ran = subprocess.run(
        ["unshare", "--net", "--mount", *inside], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == FOUND, ran.stderr
