"""A small server that speaks the chat protocol of OpenAI's API and says what a test tells it to, at the pace it is told."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPLY = (
    '<think> The pitch is high and the energy is low. There is weight on "never" here. Perhaps it rains tomorrow, who can say, '
    "and so it sounds like anger. </think><answer> angry </answer>"
)


class ChatServer:
    """`reply`: the text it streams; `delay_s`: between pieces; `status`: what it answers instead of 200; `hung_up`: set when a
    client left in the middle; `requests`: the bodies it received."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.reset()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(body)
                reply, delay_s, hung_up = server.reply, server.delay_s, server.hung_up
                if server.status != 200:
                    self.send_response(server.status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for piece in re.findall(r"\s*\S+\s*", reply):
                        self._send({"content": piece}, None)
                        time.sleep(delay_s)
                    self._send({}, "stop")
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    hung_up.set()
                self.close_connection = True

            def _send(self, delta: dict[str, Any], finish: str | None) -> None:
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "test",
                         "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def reset(self) -> None:
        self.reply, self.delay_s, self.status = REPLY, 0.03, 200
        self.hung_up = threading.Event()
        self.requests.clear()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
