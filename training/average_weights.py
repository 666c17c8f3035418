"""Average the weights of models that come from one run: one that hears better and one that quotes better, for example.

    python -m training.average_weights --model runs/nano/model 0.72 --model runs/nano-quotes/model 0.28 --output runs/nano-both

Works for models that were trained on from each other, whose weights still lie in one valley (model soups; Wortsman et al. 2022).
The folder of the last model named gives everything but the weights. Choose the shares on dev speakers.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.manifest import write_manifest

WEIGHTS = "model.safetensors"


def average(models: Sequence[tuple[str | Path, float]], output: Path) -> Path:
    """Write `output` with Σ share × weights. Raises EmotionThinkerError for shares that do not add up to 1, models that differ."""
    if abs(sum(share for _, share in models) - 1) > 1e-6:
        raise EmotionThinkerError(f"The shares are {', '.join(str(share) for _, share in models)}; they must add up to 1.")
    total: dict[str, torch.Tensor] = {}
    for folder, share in models:
        file = Path(folder) / WEIGHTS
        if not file.is_file():
            raise EmotionThinkerError(f"There is no {WEIGHTS} in {folder}; give folders of models.")
        weights = load_file(file)
        if total and {name: t.shape for name, t in total.items()} != {name: t.shape for name, t in weights.items()}:
            raise EmotionThinkerError(f"{folder} has other tensors than {models[0][0]}; only models of one kind can be averaged.")
        total = {name: total.get(name, 0) + share * t.float() for name, t in weights.items()}
    dtype = {name: t.dtype for name, t in weights.items()}
    shutil.copytree(models[-1][0], output, dirs_exist_ok=True)
    save_file({name: t.to(dtype[name]).contiguous() for name, t in total.items()}, output / WEIGHTS, metadata={"format": "pt"})
    write_manifest(output)
    return output


def main(argv: Sequence[str] | None = None) -> int:
    """Average model folders into another; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.average_weights", description="Average the weights of models.")
    parser.add_argument("--model", nargs=2, action="append", required=True, metavar=("FOLDER", "SHARE"), help="may be repeated")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        try:
            models = [(folder, float(share)) for folder, share in args.model]
        except ValueError as error:
            raise EmotionThinkerError(f"A share is a number such as 0.5, not {str(error).split(':')[-1].strip()}.") from error
        print(average(models, args.output))
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
