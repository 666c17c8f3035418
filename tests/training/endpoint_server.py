"""A local server that speaks the chat protocol of OpenAI's API, without streaming, as a test tells it to."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Handler", dict[str, Any]], None]
FILLER = (
    "Someone speaks in this recording, and the listener takes a moment to settle on what it may carry. Nothing in the manner is "
    "decisive by itself, yet taken together the impression grows clearer from one moment to the next. Other readings were weighed "
    "and found less fitting here. All in all the voice sounds like {emotion}."
)


def good_text(body: dict[str, Any]) -> str:
    """A text that states nothing about the voice and names the emotion that was asked for, last."""
    asked = "\n".join(message["content"] for message in body["messages"])
    found = re.search(r'leads a listener to "([^"]*)"', asked)
    return FILLER.format(emotion=found[1] if found else "anger")


class Server(ThreadingHTTPServer):
    """Answers as `act(handler, body)` says; `asked`: the bodies, `headers`: what came with them, `most`: requests at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act: Act = lambda handler, body: handler.say(good_text(body))
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        try:
            self.server.act(self, body)
        finally:
            with self.server.lock:
                self.server.now -= 1

    def say(self, text: str, finish: str = "stop", read: int = 100, written: int = 50) -> None:
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m",
                 "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
                 "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}}  # fmt: skip
        self.send(200, json.dumps(reply))

    def fail(self, status: int, message: str = "no", **headers: str) -> None:
        self.send(status, json.dumps({"error": {"message": message, "type": "x", "code": None}}), **headers)

    def send(self, status: int, text: str, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
