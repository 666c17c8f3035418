"""A remote model, against a local server that speaks the protocol: streaming, every way to fail, cancelling."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import math
import socket
import threading
import time
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from emotionthinker.errors import RemoteError
from emotionthinker.events import AnswerReady, Finished, ReasoningPiece
from emotionthinker.remote import Remote, scores_from_tokens, wav_base64

KEY = "sk-very-secret-0123456789"
REPLY = ["<think>", " The voice", " is loud. ", "</think>", "<answer>", " angry", " </answer>"]


class Server(ThreadingHTTPServer):
    """Answers chat requests as `self.act(handler, body)` says; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act: Any = lambda handler, body: handler.stream(chunks(REPLY))
        self.asked: list[dict[str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.hung_up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        assert self.path == "/v1/chat/completions"
        self.server.act(self, body)

    def log_message(self, *args: Any) -> None:
        pass

    def start(self, status: int = 200, kind: str = "text/event-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def stream(self, parts: list[str], done: bool = True) -> None:
        self.start()
        for part in parts:
            self.wfile.write(f"data: {part}\n\n".encode())
            self.wfile.flush()
        if done:
            self.wfile.write(b"data: [DONE]\n\n")

    def fail(self, status: int, message: str) -> None:
        self.start(status, "application/json")
        self.wfile.write(json.dumps({"error": {"message": message, "type": "x", "code": None}}).encode())

    def wait_for_hang_up(self) -> None:
        """Returns when the client has closed its side."""
        self.connection.settimeout(30)
        if self.connection.recv(1) == b"":
            self.server.hung_up.set()


def chunk(text: str | None = None, finish: str | None = None, logprobs: dict[str, Any] | None = None) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish, "logprobs": logprobs}
    return json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})


def chunks(texts: list[str], finish: str | None = "stop") -> list[str]:
    return [chunk(text) for text in texts] + ([chunk(finish=finish)] if finish else [])


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture
def remote(server):
    return Remote(server.url, "omni", api_key=KEY, timeout_s=5)


def explain(remote: Remote, record, voice, **options):
    return remote.explain((voice, 16_000), prosody=record, **options)


def test_a_streamed_reply(server, remote, record, voice):
    events = list(remote.stream((voice, 16_000), prosody=record, max_new_tokens=50, temperature=0.5, seed=7))
    assert "".join(e.text for e in events if isinstance(e, ReasoningPiece)) == "The voice is loud."
    result = events[-1].explanation
    assert (result.emotion, result.reasoning, result.model) == ("angry", "The voice is loud.", "omni")
    assert result.raw == "".join(REPLY)
    assert result.label_scores == {}
    asked = server.asked[0]
    assert (asked["model"], asked["max_tokens"], asked["temperature"], asked["seed"]) == ("omni", 50, 0.5, 7)
    assert server.headers_seen[0]["authorization"] == f"Bearer {KEY}"


