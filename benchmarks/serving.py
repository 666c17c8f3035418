"""Starting a server of ours and waiting until it answers."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request

PAUSE_S = 0.1


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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
