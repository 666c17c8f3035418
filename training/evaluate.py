"""Evaluate a thinker on labelled clips, from the text it generates and nothing else.

    python -m training.evaluate --model assets/nano --output runs/nano/evaluation \
        --set "CREMA-D dev speakers=runs/nano/dev.jsonl" --set "RAVDESS actors 01–12=runs/nano/ravdess.jsonl"

Writes `evaluation.json`, `evaluation.md` and `replies.jsonl` (each reply, for reading) to the output folder; the first,
copied beside the weights, is where the page takes its error rates from. Clips of other emotions than the model's labels
are left out. Reported per set:
UAR and accuracy against the intended label and against what listeners heard, with intervals that resample speakers;
recall per emotion and per sex; the share of well-formed replies; per cue, the share of stated facts that agree with the
measurement; the share of quoted words that are words of the transcript, also for sentences never seen in training.
A reply without a valid answer counts as wrong.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import verify_claims
from emotionthinker.listening import choose_span, hear
from emotionthinker.prompt import PromptStyle, messages
from emotionthinker.response import ParsedResponse, parse_response

BOOTSTRAPS = 2000
CUES = ("pitch_level", "pitch_range", "energy_level", "speed_level", "intonation", "gender", "pauses")
LEVELS = ("pitch_level", "pitch_range", "energy_level", "speed_level")


def generate_replies(
    thinker: Any, processor: Any, style: PromptStyle, records: Sequence[dict], transcripts: Sequence[str], batch_size: int = 48
) -> list[str]:  # fmt: skip
    """Greedy replies to the emotion question, in the records' order. `thinker`: the transformers model itself.

    A clip without speech is not put to the model, as at work: its reply is empty.
    """
    import torch

    prepared = []
    for record, transcript in zip(records, transcripts, strict=True):
        clip = load_clip(record["audio_path"])
        span = choose_span(record["segments"], clip.duration_s, style.max_audio_s)
        prompt = processor.apply_chat_template(
            messages(style, style.labels, transcript), tokenize=False, add_generation_prompt=True
        )
        prepared.append((prompt, hear(clip.samples, span, style.bandwidth_hz)))
    order = sorted((i for i, r in enumerate(records) if r["segments"]), key=lambda i: len(prepared[i][1]))
    replies = [""] * len(prepared)
    processor.tokenizer.padding_side = "left"
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        inputs = processor(
            text=[prepared[i][0] for i in part], audio=[prepared[i][1] for i in part], return_tensors="pt", padding=True
        )
        with torch.inference_mode():
            ids = thinker.generate(
                **inputs,
                max_new_tokens=style.max_new_tokens,
                do_sample=False,
                suppress_tokens=processor.media_token_ids(),
            )
        texts = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(part, texts, strict=True):
            replies[i] = text
    return replies


def uar(truth: Sequence[str], guess: Sequence[str | None]) -> float:
    """Mean of the recalls of the classes that occur in `truth` (unweighted average recall)."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for t, g in zip(truth, guess, strict=True):
        hits[t].append(t == g)
    return float(np.mean([np.mean(h) for h in hits.values()]))


def speaker_interval(
    truth: Sequence[str], guess: Sequence[str | None], speakers: Sequence[str], seed: int = 0
) -> list[float]:
    """95 % bootstrap interval of UAR that resamples speakers, as clips of one speaker are not independent."""
    classes = sorted(set(truth))
    names = sorted(set(speakers))
    hits = np.zeros((len(names), len(classes)))
    counts = np.zeros_like(hits)
    for t, g, s in zip(truth, guess, speakers, strict=True):
        hits[names.index(s), classes.index(t)] += t == g
        counts[names.index(s), classes.index(t)] += 1
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(names), size=(BOOTSTRAPS, len(names)))
    total = counts[draws].sum(1)
    recall = np.divide(hits[draws].sum(1), total, out=np.full_like(total, np.nan), where=total > 0)
    return [round(float(q), 3) for q in np.nanpercentile(np.nanmean(recall, axis=1), [2.5, 97.5])]


def heard_label(record: dict) -> str | None:
    """What most listeners heard, where one label leads alone."""
    votes = Counter(record.get("votes") or {}).most_common(2)
    if not votes or votes[0][1] == 0 or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return None
    return votes[0][0]


