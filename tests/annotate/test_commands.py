"""The command line: what it prints, its exit codes, and that it is documented."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

import annotate.__main__ as program
from annotate import roster
from annotate.__main__ import build_parser, main
from annotate.demo import PROJECT, make_demo
from annotate.errors import AnnotateError
from annotate.exporting import export
from annotate.hub import hub_errors, push_every
from annotate.store import Store
from emotionthinker.page.port import PortError, require_free_port
from emotionthinker.prosody.record import measure_prosody
from tests.annotate.filling import EXPLANATION, make_store, write_clip
from tests.annotate.test_importing import explained

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[str]:
    return sorted(build_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr,arg-type,call-overload]


def test_a_project_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ["--db", str(tmp_path / "deep" / "a.db")]
    settings = ["--set", "ratings_per_item=2", "--set", "emotions=angry, sad"]
    assert main(["init", *db, "--project", "pilot", "--lead", "Grace", *settings]) == 0
    link = capsys.readouterr().out.split()[-1]
    write_clip(tmp_path / "clip.wav")
    lines = [json.dumps(explained()), "{broken", json.dumps(explained(reasoning=EXPLANATION + " Two."))]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    assert main(["import", *db, str(tmp_path / "in.jsonl")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "2 new, 0 known already, 1 refused\n"
    assert printed.err.startswith("line 2: The line is no JSON")
    assert main(["import", *db, str(tmp_path / "in.jsonl"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["bad"][0]["line"] == 2
    assert main(["known", *db, "--attention", "1", "--qualification", "0"]) == 0
    assert main(["invite", *db, "Ada"]) == 0
    ada = capsys.readouterr().out.split()[-1]
    assert main(["invite", *db, "Ada", "--again"]) == 0
    renewed = capsys.readouterr().out.split()[-1]
    with Store.open(db[1]) as store:
        assert roster.sign_in(store, link.split("invite=")[1]).role == "lead"
        assert roster.sign_in(store, renewed.split("invite=")[1]).name == "Ada"
        assert ada != renewed
        assert store.project().settings["emotions"] == ["angry", "sad"]
    for form in ("jsonl", "hub"):
        assert main(["export", *db, str(tmp_path / form), "--format", form]) == 0
    assert main(["backup", *db, str(tmp_path / "copy.db")]) == 0
    with Store.open(tmp_path / "copy.db") as copy:
        assert len(list(copy.items(copy.project()))) == 3


@pytest.mark.parametrize(("arguments", "said"), [
    (["init", "--set", "ratings_per_item=many"], "ratings_per_item"), (["init", "--set", "colour=red"], "no setting colour"),
    (["init", "--set", "x"], "NAME=VALUE"), (["invite", "Ada"], "no database"), (["serve"], "no database"),
    (["frob"], "invalid choice"),
    (["import", "gone.jsonl"], "no database"), (["export", "x"], "no database"), (["study", "prepare"], "--outputs FOLDER"),
    (["study", "report"], "no database"), (["invite"], "required"), ([], "required"), (["push", "a/b"], "no database"),
    (["init", "--project", " "], "name of a project"), (["serve", "--project", "x"], "unrecognized arguments"),
    (["backup", "copy.db", "--project", "x"], "unrecognized arguments"), (["demo", "--project", "x"], "unrecognized arguments"),
    (["invite", "Ada", "--again", "--role", "lead"], "leave --role and --hf out"),
    (["invite", "Ada", "--again", "--hf", "ada"], "leave --role and --hf out"),
    (["import", "in.jsonl", "--model", "nano"], "explained already"),
    (["import", "in.jsonl", "--endpoint", "http://127.0.0.1:9/v1"], "explained already"),
    (["import", str(ROOT / "assets"), "--audio", "clips"], "--audio is for a file"),
    (["demo", "--model", "no/such/folder"], "no folder")])
def test_faults_are_one_line_and_exit_code_2(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ET_ANNOTATE_DB", str(tmp_path / "a.db"))
    monkeypatch.setenv("ET_ENDPOINT", "http://127.0.0.1:9/v1")  # a model that is named alone runs here all the same
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(str(stop.code))
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert said in printed.err and printed.err.removeprefix("Loading the model …\n").count("\n") == 1


@pytest.mark.parametrize("program", [["-m", "annotate", "serve"], ["app.py"]])
def test_a_port_in_use_is_one_sentence_at_once(program: list[str], tmp_path: Path) -> None:
    make_store(tmp_path, 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        env = os.environ | {"ET_ANNOTATE_DB": str(tmp_path / "annotate.db"), "GRADIO_SERVER_PORT": port, "GRADIO_SERVER_NAME": ""}
        ended = subprocess.run([sys.executable, *program, *(["--port", port] if "serve" in program else [])], cwd=ROOT, env=env,
                               capture_output=True, text=True, timeout=300)
    remedy = "--port" if "serve" in program else "GRADIO_SERVER_PORT"
    assert ended.stderr == (f"The page cannot be served on port {port} of 127.0.0.1: another program listens there; end it, or "
                            f"choose another with {remedy}.\n")
    assert ended.returncode == 2 and ended.stdout == ""


@pytest.mark.parametrize(("host", "port", "said"), [
    ("127.0.0.1", 0, "1 to 65535"), ("127.0.0.1", 70_000, "1 to 65535"), ("203.0.113.9", 7861, "no such address"),
    ("no such host", 7861, "is no address")])
def test_an_address_that_cannot_be_served_is_a_sentence(host: str, port: int, said: str) -> None:
    with pytest.raises(PortError, match=said):
        require_free_port(host, port, "choose another with --port")


def into_full_disk(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "w") as full:
        return subprocess.run([sys.executable, "-m", "annotate", *arguments], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=300, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_one_line_and_a_reader_who_leaves_is_none(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path, 0)
    show = ["settings", "--db", str(store.path)]
    full = into_full_disk(show)
    assert full.returncode == 2 and "No space left on device" in full.stderr and full.stderr.count("\n") == 1
    command = [sys.executable, "-m", "annotate", *show]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
        assert left.stdout is not None and left.stderr is not None
        left.stdout.close()
        said = left.stderr.read()
    assert (left.returncode, said) == (0, b"")


@pytest.mark.parametrize("doing", ["the push", "the copy", "the download of the last copy"])
def test_what_was_being_done_stands_in_the_hubs_errors(doing: str) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:9")
    for error in (HfHubHTTPError("no", response=httpx.Response(403, request=request)), httpx.ConnectError("no", request=request),
                  OfflineModeIsEnabled("no")):
        with pytest.raises(AnnotateError, match=doing), hub_errors("someone/ratings", doing):
            raise error


def test_settings_are_shown_and_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, _ = make_store(tmp_path, 0)
    assert main(["settings", "--db", str(store.path), "--set", "closed=true"]) == 0
    assert json.loads(capsys.readouterr().out)["closed"] is True
    assert main(["settings", "--db", str(store.path)]) == 0
    assert json.loads(capsys.readouterr().out)["closed"] is True
    assert main(["settings", "--db", str(store.path), "--set", "closed=perhaps"]) == 2


def test_every_command_is_documented() -> None:
    texts = (program.__doc__ or "") + (ROOT / "docs" / "annotate.md").read_text(encoding="utf-8")
    assert [name for name in commands() if f"annotate {name}" not in texts] == []


def test_the_demonstration_is_simulated_and_says_so_everywhere(tmp_path: Path) -> None:
    record = measure_prosody(ROOT / "assets" / "examples" / "angry.flac", "I will never do that again.").to_dict()
    text = "A woman speaks loudly. Her pitch is high. It falls at the end. It sounds angry."

    def explain(clip: Any, words: str, seed: int | None) -> dict[str, Any]:
        return {**record, "reasoning": f"{text} Take {seed}.", "emotion": "angry", "model": "Nano", "transcription": words}

    with Store.create(tmp_path / "demo.db") as store:
        told: list[str] = []
        project = make_demo(store, explain, ratings_per_item=2, tell=told.append)
        ratings = store.ratings(project)
        assert project.name == PROJECT and project.settings["simulated"] is True
        assert len(ratings) > 100 and all(rating.simulated for rating in ratings)
        assert {rater.name.split()[0] for rater in store.raters(project)} == {"Simulated"}
        assert all("simulated" in item.source for item in store.items(project) if item.purpose == "work")
        by_model: dict[str, list[int]] = {}
        for rating in ratings:
            if not rating.is_attention:
                by_model.setdefault(rating.model_id.split(", ")[-1], []).append(rating.fluency_and_structural_clarity or 0)
        means = {name: sum(scores) / len(scores) for name, scores in by_model.items()}
        assert means["shuffled"] < means["shortened"] < means["Nano sampled"]  # the truth behind them shows
        checks = [rating.factual_alignment or 0 for rating in ratings if rating.is_attention]
        assert checks and sum(score <= 3 for score in checks) > 0.6 * len(checks)  # most simulated raters notice a swapped fact
        export(store, project, tmp_path / "out", "csv")
        counts = [int(n) for line in told for n in re.findall(r"^Simulated ratings: (\d+) of", line)]
        assert counts == list(range(50, len(ratings) + 1, 50))  # it is never long silent …
        n = len([line for line in told if "explanations" in line])
        assert [f"{k} of {n} explanations" in told[k - 1] for k in range(1, n + 1)] == [True] * n and n >= 20
        assert told[-1] == f"Simulated ratings: {len(ratings)}, all done."
    rows = (tmp_path / "out" / "ratings.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("simulated")
    assert {row.split(",")[column - len(rows[0].split(","))] for row in rows[1:]} == {"true"}


class Hub(BaseHTTPRequestHandler):
    """Stands in for the Hub: makes repositories and takes commits whose files come inline."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        server.seen.append((self.path, self.headers.get("Authorization"), body))
        if server.refuse:
            self._answer({"error": "no"}, 403)
        elif self.path.startswith("/api/repos/create"):
            self._answer({"url": f"{server.url}/datasets/someone/ratings"})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            self._answer({"files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]})
        elif "/commit/" in self.path:
            self._answer({"commitUrl": f"{server.url}/datasets/someone/ratings/commit/abc", "commitOid": "abc", "success": True})
        else:
            self._answer({"errors": [], "warnings": []})

    def do_GET(self) -> None:
        self._answer({"id": "someone/ratings", "siblings": [], "sha": "0" * 40, "private": True})

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.seen, server.refuse, server.url = [], False, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def push_there(hub: Any, database: Path, repo: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secretsecret",
                        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.run([sys.executable, "-m", "annotate", "push", "--db", str(database), repo], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=300)


def test_check_13_a_push_commits_the_export_and_never_prints_the_token(hub: Any, tmp_path: Path) -> None:
    """Against a local server that takes what `huggingface_hub` really sends; the Hub itself was not reached from here."""
    store, project = make_store(tmp_path, 2)
    done = push_there(hub, store.path, "someone/ratings")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/datasets/someone/ratings/commit/abc"
    (commit,) = [body for path, _, body in hub.seen if "/commit/" in path]
    lines = [json.loads(line) for line in commit.decode().splitlines()]
    sent = {line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"}
    export(store, project, tmp_path / "out", "hub")
    assert set(sent) == {"README.md", "data/ratings.parquet", "data/preferences.parquet", "data/items.parquet"}
    assert sent["README.md"] == (tmp_path / "out" / "README.md").read_bytes()
    assert json.loads(next(body for path, _, body in hub.seen if "/repos/create" in path))["visibility"] == "private"
    assert store.rows("SELECT 1 FROM events WHERE kind = 'pushed'")
    hub.refuse = True
    refused = push_there(hub, store.path, "someone/ratings")
    assert refused.returncode == 2 and "refused the push" in refused.stderr and refused.stderr.count("\n") == 1
    assert "secretsecret" not in done.stdout + done.stderr + refused.stdout + refused.stderr


def test_a_scheduled_push_waits_for_a_change_and_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from annotate import hub as module

    store, project = make_store(tmp_path, 1)
    pushes: list[str] = []

    def push(*_: Any, **__: Any) -> str:
        pushes.append("")
        if len(pushes) == 1:
            raise AnnotateError("The Hub was not reached.")
        return "commit"

    def sleep(seconds: float) -> None:
        if len(told) == 2:
            roster.change_settings(store, project, ratings_per_item=5)

    told: list[str] = []
    monkeypatch.setattr(module, "push", push)
    monkeypatch.setattr(module.time, "sleep", sleep)
    push_every(store, project, "a/b", 1, told.append, rounds=5)
    assert told == ["The Hub was not reached.", "commit", "commit"]
