"""What simulated people do with a running page: look, measure, ask, leave in the middle, rate, send what is no sound.

Everything goes over HTTP, as from a program that uses the page. Each action gives its kind, how long it took and what came of it;
"ok" is what should have come: an answer, or of a bad upload a refusal in one sentence.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from annotate.records import DIMENSIONS
from benchmarks.fuzz_inputs import audio_case
from emotionthinker.page.engine import EXAMPLES

PATIENCE_S = 180.0  # for one answer; who waits longer counts as failed
FULL = "queue is full"
# What people do, and how often. Asking costs the most by far, and all wait for one model.
WEIGHTS = {"page": 2, "measure": 3, "explain": 2, "stop": 2, "rate": 5, "bad upload": 3}


@dataclass(frozen=True)
class Did:
    """One action: at, took: seconds since the start and for it; outcome: "ok", "queue full", or what went wrong."""

    kind: str
    at: float
    took: float
    outcome: str


class Person:
    """One of them, with habits of their own. token: of their invitation to rate; "" for who rates nothing."""

    def __init__(self, url: str, number: int, token: str = "") -> None:
        self.url, self.number, self.token = url.rstrip("/"), number, token
        self.rng = random.Random(f"person {number}")
        self.clips = sorted(EXAMPLES.glob("*.flac"))
        self.presses: list[str] = []  # submissions that the server acknowledged
        self._actions: dict[str, Callable[[], str]] = {
            "page": self.look, "measure": self.measure, "explain": self.explain, "stop": self.stop, "rate": self.rate,
            "bad upload": self.bad_upload,
        }

    def act(self) -> tuple[str, str]:
        """Something, at random; gives its kind and what came of it."""
        kinds = [kind for kind in WEIGHTS if kind != "rate" or self.token]
        kind = self.rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
        try:
            return kind, self._actions[kind]()
        except urllib.error.HTTPError as error:
            text = error.read(500).decode("utf-8", "replace")
            return kind, "queue full" if FULL in text.lower() else f"HTTP {error.code}: {text[:120]}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            return kind, f"{type(error).__name__}: {error}"[:160]

    def look(self) -> str:
        """Open the page."""
        with urllib.request.urlopen(f"{self.url}/", timeout=PATIENCE_S) as answer:
            return "ok" if b"EmotionThinker" in answer.read() else "another page"

    def measure(self) -> str:
        """Have a clip measured."""
        clip = self.rng.choice(self.clips)
        event, data = self.ask("prosody", [self.upload(clip.name, clip.read_bytes()), ""])
        return "ok" if event == "complete" and data[0]["duration_s"] > 0 else f"{event}: {str(data)[:120]}"

    def explain(self) -> str:
        """Have a clip explained, or go away in the middle."""
        clip = self.rng.choice(self.clips)
        event, data = self.ask("explain", [self.upload(clip.name, clip.read_bytes()), "", ""])
        if event != "complete":
            return f"{event}: {str(data)[:120]}"
        return "ok" if data[0]["emotion"] or data[0]["warnings"] else "neither an emotion nor a reason"

    def stop(self) -> str:
        """Ask, and go away before the answer is there."""
        clip = self.rng.choice(self.clips)
        event_id = self.begin("explain", [self.upload(clip.name, clip.read_bytes()), "", ""])
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("GET", f"/gradio_api/call/explain/{event_id}")
            time.sleep(self.rng.uniform(0.1, 2.0))
        return "ok"

    def bad_upload(self) -> str:
        """A letter, half a file, noise behind a true signature: refused in a sentence. What can still be read is measured."""
        data = self.rng.choice((b"Dear all, this is no sound.", b"", audio_case(self.rng.randrange(10**6))))
        event, said = self.ask("prosody", [self.upload("letter.wav", data), ""])
        if event == "complete":
            return "ok" if said[0]["duration_s"] > 0 else "no length"
        text = str(said.get("error") if isinstance(said, dict) else said)
        return "ok" if re.fullmatch(r"[^\n]{20,250}\.", text) and "should not" not in text else f"no sentence: {text[:120]}"

    def rate(self) -> str:
        """One item, from being given it to the receipt; now and then a draft in between, and the same press twice."""
        task = self.annotate("open", {})
        if task.get("screen") == "done":
            return "ok"
        lease = task["lease"]
        scores = {name: self.rng.randint(1, 5) for name in DIMENSIONS}
        given = {"scores": scores, "heard_emotion": "angry", "answer_right": "yes", "comment": "", "flags": [], "marks": []}
        steps = [("heard", {"lease": lease, "played": 2.3}), ("read", {"lease": lease, "emotion": "angry"})]
        if self.rng.random() < 0.5:
            steps.append(("draft", {"lease": lease, "answers": given, "version": task["version"], "seconds": 1}))
        press = f"press-{lease}"
        steps += [("submit", {"lease": lease, "submission": press, "answers": given, "seconds": 2})] * self.rng.choice((1, 1, 2))
        for action, payload in steps:
            answer = self.annotate(action, payload)
            if "error" in answer:
                return f"{action}: {answer['error']}"
        self.presses.append(press)
        return "ok"

    def annotate(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """One request as the rating page makes it. Raises OSError when the server is gone."""
        answer = json.loads(self._post("/gradio_api/run/annotate", {"data": [action, self.token, payload]}))
        return answer["data"][0]

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Send a file; gives what names it in a call."""
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + b"\r\n--x--\r\n"
        request = urllib.request.Request(f"{self.url}/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return {"path": json.load(answer)[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def begin(self, name: str, data: Sequence[Any]) -> str:
        """Ask an endpoint; gives the id under which it answers."""
        return json.loads(self._post(f"/gradio_api/call/{name}", {"data": data}))["event_id"]

    def ask(self, name: str, data: Sequence[Any]) -> tuple[str, Any]:
        """An endpoint's last event and its data."""
        event_id, event = self.begin(name, data), ""
        with urllib.request.urlopen(f"{self.url}/gradio_api/call/{name}/{event_id}", timeout=PATIENCE_S) as answer:
            for raw in answer:
                line = raw.decode("utf-8").rstrip("\r\n")
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: ") and event in ("complete", "error"):
                    return event, json.loads(line[6:])
        return event or "nothing", None

    def _post(self, path: str, content: dict[str, Any]) -> bytes:
        request = urllib.request.Request(self.url + path, json.dumps(content).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()


def let_them(people: Sequence[Person], seconds: float, rest_s: float, tell: Callable[[Did], None]) -> list[Did]:
    """All of them at once for so long, each resting up to `rest_s` between two actions. Gives what they did, in order."""
    started, done, lock = time.monotonic(), [], threading.Lock()

    def live(person: Person) -> None:
        time.sleep(person.rng.uniform(0, rest_s))
        while time.monotonic() - started < seconds:
            at = time.monotonic() - started
            kind, outcome = person.act()
            did = Did(kind, at, time.monotonic() - started - at, outcome)
            with lock:
                done.append(did)
                tell(did)
            time.sleep(person.rng.uniform(0, rest_s))

    threads = [threading.Thread(target=live, args=(person,), name=f"person {person.number}") for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(done, key=lambda did: did.at)


def files_below(folder: Path) -> tuple[int, float]:
    """How many files lie there, and their size in 10^6 bytes."""
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                sizes.append(path.stat().st_size)
    return len(sizes), sum(sizes) / 1e6