def test_the_clip_travels_as_wav(server, remote, record, voice):
    explain(remote, record, voice)
    system, user = server.asked[0]["messages"]
    assert system["content"][0]["text"] == remote.style.system_prompt
    audio, text = user["content"]
    assert text["type"] == "text" and "neutral, happy" in text["text"]
    with wave.open(io.BytesIO(base64.b64decode(audio["input_audio"]["data"]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    start = round(16_000 * record.segments[0][0]) - 4_000  # a quarter of a second before the speech
    np.testing.assert_allclose(heard[:1000], voice[start : start + 1000], atol=1e-4)


def test_wav_clips_what_is_too_loud():
    data = base64.b64decode(wav_base64(np.array([-2.0, 0.0, 2.0], np.float32)))
    assert np.frombuffer(data[-6:], "<i2").tolist() == [-32767, 0, 32767]


def token(text: str, top: dict[str, float]) -> dict[str, Any]:
    rest = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in top.items()]
    return {"token": text, "logprob": math.log(top.get(text, 1.0)), "bytes": None, "top_logprobs": rest}


def test_label_scores_from_the_servers_log_probabilities(server, remote, record, voice):
    parts = [chunk(t, logprobs={"content": [token(t, {})]}) for t in REPLY[:5]]
    likely = {" angry": 0.6, " sad": 0.2, "angry": 0.1, " the": 0.1}
    parts += [chunk(" angry", logprobs={"content": [token(" angry", likely)]}), chunk(" </answer>"), chunk(finish="stop")]
    server.act = lambda handler, body: handler.stream(parts)
    scores = explain(remote, record, voice).label_scores
    assert server.asked[0]["logprobs"] is True
    assert set(scores) == set(remote.style.labels)
    assert scores["angry"] == pytest.approx(0.7 / 0.9)
    assert scores["sad"] == pytest.approx(0.2 / 0.9)
    assert sum(scores.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("tokens", "scores"),
    [
        ([], {}),
        ([("<answer>", {}), (" ", {})], {}),
        ([("fear", {"fear": 0.0})], {}),  # before any answer
        ([("<answer", {}), (">fear", {">fear": 0.0})], {"confused": 0, "contempt": 0, "fear": 1}),
        ([("<answer>", {}), (" con", {" con": -0.1, " fear": -3.0})], {}),  # two labels begin so
        ([("<answer>", {}), (" fear", {" fear": -0.1, " con": -9.0})], {"confused": 0, "contempt": 0, "fear": 1}),
    ],
)
def test_scores_from_tokens(tokens, scores):
    assert scores_from_tokens(tokens, ("confused", "contempt", "fear")) == pytest.approx(scores)


def test_a_server_without_log_probabilities_is_asked_again(server, remote, record, voice):
    def act(handler, body):
        if "logprobs" in body:
            handler.fail(400, "logprobs are not supported")
        else:
            handler.stream(chunks(REPLY))

    server.act = act
    assert explain(remote, record, voice).emotion == "angry"
    assert len(server.asked) == 2


def test_a_reply_cut_by_its_limit_says_so(server, remote, record, voice):
    server.act = lambda handler, body: handler.stream(chunks(REPLY[:3], finish="length"))
    result = explain(remote, record, voice, max_new_tokens=9)
    assert result.emotion is None
    assert "limit of 9 tokens" in result.warnings[-1]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda h, b: h.fail(401, f"Incorrect API key provided: {KEY}"), "refused the API key (HTTP 401)"),
        (lambda h, b: h.fail(404, "no such model"), "knows no model 'omni'"),
        (lambda h, b: h.fail(429, "slow down"), "too many requests"),
        (lambda h, b: h.fail(500, "boom"), "failed (HTTP 500)"),
        (lambda h, b: h.fail(400, f"audio is not supported, {KEY}"), "audio is not supported"),
        (lambda h, b: h.stream(chunks(REPLY[:3], finish=None), done=False), "broke off in the middle"),
        (lambda h, b: h.stream(chunks(REPLY, finish=None)), "broke off in the middle"),
        (lambda h, b: h.stream([]), "sent no chat reply"),
        (lambda h, b: h.stream([chunk("<think>"), "{half"]), "sent what is no chat reply"),
        (lambda h, b: h.stream(["3"]), "sent what is no chat reply"),
        (lambda h, b: h.stream(['{"choices": "none"}']), "sent what is no chat reply"),
        (lambda h, b: h.stream([chunk("<think>"), '{"error": {"message": "out of memory"}}']), "out of memory"),
        (lambda h, b: (h.start(200, "text/html"), h.wfile.write(b"<html>hello</html>")), "sent no chat reply"),
        (lambda h, b: (h.start(200, "application/octet-stream"), h.wfile.write(bytes(range(256)) * 20)), "no chat reply"),
        (lambda h, b: h.connection.shutdown(socket.SHUT_RDWR), "failed or broke off"),
    ],
)
def test_check_13_every_fault_is_one_sentence_without_the_key(server, remote, record, voice, act, sentence):
    server.act = act
    with pytest.raises(RemoteError) as caught:
        explain(remote, record, voice)
    said = str(caught.value)
    assert sentence in said
    assert "\n" not in said and said.endswith(".")
    assert KEY not in said
    assert KEY not in repr(caught.value.__cause__) and caught.value.__context__ is None