def recognition(records: Sequence[dict], parsed: Sequence[ParsedResponse], labels: Sequence[str]) -> dict[str, Any]:
    """Figures of the answers: against intended and heard labels, per emotion, per sex, and the confusion counts."""
    guess = [p.emotion for p in parsed]
    truth = [r["emotion"] for r in records]
    out: dict[str, Any] = {
        "clips": len(records),
        "speakers": len({r["speaker"] for r in records}),
        "uar": round(uar(truth, guess), 4),
        "uar_interval": speaker_interval(truth, guess, [r["speaker"] for r in records]),
        "accuracy": round(float(np.mean([t == g for t, g in zip(truth, guess, strict=True)])), 4),
        "recall": {}, "per_sex": {}, "confusion": {},
    }  # fmt: skip
    for label in labels:
        own = [g for t, g in zip(truth, guess, strict=True) if t == label]
        if own:
            out["recall"][label] = round(float(np.mean([g == label for g in own])), 3)
            out["confusion"][label] = dict(Counter(str(g) for g in own))
    for sex in sorted({str(r.get("sex")) for r in records}):
        rows = [i for i, r in enumerate(records) if str(r.get("sex")) == sex]
        out["per_sex"][sex] = {
            "clips": len(rows),
            "uar": round(uar([truth[i] for i in rows], [guess[i] for i in rows]), 4),
            "accuracy": round(float(np.mean([truth[i] == guess[i] for i in rows])), 4),
        }
    heard = [(heard_label(r), g) for r, g in zip(records, guess, strict=True)]
    heard = [(h, g) for h, g in heard if h is not None]
    if heard:
        out["heard"] = {
            "clips": len(heard),
            "uar": round(uar([str(h) for h, _ in heard], [g for _, g in heard]), 4),
            "accuracy": round(float(np.mean([h == g for h, g in heard])), 4),
        }
    return out


def groundedness(records: Sequence[dict], parsed: Sequence[ParsedResponse]) -> dict[str, Any]:
    """Per cue: how often it is stated, how many of these can be checked, and the share of those that the record supports."""
    verdicts: dict[str, Counter] = defaultdict(Counter)
    for record, reply in zip(records, parsed, strict=True):
        for claim in verify_claims(reply.reasoning, record):
            verdicts[claim.attribute][claim.verdict] += 1

    def share(attributes: Sequence[str]) -> dict[str, Any]:
        total = sum((verdicts[a] for a in attributes), Counter())
        checkable = total["supported"] + total["contradicted"]
        return {
            "stated": sum(total.values()),
            "checkable": checkable,
            "right": round(total["supported"] / checkable, 4) if checkable else None,
        }

    return {"levels": share(LEVELS), "all": share(CUES)} | {cue: share([cue]) for cue in CUES}


def quoted_words_right(parsed: Sequence[ParsedResponse], transcripts: Sequence[str]) -> dict[str, Any]:
    """Share of the words in double quotes that are words of the transcript, and of replies that quote at all."""
    right = total = quoting = 0
    for reply, transcript in zip(parsed, transcripts, strict=True):
        known = set(_words(transcript))
        quoted = [w for quote in re.findall(r'"([^"]*)"', reply.reasoning) for w in _words(quote)]
        quoting += bool(quoted)
        total += len(quoted)
        right += sum(w in known for w in quoted)
    return {
        "words": total,
        "right": round(right / total, 4) if total else None,
        "replies_that_quote": round(quoting / len(parsed), 4),
    }


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("’", "'"))


