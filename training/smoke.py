"""The whole chain on 60 clips, to see that it runs before days are spent on it: `make train-nano-smoke`, minutes on two cores.

    python -m training.smoke [--output runs/smoke] [--threads 2]

espeak-ng speaks the clips, ten voices with six manners each, in CREMA-D's layout. Then every command runs as for a real
corpus, with the recipes for Nano and a handful of steps: corpus, labels, explanations, Base tasks and their training, SFT,
tuples, reward model, GRPO-PTR, evaluation; at the end the app's own loader asks the result about a clip. What is learned here
is worth nothing, and no figure of it says anything about a model. A stage that is done is not run again in the same folder.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import NANO_FOLDER
from training.corpora.crema_ravdess import CREMA_DEV, CREMA_SENTENCES, CREMA_TRAIN
from training.resumable import read_rows

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "training" / "recipes"
REFERENCE = ROOT / "assets" / "reference" / "crema-d-train.json"
# Volume, words a minute, pitch and its range, as espeak-ng takes them.
MANNERS = {
    "neutral": (100, 160, 45, 50), "happy": (130, 185, 65, 120), "sad": (50, 125, 30, 30), "angry": (190, 190, 55, 100),
    "disgust": (80, 140, 35, 60), "fear": (90, 205, 75, 90),
}  # fmt: skip
VOICES = (
    "en-us+m1", "en-us+f2", "en-us+m3", "en-us+f4", "en-gb+m2", "en-gb+f1", "en-us+Andy", "en-us+linda", "en-gb+m7", "en-us+f5",
)  # fmt: skip
N_DEV = 2  # of the voices


def speak(folder: Path) -> None:
    """60 clips with a manifest. Raises EmotionThinkerError without espeak-ng."""
    if not shutil.which("espeak-ng"):
        raise EmotionThinkerError("espeak-ng is not installed, and it speaks the clips: run `apt-get install espeak-ng`.")
    folder.mkdir(parents=True, exist_ok=True)
    speakers = sorted(CREMA_TRAIN)[: len(VOICES) - N_DEV] + sorted(CREMA_DEV)[:N_DEV]
    sentences = list(CREMA_SENTENCES.values())
    rows = []
    for i, (speaker, voice) in enumerate(zip(speakers, VOICES, strict=True)):
        for k, (emotion, (volume, speed, pitch, span)) in enumerate(MANNERS.items()):
            text, path = sentences[(i + 2 * k) % len(sentences)], folder / f"{speaker}_{emotion}.wav"
            ssml = f'<speak><prosody range="{span}%">{text}</prosody></speak>'
            manner = ["-a", str(volume), "-s", str(speed + 2 * i), "-p", str(pitch)]
            subprocess.run(["espeak-ng", "-m", "-v", voice, *manner, "-w", str(path), ssml], check=True, timeout=60)
            sex = "female" if voice.split("+")[1][0] in "fl" else "male"
            rows.append({"path": path.name, "emotion": emotion, "speaker": f"crema_{speaker}", "sex": sex, "text": text})
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:  # last: it says that all are there
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def stages(out: Path, threads: int) -> list[tuple[str, Path, Callable[[], object]]]:
    """Name, what it writes last, and the work, of every stage in order."""
    from training import augment_cot, base_tasks, evaluate, grpo_ptr, label_prosody, reward_data, reward_model, reward_report, sft
    from training.corpora import command as corpora

    def run(main: Callable[[list[str]], int], *flags: object) -> None:
        if main([str(flag) for flag in flags]) != 0:
            raise EmotionThinkerError("The stage failed; its own message is above.")

    def labels(split: str) -> None:
        place, raw = out / f"{split}.jsonl", out / f"{split}.in.jsonl"
        run(corpora.main, "--corpus", "crema-d", "--root", out / "clips", "--split", split, "--output_path", raw)
        run(label_prosody.main, "--input_path", raw, "--output_path", place, "--stage", "extract", "--workers", 1)
        run(label_prosody.main, "--input_path", raw, "--output_path", place, "--stage", "calibrate", "--reference", REFERENCE)
        run(augment_cot.main, "--input_path", place, "--output_path", out / f"{split}.cot.jsonl")

    def base() -> None:
        recipe = ["--recipe", RECIPES / "base-nano.yaml", "--output", out / "base", "--threads", threads]
        for split, n in (("train", 24), ("dev", 6)):
            recipe += [f"--data.{split}.labels", out / f"{split}.jsonl", f"--data.{split}.cot", out / f"{split}.cot.jsonl",
                       f"--data.{split}.examples", n]  # fmt: skip
        run(base_tasks.main, *recipe, "--data.workers", 1)
        run(sft.main, *recipe)

    def tuples(split: str) -> None:
        run(reward_data.main, "--input_path", out / f"{split}.cot.jsonl", "--output_path", out / f"{split}.tuples.jsonl")

    given = ["--threads", threads]
    nano = [
        "--recipe", RECIPES / "nano-sft.yaml", "--start", NANO_FOLDER, "--output", out / "sft", *given,
        "--train", out / "train.jsonl", "--dev", out / "dev.jsonl", "--sentences", 500, "--look_at", 0,
        "--tower_stages", "[{epochs: 1, batch_size: 16, learning_rate: 1.0e-6}]",
        "--decoder_recipe.epochs", 1, "--decoder_recipe.copy_steps", 2, "--decoder_recipe.learning_rate", "1.0e-5",
    ]  # fmt: skip
    reward = [
        "--recipe", RECIPES / "nano-reward.yaml", "--model", out / "sft" / "model", "--output", out / "reward", *given,
        "--train", out / "train.tuples.jsonl", "--records", out / "train.cot.jsonl",
        "--dev", out / "dev.tuples.jsonl", "--dev_records", out / "dev.cot.jsonl", "--examples", 128, "--epochs", 1,
    ]  # fmt: skip
    grpo = [
        "--recipe", RECIPES / "nano-grpo.yaml", "--model", out / "sft" / "model", "--output", out / "grpo", *given,
        "--train", out / "train.jsonl", "--reasoning.model", out / "reward" / "model",
        "--k", 4, "--prompts", 4, "--batch_size", 16, "--steps", 3, "--save_steps", 1, "--sample_every", 1,
        "--schedule", "{window: 16, threshold: 0.2, hysteresis: 0.05}",
    ]  # fmt: skip
    check = ["--model", out / "grpo" / "model", "--set", f"spoken by a machine={out / 'dev.jsonl'}", "--output", out / "evaluation",
             "--reward_model", out / "reward" / "model"]  # fmt: skip
    heard = ["--model", out / "reward" / "model", "--tuples", out / "dev.tuples.jsonl", "--records", out / "dev.cot.jsonl",
             "--output", out / "reward" / "report"]  # fmt: skip
    return [
        ("60 clips", out / "clips" / "manifest.csv", lambda: speak(out / "clips")),
        ("labels and explanations, train", out / "train.cot.jsonl", lambda: labels("train")),
        ("labels and explanations, dev", out / "dev.cot.jsonl", lambda: labels("dev")),
        ("Base tasks and their training", out / "base" / "model" / "model.safetensors", base),
        ("SFT", out / "sft" / "model" / "model.safetensors", lambda: run(sft.main, *nano)),
        ("tuples, train", out / "train.tuples.jsonl", lambda: tuples("train")),
        ("tuples, dev", out / "dev.tuples.jsonl", lambda: tuples("dev")),
        ("reward model", out / "reward" / "model" / "reward.json", lambda: run(reward_model.main, *reward)),
        ("report on the reward model", out / "reward" / "report" / "reward_report.md", lambda: run(reward_report.main, *heard)),
        ("GRPO-PTR", out / "grpo" / "model" / "model.safetensors", lambda: run(grpo_ptr.main, *grpo)),
        ("evaluation", out / "evaluation" / "evaluation.json", lambda: run(evaluate.main, *check)),
    ]


def ask(model: Path, clip: str) -> str:
    """What the model that came out says of a clip, by the app's own way."""
    from emotionthinker.thinker import EmotionThinker

    return EmotionThinker.from_pretrained(model).explain(clip).raw


def main(argv: Sequence[str] | None = None) -> int:
    """Run the whole chain on spoken clips; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/smoke"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    out, took = args.output, []
    started = time.monotonic()
    try:
        for name, result, work in stages(out, args.threads):
            begun = time.monotonic()
            if not result.exists():
                print(f"\n== {name}", flush=True)
                work()
            if not result.exists():
                raise EmotionThinkerError(f"The stage “{name}” ended without {result}.")
            took.append((name, time.monotonic() - begun))
        text = ask(out / "grpo" / "model", read_rows(out / "dev.jsonl")[0]["audio_path"])
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    print("\n| stage | seconds |\n|---|---|")
    for name, seconds in took:
        print(f"| {name} | {seconds:.1f} |")
    print(f"| in all | {time.monotonic() - started:.1f} |\n\nThe model that came out, asked by the app:\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