def test_a_silent_server_runs_into_the_time_out(server, record, voice):
    server.act = lambda handler, body: (handler.stream(chunks(REPLY[:2], finish=None), done=False), handler.wait_for_hang_up())
    with pytest.raises(RemoteError, match=r"sent nothing for 0\.3 s"):
        explain(Remote(server.url, "omni", timeout_s=0.3), record, voice)


def test_a_server_that_only_keeps_the_connection_alive_runs_into_the_time_out(server, record, voice, monkeypatch):
    monkeypatch.setattr("emotionthinker.remote.GRACE_S", 0.1)

    def act(handler, body):
        handler.stream(chunks(REPLY[:2], finish=None), done=False)
        try:
            while True:  # comments, as some servers send them while a model is busy: never silent, and never a word
                handler.wfile.write(b": busy\n\n")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            server.hung_up.set()

    server.act = act
    with pytest.raises(RemoteError, match=r"sent nothing for 0\.3 s"):
        explain(Remote(server.url, "omni", timeout_s=0.3), record, voice)
    assert server.hung_up.wait(5)


@pytest.mark.parametrize("status", [200, 500])
def test_a_line_without_an_end_does_not_fill_the_memory(server, remote, record, voice, monkeypatch, status):
    monkeypatch.setattr("emotionthinker.remote.MAX_REPLY_BYTES", 1_000_000)
    sent = 0

    def act(handler, body):
        nonlocal sent
        handler.start(status)
        with contextlib.suppress(OSError):
            handler.wfile.write(b"data: ")
            while sent < 200_000_000:
                sent += handler.wfile.write(b"x" * 100_000)
        server.hung_up.set()

    server.act = act
    with pytest.raises(RemoteError, match=r"never ended its reply|failed or broke off"):
        explain(remote, record, voice)
    assert server.hung_up.wait(10)
    assert sent < 50_000_000  # what lies in the buffers of the connection, and no more


def test_a_reply_that_would_unpack_to_much_is_refused(server, remote, record, voice):
    def act(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Connection", "close")
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(gzip.compress(b"data: " + bytes(50_000_000)))

    server.act = act
    with pytest.raises(RemoteError) as caught:
        explain(remote, record, voice)
    assert str(caught.value).endswith(".") and "server" in str(caught.value)
    assert server.headers_seen[0]["accept-encoding"] == "identity"


def test_after_every_fault_the_next_request_works(server, remote, record, voice):
    faults = [lambda h, b: h.stream(chunks(REPLY[:3], finish=None), done=False), lambda h, b: h.fail(500, "boom"),
              lambda h, b: h.stream(["3"]), lambda h, b: h.connection.shutdown(socket.SHUT_RDWR)]
    for act in faults:
        server.act = act
        with pytest.raises(RemoteError):
            explain(remote, record, voice)
        server.act = lambda handler, body: handler.stream(chunks(REPLY))
        assert explain(remote, record, voice).emotion == "angry"


def test_nobody_listens(record, voice):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RemoteError, match=f"127.0.0.1:{port} failed or broke off"):
        explain(Remote(f"http://user:pass@127.0.0.1:{port}/v1", "omni"), record, voice)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x/v1", "http://", "http://x:99999999/v1", "file:///etc/passwd"])
def test_an_address_that_is_none(url):
    with pytest.raises(RemoteError, match="no http or https address"):
        Remote(url, "omni")


@pytest.mark.parametrize("how", ["event", "close"])
def test_check_11_cancelling_hangs_up(server, record, voice, how):
    server.act = lambda handler, body: (handler.stream(chunks(REPLY[:2], finish=None), done=False), handler.wait_for_hang_up())
    cancel = threading.Event()
    stream = Remote(server.url, "omni").stream((voice, 16_000), prosody=record, cancel=cancel)
    for event in stream:
        if isinstance(event, ReasoningPiece):
            break
    if how == "event":
        cancel.set()
        rest = list(stream)
        assert isinstance(rest[-2], AnswerReady) and isinstance(rest[-1], Finished)
        assert "stopped before it was complete" in rest[-1].explanation.warnings[-1]
    else:
        stream.close()
    # The server writes nothing more and the time-out is a minute: only hanging up ends its wait.
    assert server.hung_up.wait(5), "the server still waits, so it would go on generating"
