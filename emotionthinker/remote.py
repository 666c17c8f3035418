"""A model that runs elsewhere, behind any OpenAI-compatible server; the same interface as a local one.

    vllm serve ddwang2000/EmotionThinker --limit-mm-per-prompt '{"audio":1}'
    thinker = Remote("http://127.0.0.1:8000/v1", "ddwang2000/EmotionThinker")

The clip travels as a 16-bit wav inside the request (`input_audio`). What goes wrong on the way ends in a RemoteError of
one sentence; the API key is in none of them.
"""

from __future__ import annotations

import base64
import contextlib
import io
import math
import socket
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import RemoteError
from emotionthinker.pipeline import Explainer, Reply, ReplyOptions
from emotionthinker.prompt import PromptStyle
from emotionthinker.response import ANSWER_TAG

POLL_S = 0.1  # how often a waiting reader looks whether it was cancelled
CONNECT_S = 10.0
GRACE_S = 1.0  # the client's own limit comes first, and tells a server that is silent from one that cannot be reached
TOP_LOGPROBS = 20  # as many as servers give
MAX_REPLY_CHARS = 50_000  # 4,096 tokens, the most that are asked for, of 12 characters: more is a server that never ends
MAX_REPLY_BYTES = 64_000_000  # of its body: 4,096 tokens with 20 log-probabilities each are some 12 MB
NEGLIGIBLE_P = 0.01


class Remote(Explainer):
    """A model at an endpoint. base_url: with its version, e.g. http://127.0.0.1:8000/v1; model: its name there;
    timeout_s: longest wait for the next piece; style: how the model is asked (default: the published prompt)."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        style: PromptStyle | None = None,
    ) -> None:
        import httpx2
        import openai

        self.name, self.style = model, style or PromptStyle()
        self.where = _host(base_url)
        self.timeout_s = timeout_s
        self._api_key = api_key
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or "none",  # the client insists on one; local servers ignore it
            timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            max_retries=0,  # a person waits: say at once what went wrong
            default_headers={"Accept-Encoding": "identity"},
            # The client's own reader holds a line without an end in memory whole, however long it grows.
            http_client=openai.DefaultHttpxClient(event_hooks={"response": [self._bound]}),
        )

    def _bound(self, response: Any) -> None:
        """Hold the body of a response to its limit. Raises RemoteError for one that is packed: a little would unpack to a lot."""
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise RemoteError(f"The server {self.where} packs its reply although it was asked not to; check its settings.")
        response.stream = _bounded(response.stream, f"The server {self.where} never ended its reply; check its settings.")

    def _reply(
        self, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event
    ) -> Reply:
        return RemoteReply(self, _request(self.name, chat, samples, options), cancel)

    def sentence(self, error: Exception) -> str:
        """What went wrong, in one sentence."""
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self.silent()
        if isinstance(error, openai.APIStatusError):
            return self._status_sentence(error)
        if isinstance(error, openai.APIConnectionError):
            return f"The connection to the server {self.where} failed or broke off; check that it runs and can be reached."
        if isinstance(error, openai.APIError):
            return f"The server {self.where} reported an error while it wrote{self._said(error.message)}; try again."
        return f"The server {self.where} sent what is no chat reply ({type(error).__name__}); check the endpoint's address."

    def silent(self) -> str:
        """That it wrote nothing for too long."""
        return f"The server {self.where} sent nothing for {self.timeout_s:g} s; try again, or raise ET_TIMEOUT_S."

    def _status_sentence(self, error: Any) -> str:
        status = error.status_code
        if status in (401, 403):
            return f"The server {self.where} refused the API key (HTTP {status}); set the right one in ET_API_KEY."
        if status == 404:
            return f"The server {self.where} knows no model {self.name!r} at this address (HTTP 404); check both."
        if status == 429:
            return f"The server {self.where} has too many requests (HTTP 429); try again later."
        if status >= 500:
            return f"The server {self.where} failed (HTTP {status}); try again, or look into its log."
        return f"The server {self.where} refused the request (HTTP {status}{self._said(error.message)}); check its settings."

    def _said(self, message: str) -> str:
        """The server's own words, short, on one line, without the key that some servers repeat."""
        said = " ".join(str(message).split())
        if self._api_key:
            said = said.replace(self._api_key, "…")
        return f": {said[:160]}" if said else ""


