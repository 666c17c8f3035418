"""Probe a set of clips: a manifest in, tables and a plot out, resumable.

Input is JSONL with `audio_path` and, where known, `transcription`, `emotion`, `sex`. Into the output folder go `probes.jsonl`, a
line per clip as soon as it is done, by which a run that was stopped goes on; at the end `summary.json`, `summary.md`,
`changes.csv` and `probe.svg`. A clip that cannot be probed is a line with its `error`, and is named in the summary.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from emotionthinker.audio import Clip, load_clip
from emotionthinker.clip_rows import read_rows
from emotionthinker.errors import EmotionThinkerError, ModelError
from emotionthinker.events import Explanation
from emotionthinker.export import result_json
from emotionthinker.pipeline import Explainer
from emotionthinker.probe_report import changes_csv, markdown, plot_svg
from emotionthinker.probing import Step, probe_clip, probe_dict
from emotionthinker.reliance import summary

DRAW_SEED = 0


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """The rows of a manifest, each clip once. Raises EmotionThinkerError where it is not one, or holds none."""
    rows: dict[str, dict[str, Any]] = {}
    for row in read_rows(path):
        rows.setdefault(row["audio_path"], row)
    if not rows:
        raise EmotionThinkerError(f"{path.name} holds no clip; give a JSONL file with an audio_path a line.")
    return list(rows.values())


def draw(rows: Sequence[dict[str, Any]], n: int | None) -> list[dict[str, Any]]:
    """n of the rows, in turn from each pair of emotion and sex; None: all, as they are.

    The order within a pair is drawn by a fixed seed, so that a larger n holds the clips of a smaller one.
    Raises EmotionThinkerError for n below 1.
    """
    if n is None:
        return list(rows)
    if n < 1:
        raise EmotionThinkerError(f"--clips is {n}, but at least 1 clip is needed.")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["audio_path"]):
        groups.setdefault((str(row.get("emotion")), str(row.get("sex"))), []).append(row)
    for key, group in groups.items():
        random.Random(f"{DRAW_SEED} {key}").shuffle(group)
    turns = zip_longest(*(groups[key] for key in sorted(groups)))
    return [row for turn in turns for row in turn if row is not None][:n]


def probe_set(explainer: Explainer, rows: Sequence[dict[str, Any]], folder: Path, changes: Sequence[str],
              ) -> tuple[dict[str, Any], str]:
    """Probe what is not done yet, then write the summary; gives it as JSON and as Markdown.

    Raises EmotionThinkerError where the folder cannot be written or holds the probes of another model or of other changes.
    """
    wanted = {row["audio_path"] for row in rows}
    file = folder / "probes.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model = {"model": explainer.name, "weights": fingerprint(explainer)}
        done = _done(file, model, changes)
        with file.open("a", encoding="utf-8") as out:
            for probe in _probes(explainer, rows, done, changes):
                line = probe | model
                out.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
                out.flush()
                os.fsync(out.fileno())
                done[line["clip"]] = line
        chosen = [line for clip, line in done.items() if clip in wanted]
        probes = [line for line in chosen if "error" not in line]
        failed = [line for line in chosen if "error" in line]
        found = {**summary(probes), "failed": failed}
        text = markdown(found, failed)
        (folder / "summary.json").write_text(result_json(found), encoding="utf-8")
        (folder / "summary.md").write_text(text, encoding="utf-8")
        (folder / "changes.csv").write_text(changes_csv(probes), encoding="utf-8", newline="")
        (folder / "probe.svg").write_text(plot_svg(found), encoding="utf-8")
    except OSError as error:
        raise EmotionThinkerError(f"{folder.name} cannot be written ({error.strerror}); give another --output.") from error
    return found, text


def fingerprint(explainer: Explainer) -> str | None:
    """A short hash of the weights of a model that runs here, so that a run does not go on with others under the same name; None
    for a model at an endpoint."""
    model: Any = getattr(explainer, "model", None)
    if not hasattr(model, "named_parameters"):
        return None
    sums = [f"{name} {float(value.detach().double().sum()):.6e}" for name, value in model.named_parameters()]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()[:16]


def _done(file: Path, model: Mapping[str, Any], changes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The lines of an earlier run by their clip. A last line without its end, left by a killed run, is cut off."""
    if not file.exists():
        return {}
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with file.open("r+b") as out:
            out.truncate(len(whole))
    done = {line["clip"]: line for line in map(json.loads, whole.splitlines())}
    for line in done.values():
        other_changes = "error" not in line and [step["change"] for step in line["steps"]] != list(changes)
        if other_changes or {key: line[key] for key in model} != model:
            raise EmotionThinkerError(f"{file} holds probes of another model or of other changes; give another --output.")
    return done


def _probes(explainer: Explainer, rows: Sequence[dict[str, Any]], done: Mapping[str, Any], changes: Sequence[str],
            ) -> Iterator[dict[str, Any]]:
    """A line for each clip that is not done, with the time that is left on standard error."""
    todo = [row for row in rows if row["audio_path"] not in done]
    started = time.monotonic()
    for number, row in enumerate(todo, 1):
        line = {"clip": row["audio_path"], "emotion": row.get("emotion"), "sex": row.get("sex"), "speaker": row.get("speaker")}
        try:
            clip = load_clip(row["audio_path"])
            other, voice = _other_voice(row, rows)
            found = list(probe_clip(explainer, clip, transcript=row.get("transcription"), other=voice, changes=changes))
        except ModelError:
            raise  # the model is at fault, not the clip: stop, so that the next run goes on here
        except EmotionThinkerError as error:
            yield line | {"error": error.whole}
        else:
            before, steps = found[0], [step for step in found[1:] if isinstance(step, Step)]
            assert isinstance(before, Explanation)
            yield line | {"other": other} | probe_dict(before, steps)
        each_s = (time.monotonic() - started) / number
        left_s = each_s * (len(todo) - number)
        left = f"{left_s / 60:.0f} min" if left_s >= 120 else f"{left_s:.0f} s"
        print(f"{len(rows) - len(todo) + number} of {len(rows)} clips, {each_s:.1f} s each, about {left} left", file=sys.stderr,
              flush=True)


def _other_voice(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[str | None, Clip | None]:
    """Path and clip of the voice that is put in this one's place: the first of `beside` that can be read."""
    for other in beside(row, rows):
        with contextlib.suppress(EmotionThinkerError):  # it is named as failed in its own turn
            return other["audio_path"], load_clip(other["audio_path"])
    return None, None


def beside(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The other clips of the set, from this one on, those that were meant to express something else first."""
    place = next(i for i, each in enumerate(rows) if each["audio_path"] == row["audio_path"])
    after = [*rows[place + 1 :], *rows[:place]]
    return sorted(after, key=lambda each: each.get("emotion") == row.get("emotion"))
