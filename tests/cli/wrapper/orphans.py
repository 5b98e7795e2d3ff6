"""Leaves an orphan that ends, and says `reaped` when nobody in this process namespace is a zombie any more."""

import os
import threading
from pathlib import Path


def main() -> None:
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
    while any(map(zombie, Path("/proc").glob("[0-9]*/stat"))):
        threading.Event().wait(0.01)
    print("reaped", flush=True)


def zombie(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    main()
