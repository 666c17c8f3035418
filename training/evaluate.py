"""Evaluate a thinker on labelled clips, from the text it generates and nothing else.

    python -m training.evaluate --model assets/nano --output runs/nano/evaluation \
        --set "CREMA-D dev speakers=runs/nano/dev.jsonl" --set "RAVDESS actors 01–12=runs/nano/ravdess.jsonl" [--recipe FILE]
        [--alone 100] [--judge 50 --judge_url URL --judge_model NAME --price_in USD --price_out USD --max_spend USD]

Writes `evaluation.json`, `evaluation.md`, one `evaluation-N.svg` a set, and `replies.jsonl` (each reply, for reading) to the output
folder; the first, copied beside the weights, is where the page takes its error rates from. Clips of other emotions than the
model's labels are left out. Reported per set:
accuracy, UAR and macro-F1 against the intended label, the first two against what listeners heard, with intervals that resample
speakers; recall per emotion; all of it per sex, per age and per both; the confusion; plain and pooled averages over the sets;
the share of well-formed replies; per cue, the share of stated facts that agree with the measurement, precision and coverage of
the reasoning; the share of quoted words that are words of the transcript, also for sentences never seen in training.
A reply without a valid answer counts as wrong.

--alone N   asks N clips of each set one by one, as at work: seconds to the first word and to the end, tokens per second, and
            whether the label scores can be believed (expected calibration error, Brier score): those after the reasoning, which
            are nearly sure of what was just argued for, and those of a model that can answer before it
--reward_model FOLDER   has every reply scored by a reward model that hears the clip (`training.reward_model`)
--judge N   has N replies of each set scored by a model at an endpoint (prompt: `training.judge`; key: OPENAI_API_KEY), which is
            told the measurements; `judge.usage.jsonl` keeps what it cost
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import distinct_claims, ground, verify_claims
from emotionthinker.listening import choose_span, hear
from emotionthinker.pipeline import ReplyOptions
from emotionthinker.prompt import PromptStyle, canonical_label, messages
from emotionthinker.response import ParsedResponse, parse_response
from training.evaluation_report import markdown, plot
from training.figures import averages, calibration, group_figures, recognition_figures, share_interval
from training.recipe_flags import with_recipe
from training.resumable import Progress, append_line, read_rows, write_whole, writing

CUES = ("pitch_level", "pitch_range", "energy_level", "speed_level", "intonation", "gender", "pauses")
LEVELS = ("pitch_level", "pitch_range", "energy_level", "speed_level")


def generate_replies(
    thinker: Any, processor: Any, style: PromptStyle, records: Sequence[dict], transcripts: Sequence[str], batch_size: int = 48
) -> list[str]:  # fmt: skip
    """Greedy replies to the emotion question, in the records' order. `thinker`: the transformers model itself.

    A clip without speech is not put to the model, as at work: its reply is empty. The sound of one batch is in memory at a time.
    """
    import torch

    def spoken(record: Mapping[str, Any]) -> tuple[np.ndarray, tuple[float, float]]:
        clip = load_clip(record["audio_path"])
        return clip.samples, choose_span(record["segments"], clip.duration_s, style.max_audio_s)

    def seconds(record: Mapping[str, Any]) -> float:
        start, end = spoken(record)[1]
        return end - start

    lengths = {i: seconds(record) for i, record in enumerate(records) if record["segments"]}
    order = sorted(lengths, key=lambda i: lengths[i])  # clips of like length in a batch
    replies = [""] * len(records)
    progress = Progress(len(order), 0, "replies")
    processor.tokenizer.padding_side = "left"
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        inputs = processor(
            text=[
                processor.apply_chat_template(
                    messages(style, style.labels, transcripts[i]), tokenize=False, add_generation_prompt=True
                )
                for i in part
            ],
            audio=[hear(*spoken(records[i]), style.bandwidth_hz) for i in part],
            return_tensors="pt",
            padding=True,
        )
        with torch.inference_mode():
            ids = thinker.generate(
                **inputs.to(thinker.device, thinker.dtype),
                max_new_tokens=style.max_new_tokens,
                do_sample=False,
                suppress_tokens=processor.media_token_ids(),
            )
        texts = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(part, texts, strict=True):
            replies[i] = text
        progress.show(begin + len(part), 0)
    return replies


def uar(truth: Sequence[str], guess: Sequence[str | None]) -> float:
    """Mean of the recalls of the classes that occur in `truth` (unweighted average recall)."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for t, g in zip(truth, guess, strict=True):
        hits[t].append(t == g)
    return float(np.mean([np.mean(h) for h in hits.values()]))


