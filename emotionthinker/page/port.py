"""Whether a page can be served where it was asked for, said in a sentence before anything large is loaded."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from emotionthinker.errors import EmotionThinkerError

ADDRESSES = "127.0.0.1 for this machine only, or 0.0.0.0 for all"
IN_USE = "another program listens there; end it, or {remedy}"
REASONS = {
    errno.EADDRINUSE: IN_USE,
    errno.EACCES: "this user may not listen there; {remedy}",
    errno.EADDRNOTAVAIL: f"this machine has no such address; give {ADDRESSES}",
}


class PortError(EmotionThinkerError):
    """The page cannot listen on the address and port that were asked for."""


def port_from_env() -> int:
    """GRADIO_SERVER_PORT, 7860 where it is not set. Raises PortError for what is no number."""
    text = os.environ.get("GRADIO_SERVER_PORT") or "7860"
    if not text.isdecimal():
        raise PortError(f"GRADIO_SERVER_PORT is {text!r}, but it must be a whole number; write for example 7870.")
    return int(text)


@contextmanager
def on_port(host: str, port: int, remedy: str) -> Iterator[None]:
    """What is done inside may listen on `host`:`port`. remedy: how another port is chosen, as "choose …".

    Raises PortError with one sentence where it cannot, before the block begins or, where another program came first, from it.
    """
    require_free_port(host, port, remedy)
    try:
        yield
    except OSError as error:
        if "Cannot find empty port" not in str(error):  # Gradio's words for a port that was taken meanwhile
            raise
        raise _refusal(host, port, IN_USE, remedy) from error


def require_free_port(host: str, port: int, remedy: str) -> None:
    """Raises PortError where nothing can listen on `host`:`port` just now."""
    if not 1 <= port <= 65535:
        raise PortError(f"The port is {port}, but it must be 1 to 65535; {remedy}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not block its port
            sock.bind(address)
    except (socket.gaierror, UnicodeError) as error:
        raise PortError(f"{host!r} is no address of this machine; give {ADDRESSES}.") from error
    except OSError as error:
        raise _refusal(host, port, REASONS.get(error.errno or 0, f"{error.strerror}; {{remedy}}"), remedy) from error


def _refusal(host: str, port: int, reason: str, remedy: str) -> PortError:
    return PortError(f"The page cannot be served on port {port} of {host}: {reason.format(remedy=remedy)}.")