def _host(base_url: str) -> str:
    """Host and port, for people: an address may also hold a password. Raises RemoteError where there is none."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("http", "https"):
        raise RemoteError("The endpoint is no http or https address; give one such as http://127.0.0.1:8000/v1.")
    return host if port is None else f"{host}:{port}"


class RemoteReply(Reply):
    """One request. A thread reads the server, so that a silent server does not keep the caller from cancelling."""

    def __init__(self, remote: Remote, request: dict[str, Any], cancel: threading.Event) -> None:
        self._remote, self._request, self._cancel = remote, request, cancel
        self._stop = threading.Event()
        self._pieces: SimpleQueue[str | RemoteError | None] = SimpleQueue()  # None: the end
        self._stream: Any = None
        self._tokens: list[tuple[str, dict[str, float]]] = []  # token -> log-probabilities of the likeliest ones there

    def __iter__(self) -> Iterator[str]:
        threading.Thread(target=self._read, name="remote", daemon=True).start()
        received, heard_at = 0, time.monotonic()
        while not self._stopped():
            try:
                piece = self._pieces.get(timeout=POLL_S)
            except Empty:
                # The client's own limit is on single bytes: a server that only keeps the connection alive would never reach it.
                if time.monotonic() - heard_at > self._remote.timeout_s + GRACE_S:
                    self.close()
                    raise RemoteError(self._remote.silent()) from None
                continue
            heard_at = time.monotonic()
            if piece is None:
                return
            if isinstance(piece, RemoteError):
                raise piece
            received += len(piece)
            if received > MAX_REPLY_CHARS:
                raise RemoteError(f"The server {self._remote.where} never ended its reply; check its settings.")
            yield piece
        self.close()

    def close(self) -> None:
        self._stop.set()
        if self._stream is not None:
            _hang_up(self._stream)

    def _stopped(self) -> bool:
        return self._stop.is_set() or self._cancel.is_set()

    def _read(self) -> None:
        try:
            self._stream = self._open()
            if self._stopped():  # while the server was thinking
                self.close()
                return
            self._read_chunks()
            self._pieces.put(None)
        except RemoteError as error:
            self._pieces.put(error)
        except Exception as error:  # client, network and JSON each raise their own; they may hold the request's headers
            self._pieces.put(RemoteError(self._remote.sentence(error)))

    def _open(self) -> Any:
        import openai

        create = self._remote._client.chat.completions.create
        try:
            return create(**self._request, logprobs=True, top_logprobs=TOP_LOGPROBS)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            return create(**self._request)  # a server without log-probabilities refuses to be asked for them

    def _read_chunks(self) -> None:
        """Queue the text. Raises RemoteError when the server stops before it said that the reply is over."""
        ended = seen = False
        for chunk in self._stream:
            seen = True
            for choice in (chunk.choices or [])[:1]:
                if choice.delta and choice.delta.content:
                    self._pieces.put(str(choice.delta.content))
                if choice.logprobs and choice.logprobs.content:
                    self._tokens += [(t.token, _top(t)) for t in choice.logprobs.content]
                if choice.finish_reason:
                    ended, self.complete = True, choice.finish_reason == "stop"
        if not seen:
            raise RemoteError(f"The server {self._remote.where} sent no chat reply; check the endpoint's address.")
        if not ended and not self._stopped():
            raise RemoteError(f"The server {self._remote.where} broke off in the middle of its reply; try again.")

    def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
        """From the log-probabilities that the server gave at the first token of the answer, normalised over the labels.

        A label whose first token is not among the server's likeliest ones counts as 0. {} where the server gave none,
        where the reply has no answer, or where a likely token begins two of the labels.
        """
        return scores_from_tokens(self._tokens, labels)


def scores_from_tokens(tokens: Sequence[tuple[str, dict[str, float]]], labels: Sequence[str]) -> dict[str, float]:
    """Label scores from streamed tokens with the log-probabilities of the likeliest tokens at each place.

    tokens: (text, {text of a likely token: log-probability}) in the order of the reply.
    """
    text, likely = "", None
    for token, top in tokens:
        text += token
        if text.partition(ANSWER_TAG)[2].strip():
            likely = top  # at the first token that writes something behind the tag
            break
    if likely is None:
        return {}
    totals = dict.fromkeys(labels, 0.0)
    for token, log_p in likely.items():
        start = token.rpartition(">")[2].strip().casefold()  # such a token may begin with the end of the tag
        p = math.exp(min(log_p, 0.0))
        fitting = [label for label in labels if start and label.casefold().startswith(start)]
        if len(fitting) == 1:
            totals[fitting[0]] += p
        elif fitting and p > NEGLIGIBLE_P:
            return {}
    total = sum(totals.values())
    return {label: p / total for label, p in totals.items()} if total > 0 else {}


def _top(token: Any) -> dict[str, float]:
    found = {entry.token: float(entry.logprob) for entry in token.top_logprobs or []}
    found.setdefault(token.token, float(token.logprob))
    return found


def _request(model: str, chat: list[dict[str, Any]], samples: np.ndarray, options: ReplyOptions) -> dict[str, Any]:
    """The request's body: our chat messages with the clip in place of their audio part."""
    audio = {"type": "input_audio", "input_audio": {"data": wav_base64(samples), "format": "wav"}}
    messages = [
        {"role": message["role"], "content": [audio if part["type"] == "audio" else part for part in message["content"]]}
        for message in chat
    ]
    body = {
        "model": model,
        "messages": messages,
        "max_tokens": options.max_new_tokens,
        "temperature": options.temperature,
        "stream": True,
    }
    return body if options.seed is None else {**body, "seed": options.seed}


def wav_base64(samples: np.ndarray) -> str:
    """Samples (n,) float32 at 16 kHz as base64 of a 16-bit wav."""
    pcm = (np.clip(samples, -1.0, 1.0) * 32767).round().astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm.tobytes())
    return base64.b64encode(file.getvalue()).decode("ascii")


def _bounded(stream: Any, sentence: str) -> Any:
    """The same stream of bytes, which raises RemoteError(sentence) after MAX_REPLY_BYTES."""
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            received = 0
            for part in stream:
                received += len(part)
                if received > MAX_REPLY_BYTES:
                    raise RemoteError(sentence)
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()


def _hang_up(stream: Any) -> None:
    """Close the connection, also while another thread waits for its next byte: closing alone would not wake that one,
    and the server would go on generating until it next writes."""
    network = stream.response.extensions.get("network_stream")
    sock = network.get_extra_info("socket") if network is not None else None
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(Exception):
        stream.close()