def evaluate_set(
    thinker: Any, processor: Any, style: PromptStyle, records: Sequence[dict], limit_unseen: int = 400
) -> tuple[dict, list[dict]]:
    """All figures for one set of label records, and the replies."""
    from training.sentences import sentence_pool

    own = [r["transcription"] for r in records]
    started = time.time()
    replies = generate_replies(thinker, processor, style, records, own)
    seconds = time.time() - started
    parsed = [parse_response(text, style.labels) for text in replies]
    step = max(1, len(records) // limit_unseen)
    some = list(records[::step])
    unseen = sentence_pool(len(some), seed=1, split="dev")
    parsed_unseen = [parse_response(t, style.labels) for t in generate_replies(thinker, processor, style, some, unseen)]
    report = recognition(records, parsed, style.labels) | {
        "well_formed": round(float(np.mean([p.well_formed for p in parsed])), 4),
        "grounding": groundedness(records, parsed),
        "quotes": quoted_words_right(parsed, own),
        "quotes_unseen_sentences": quoted_words_right(parsed_unseen, unseen),
        "answer_changed_by_other_words": round(
            float(np.mean([a.emotion != b.emotion for a, b in zip(parsed[::step], parsed_unseen, strict=True)])), 4
        ),
        "generation_s": round(seconds, 1),
    }
    rows = [
        {"audio": Path(r["audio_path"]).name, "emotion": r["emotion"], "answer": p.emotion, "reply": text}
        for r, p, text in zip(records, parsed, replies, strict=True)
    ]
    return report, rows


def quick_score(thinker: Any, processor: Any, style: PromptStyle, records: Sequence[dict]) -> dict[str, float | None]:
    """A few figures on a few clips, to watch training."""
    own = [r["transcription"] for r in records]
    parsed = [parse_response(t, style.labels) for t in generate_replies(thinker, processor, style, records, own)]
    facts = groundedness(records, parsed)
    return {
        "dev_uar": round(uar([r["emotion"] for r in records], [p.emotion for p in parsed]), 3),
        "well_formed": round(float(np.mean([p.well_formed for p in parsed])), 3),
        "levels_right": facts["levels"]["right"],
        "sex_right": facts["gender"]["right"],
        "intonation_right": facts["intonation"]["right"],
        "quotes_right": quoted_words_right(parsed, own)["right"],
    }


def markdown(reports: dict[str, dict]) -> str:
    """The report as Markdown tables, one column per set."""
    names = list(reports)
    rows: list[tuple[str, list[Any]]] = [
        ("clips (speakers)", [f"{r['clips']} ({r['speakers']})" for r in reports.values()])
    ]
    rows.append(
        (
            "UAR, intended label",
            [f"{r['uar']:.3f} [{r['uar_interval'][0]:.3f}, {r['uar_interval'][1]:.3f}]" for r in reports.values()],
        )
    )
    rows.append(("accuracy, intended label", [r["accuracy"] for r in reports.values()]))
    rows.append(("UAR, what listeners heard", [r.get("heard", {}).get("uar") for r in reports.values()]))
    rows.append(("accuracy, what listeners heard", [r.get("heard", {}).get("accuracy") for r in reports.values()]))
    for sex in sorted({s for r in reports.values() for s in r["per_sex"]}):
        rows.append((f"UAR, {sex}", [r["per_sex"].get(sex, {}).get("uar") for r in reports.values()]))
    for label in dict.fromkeys(label for r in reports.values() for label in r["recall"]):
        rows.append((f"recall, {label}", [r["recall"].get(label) for r in reports.values()]))
    rows.append(("well-formed replies", [r["well_formed"] for r in reports.values()]))
    for cue in ("levels", *CUES, "all"):
        rows.append((f"stated {cue.replace('_', ' ')} right", [_share(r["grounding"][cue]) for r in reports.values()]))
    rows.append(("quoted words in the transcript", [r["quotes"]["right"] for r in reports.values()]))
    rows.append(("… sentences never seen", [r["quotes_unseen_sentences"]["right"] for r in reports.values()]))
    rows.append(("answer changed by other words", [r["answer_changed_by_other_words"] for r in reports.values()]))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for title, values in rows:
        cells = ["–" if v is None else f"{v:.3f}" if isinstance(v, float) else str(v) for v in values]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _share(entry: dict[str, Any]) -> str | None:
    return None if entry["right"] is None else f"{entry['right']:.3f} of {entry['checkable']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument(
        "--set", action="append", required=True, metavar="NAME=LABELS.jsonl", help="labelled clips; may be repeated"
    )
    parser.add_argument("--output", required=True, help="folder for evaluation.json, evaluation.md, replies.jsonl")
    args = parser.parse_args()
    try:
        evaluate(Path(args.model), dict(item.split("=", 1) for item in args.set), Path(args.output))
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def evaluate(model: Path, sets: dict[str, str], output: Path) -> dict[str, dict]:
    """Evaluate a model folder on named label files; writes and returns the reports by set name."""
    from emotionthinker.thinker import EmotionThinker
    from training.sft import read_records

    loaded = EmotionThinker.from_pretrained(model)
    output.mkdir(parents=True, exist_ok=True)
    reports = {}
    with (output / "replies.jsonl").open("w", encoding="utf-8") as file:
        for name, path in sets.items():
            records = read_records(path, loaded.style.labels, need_speech=False)
            reports[name], rows = evaluate_set(loaded.model, loaded.processor, loaded.style, records)
            for row in rows:
                print(json.dumps({"set": name} | row, ensure_ascii=False), file=file)
            print(f"{name}: UAR {reports[name]['uar']}", file=sys.stderr)
    summary = {
        "date": time.strftime("%Y-%m-%d"),
        "model": loaded.style.name,
        "corpora": [{"name": name, "classes": len(report["recall"])} | report for name, report in reports.items()],
    }
    (output / "evaluation.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = markdown(reports)
    (output / "evaluation.md").write_text(text, encoding="utf-8")
    print(text)
    return reports


if __name__ == "__main__":
    sys.exit(main())