def heard_label(record: dict) -> str | None:
    """What most listeners heard, where one label leads alone."""
    votes = Counter(record.get("votes") or {}).most_common(2)
    if not votes or votes[0][1] == 0 or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return None
    return votes[0][0]


def recognition(records: Sequence[dict], parsed: Sequence[ParsedResponse], labels: Sequence[str]) -> dict[str, Any]:
    """Figures of the answers: against intended and heard labels, per emotion, per speaker group, and the confusion counts."""
    guess, truth = [p.emotion for p in parsed], [r["emotion"] for r in records]
    out = recognition_figures(truth, guess, [str(r["speaker"]) for r in records], labels)
    out |= {"recall": {}, "confusion": {}}
    for label in labels:
        own = [g for t, g in zip(truth, guess, strict=True) if t == label]
        if own:
            out["recall"][label] = round(float(np.mean([g == label for g in own])), 3)
            out["confusion"][label] = dict(Counter(str(g) for g in own))
    out["groups"] = group_figures(records, truth, guess, labels)
    out["per_sex"] = {sex: {name: found[name] for name in ("clips", "uar", "accuracy")}
                      for sex, found in out["groups"].get("sex", {}).items()}  # fmt: skip
    heard = [(heard_label(r), g, str(r["speaker"])) for r, g in zip(records, guess, strict=True)]
    heard = [entry for entry in heard if entry[0] in labels]
    if heard:
        h, g, s = zip(*heard, strict=True)
        out["heard"] = recognition_figures([str(label) for label in h], g, s, labels)
    return out


def groundedness(records: Sequence[dict], parsed: Sequence[ParsedResponse]) -> dict[str, Any]:
    """Per cue: how often it is stated, the same claim once a text, how many of these can be checked, and the share of those that
    the record supports."""
    verdicts: dict[str, Counter] = defaultdict(Counter)
    for record, reply in zip(records, parsed, strict=True):
        for claim in distinct_claims(verify_claims(reply.reasoning, record)):
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


