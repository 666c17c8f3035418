"""Waiting for a server that was just started."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request

PAUSE_S = 0.1


def wait_until_served(url: str, process: subprocess.Popen[bytes], within_s: float) -> bool:
    """Whether `url` answers within so many seconds, while the process that is to serve it lives."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(PAUSE_S)