def reasoning_quality(records: Sequence[dict], parsed: Sequence[ParsedResponse]) -> dict[str, Any]:
    """Precision and coverage of the reasoning without a judge: the share of its checkable claims that the record supports, over all
    claims and as the mean of the texts, and the share of the salient cues that it mentions; with intervals over speakers."""
    claims = [verify_claims(reply.reasoning, record) for record, reply in zip(records, parsed, strict=True)]
    grounded = [ground(found, record) for found, record in zip(claims, records, strict=True)]
    right, n = [g.supported for g in grounded], [g.checkable for g in grounded]
    mentioned, salient = [g.mentioned for g in grounded], [g.salient for g in grounded]
    speakers = [str(r["speaker"]) for r in records]
    per_text = [g.precision for g in grounded if g.precision is not None]
    return {
        "claims_per_text": round(float(np.mean([len(found) for found in claims])), 2),
        "texts_without_a_checkable_claim": round(float(np.mean([k == 0 for k in n])), 4),
        "precision": round(sum(right) / sum(n), 4) if sum(n) else None,
        "precision_interval": share_interval(right, n, speakers),
        "precision_per_text": round(float(np.mean(per_text)), 4) if per_text else None,
        "coverage": round(sum(mentioned) / sum(salient), 4) if sum(salient) else None,
        "coverage_interval": share_interval(mentioned, salient, speakers),
    }


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

    own = [r["transcription"] or "" for r in records]
    started = time.time()
    replies = generate_replies(thinker, processor, style, records, own)
    seconds = time.time() - started
    tokens = [len(processor.tokenizer.encode(text, add_special_tokens=False)) for text in replies]
    parsed = [parse_response(text, style.labels) for text in replies]
    step = max(1, len(records) // limit_unseen)
    some = list(records[::step])
    unseen = sentence_pool(len(some), seed=1, split="dev")
    parsed_unseen = [parse_response(t, style.labels) for t in generate_replies(thinker, processor, style, some, unseen)]
    report = recognition(records, parsed, style.labels) | {
        "well_formed": round(float(np.mean([p.well_formed for p in parsed])), 4),
        "grounding": groundedness(records, parsed),
        "reasoning": reasoning_quality(records, parsed),
        "quotes": quoted_words_right(parsed, own),
        "quotes_unseen_sentences": quoted_words_right(parsed_unseen, unseen),
        "answer_changed_by_other_words": round(
            float(np.mean([a.emotion != b.emotion for a, b in zip(parsed[::step], parsed_unseen, strict=True)])), 4
        ),
        "generation_s": round(seconds, 1),
        "tokens_per_reply": round(float(np.mean(tokens)), 1),
        "batch_tokens_per_s": round(sum(tokens) / max(seconds, 1e-9), 1),
    }
    rows = [
        {"audio": Path(r["audio_path"]).name, "emotion": r["emotion"], "answer": p.emotion, "reply": text}
        for r, p, text in zip(records, parsed, replies, strict=True)
    ]
    return report, rows


def ask_alone(loaded: Any, records: Sequence[dict], n: int) -> dict[str, Any]:
    """Ask about n clips one by one, as at work: latency, speed, and the calibration of the label scores.

    loaded: an `EmotionThinker`. Clips are taken at even distances. Seconds are those of the model alone, without measuring.
    """
    style, spoken = loaded.style, [r for r in records if r["segments"]]
    chosen = spoken[:: max(1, len(spoken) // n)][:n]
    scores, before, first_s, whole_s, tokens = [], [], [], [], 0
    cancel = threading.Event()
    progress = Progress(len(chosen), 0, "clips asked alone")
    for done, record in enumerate(chosen, 1):
        clip = load_clip(record["audio_path"])
        samples = hear(clip.samples, choose_span(record["segments"], clip.duration_s, style.max_audio_s), style.bandwidth_hz)
        chat = messages(style, style.labels, record["transcription"] or "")
        started, first = time.perf_counter(), None
        reply = loaded._reply(samples, chat, ReplyOptions(style.max_new_tokens), cancel)
        text = ""
        for piece in reply:
            first = first or time.perf_counter() - started
            text += piece
        whole_s.append(time.perf_counter() - started)
        first_s.append(first if first is not None else whole_s[-1])
        tokens += len(loaded.processor.tokenizer.encode(text, add_special_tokens=False))
        scores.append(reply.label_scores(style.labels))
        reply.close()
        before.append(loaded._first_impression(samples, style.labels, record["transcription"] or "", cancel))
        progress.show(done, 0)
    return {
        "clips": len(chosen),
        "first_word_s": _median_and_p95(first_s),
        "whole_s": _median_and_p95(whole_s),
        "tokens_per_s": round(tokens / max(sum(whole_s), 1e-9), 1),
        "label_scores": calibration(scores, [r["emotion"] for r in chosen]),
        "first_impression": calibration(before, [r["emotion"] for r in chosen]),
    }


def _median_and_p95(values: Sequence[float]) -> list[float]:
    return [round(float(q), 3) for q in np.percentile(values, [50, 95])]


def ask_judge(chat: Any, records: Sequence[dict], parsed: Sequence[ParsedResponse], n: int) -> dict[str, Any]:
    """Mean scores of n well-formed replies by a judge at an endpoint that is told the measurements; `scored` of `asked`.

    A request that fails, at the cap on spend too, raises nothing: `failed` counts those, `why` says what the last one met.
    """
    from training.judge import ask_each, judge_messages

    rows = [i for i, p in enumerate(parsed) if p.well_formed]
    rows = rows[:: max(1, len(rows) // n)][:n]
    found = ask_each(chat, [judge_messages(parsed[i].reasoning, records[i]) for i in rows])
    errors = [outcome for outcome in found if isinstance(outcome, Exception)]
    failed: dict[str, Any] = {"failed": len(errors), "why": chat.sentence(errors[-1])} if errors else {}
    return {"model": chat.model} | _mean_scores(len(rows), found) | failed


def _mean_scores(asked: int, found: Sequence[Any]) -> dict[str, Any]:
    """found: the four scores of a text, or whatever stands for none."""
    from training.rewards import DIMENSIONS

    scores = [s for s in found if isinstance(s, Mapping)]
    mean = {d: round(float(np.mean([s[d] for s in scores])), 3) for d in DIMENSIONS} if scores else {}
    return {"asked": asked, "scored": len(scores), "scores": mean,
            "mean": round(float(np.mean(list(mean.values()))), 3) if mean else None}  # fmt: skip


def ask_reward_model(folder: str | Path, records: Sequence[dict], parsed: Sequence[ParsedResponse]) -> dict[str, Any]:
    """Mean scores of the well-formed replies by a reward model of `training.reward_model` that hears the clips."""
    from training.reward_thinker import RewardModel

    rows = [i for i, p in enumerate(parsed) if p.well_formed and records[i]["segments"]]
    model = RewardModel.from_folder(folder)
    return _mean_scores(len(rows), model.scores([parsed[i].reasoning for i in rows], [records[i] for i in rows]))


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


def labelled(path: str, labels: Sequence[str]) -> list[dict]:
    """Label records whose emotion is one of the model's, by its own name for it ("disgust" may be "contempt or disgust" there)."""
    records = []
    for record in read_rows(Path(path)):
        if "segments" not in record or not record.get("speaker"):
            raise EmotionThinkerError(f"{record['audio_path']} in {path} was not labelled, or has no speaker; make the file with "
                                      "training.corpora and training.label_prosody.")  # fmt: skip
        emotion = canonical_label(str(record.get("emotion") or ""), labels) or record.get("label")
        if emotion in labels:
            votes = record.get("votes")
            if votes:
                votes = _renamed(votes, labels)
            records.append({**record, "emotion": emotion, "votes": votes})
    if not records:
        raise EmotionThinkerError(f"{path} holds no clip with one of the labels {', '.join(labels)}; give another set.")
    return records


def _renamed(votes: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    out: Counter[str] = Counter()
    for name, n in votes.items():
        out[canonical_label(name, labels) or name] += n
    return dict(out)


def main(argv: list[str] | None = None) -> int:
    """Evaluate a model on its sets, and write the report; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", help="YAML file with any of the other flags; what is given on the command line counts")
    parser.add_argument("--model", help="model folder or id")
    parser.add_argument("--set", action="append", metavar="NAME=LABELS.jsonl", help="labelled clips; may be repeated")
    parser.add_argument("--output", help="folder for the reports")
    parser.add_argument("--alone", type=int, default=0, metavar="N", help="ask N clips of each set one by one, too")
    parser.add_argument("--reward_model", help="folder of a reward model that scores every reply")
    group = parser.add_argument_group("judge", "the key comes from OPENAI_API_KEY of the environment only")
    group.add_argument("--judge", type=int, default=0, metavar="N", help="have N replies of each set scored by an endpoint")
    group.add_argument("--judge_url", help="its address, with its version")
    group.add_argument("--judge_model", help="the model's name there")
    group.add_argument("--price_in", type=float, metavar="USD", help="price of a million tokens read; 0 for your own server")
    group.add_argument("--price_out", type=float, metavar="USD", help="price of a million tokens written")
    group.add_argument("--max_spend", type=float, metavar="USD", help="stop before more is spent; needed unless both prices are 0")
    try:
        with_recipe(parser, argv)
        args = parser.parse_args(argv)
        if not args.model or not args.set or not args.output:
            raise EmotionThinkerError("Model, sets and output are needed: give --model, --set and --output, or a recipe.")
        if not all("=" in item for item in args.set):
            raise EmotionThinkerError('A set is given as NAME=LABELS.jsonl, such as "CREMA-D dev=dev.jsonl".')
        sets = dict(item.split("=", 1) for item in args.set)
        evaluate(args.model, sets, Path(args.output), alone=args.alone, judge=_judge(args), judged=args.judge,
                 reward_model=args.reward_model)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


def _judge(args: argparse.Namespace) -> Any:
    """The judge that was asked for, or None. Raises EndpointError for settings that it cannot be asked with."""
    if not args.judge:
        return None
    from training.endpoint_writer import Chat, EndpointError, Spend, prices_from

    if not args.judge_url or not args.judge_model:
        raise EndpointError("A judge needs an address and a name: give --judge_url and --judge_model.")
    args.workers = 8
    cap = math.inf if args.max_spend is None else args.max_spend
    spend = Spend(prices_from(args), cap, log=Path(args.output) / "judge.usage.jsonl")
    return Chat(args.judge_url, args.judge_model, spend, temperature=0.0)


def evaluate(
    model: str | Path, sets: Mapping[str, str], output: Path, *, alone: int = 0, judge: Any = None, judged: int = 0,
    reward_model: str | Path | None = None,
) -> dict[str, dict]:  # fmt: skip
    """Evaluate a model on named label files; writes and returns the reports by set name.

    alone: clips of each set that are asked one by one too; judge: an `endpoint_writer.Chat` that scores `judged` replies of each;
    reward_model: folder of one that scores all replies. A set's figures are on disk before anything outside is asked about its
    replies, so that a judge or a reward model that fails takes nothing with it. Raises DiskError.
    """
    from emotionthinker.thinker import EmotionThinker

    loaded = EmotionThinker.from_pretrained(model)
    given = {name: labelled(path, loaded.style.labels) for name, path in sets.items()}  # a wrong file is told at once
    replies = output / "replies.jsonl"
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        replies.write_text("", encoding="utf-8")
    reports: dict[str, dict] = {}
    for i, (name, records) in enumerate(given.items(), 1):
        print(f"{name}: {len(records)} clips, set {i} of {len(given)}", file=sys.stderr)
        report, rows = evaluate_set(loaded.model, loaded.processor, loaded.style, records)
        if alone:
            report["alone"] = ask_alone(loaded, records, alone)
        reports[name] = report
        for row in rows:
            append_line(replies, {"set": name} | row)
        write_whole(output / f"evaluation-{i}.svg", plot(report, name))
        _write_reports(output, loaded.style.name, reports)
        print(f"{name}: UAR {report['uar']}", file=sys.stderr)
        parsed = [parse_response(row["reply"], loaded.style.labels) for row in rows]
        if reward_model is not None:
            report["reward"] = ask_reward_model(reward_model, records, parsed)
            _write_reports(output, loaded.style.name, reports)
        if judge is not None:
            report["judge"] = ask_judge(judge, records, parsed, judged)
            _write_reports(output, loaded.style.name, reports)
            if "failed" in report["judge"]:
                said = report["judge"]
                print(f"{name}: {said['failed']} of {said['asked']} requests to the judge failed: {said['why']}", file=sys.stderr)
    print(markdown(reports))
    return reports


def _write_reports(output: Path, model: str, reports: Mapping[str, Mapping[str, Any]]) -> None:
    """`evaluation.json` and `evaluation.md` of the sets that are done."""
    summary = {
        "date": time.strftime("%Y-%m-%d"),
        "model": model,
        "corpora": [{"name": name, "classes": len(report["recall"])} | dict(report) for name, report in reports.items()],
        "averages": averages(reports),
    }
    write_whole(output / "evaluation.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    write_whole(output / "evaluation.md", markdown(reports))


if __name__ == "__main__":
    sys.exit(main())
