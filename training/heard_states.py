"""What a frozen thinker hears in each text, taken once and kept on disk, so that a head can be trained on it for many passes.

Where the thinker learns nothing, every pass over the examples would compute the same states and likelihoods again. They are
computed here before the training, block by block; after that a pass costs next to nothing. A block is one file that is whole or not
there: a run that was stopped goes on with the next one. On many devices each process takes every n-th block. Files of another model
or of other texts are not used but made anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors import safe_open
from safetensors.torch import save_file

from training.resumable import Progress, new_file, write_whole
from training.reward_examples import Scored
from training.reward_thinker import RewardModel, by_sound
from training.rewards import DIMENSIONS

BLOCK = 1024  # texts in a file: 40 MB for a thinker of 256 units
KEY_FILE = "key.txt"


@dataclass(frozen=True)
class Heard:
    """A text as the head is given it: states (T, hidden) float16, added (T,) nats, scores (4,), nan where not known."""

    states: torch.Tensor
    added: torch.Tensor
    scores: torch.Tensor


class HeardTexts(torch.utils.data.Dataset[Heard]):
    """Examples with what the thinker hears in them, read from the disk as they are asked for."""

    def __init__(self, folder: Path, examples: Sequence[Scored]) -> None:
        self.scores = torch.tensor([[float(e.scores.get(d, float("nan"))) for d in DIMENSIONS] for e in examples])
        self._files = [safe_open(file_of(folder, b), "pt") for b in range(n_blocks(examples))]
        self._ends = [[0, *file.get_tensor("ends").tolist()] for file in self._files]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: int) -> Heard:
        block, row = divmod(index, BLOCK)
        tokens = slice(*self._ends[block][row : row + 2])
        states, added = (self._files[block].get_slice(name)[tokens] for name in ("states", "added"))
        return Heard(states, added, self.scores[index])


def heard_texts(
    model: RewardModel, examples: Sequence[Scored], folder: Path, place: str, batch_size: int, bf16: bool
) -> HeardTexts:
    """Let the thinker read every text beside its clip, unless `folder` holds what it heard.

    place: the model's folder, whose files must be the same for that. Raises DiskError.
    """
    process, key = PartialState(), key_of(examples, place, bf16)
    if process.is_main_process and (not folder.is_dir() or _read(folder / KEY_FILE) != key):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_whole(folder / KEY_FILE, key)
    process.wait_for_everyone()
    mine = range(process.process_index, n_blocks(examples), process.num_processes)
    missing = [block for block in mine if not file_of(folder, block).is_file()]
    parts = [examples[block * BLOCK : (block + 1) * BLOCK] for block in missing]
    progress, done = Progress(sum(map(len, parts)), 0, "texts heard"), 0
    for block, part in zip(missing, parts, strict=True):
        heard: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        order = by_sound(model.inputs, [e.text for e in part], [e.record for e in part])
        for begin in range(0, len(part), batch_size):
            rows = order[begin : begin + batch_size]
            heard |= zip(rows, listen(model, [part[i] for i in rows], bf16), strict=True)
            done += len(rows)
            progress.show(done, 0)
        texts = [heard[i] for i in range(len(part))]
        tensors = {"states": torch.cat([states for states, _ in texts]), "added": torch.cat([added for _, added in texts]),
                   "ends": torch.tensor([len(added) for _, added in texts]).cumsum(0)}  # fmt: skip
        with new_file(file_of(folder, block)) as new:
            save_file(tensors, new)
    process.wait_for_everyone()
    return HeardTexts(folder, examples)


@torch.inference_mode()
def listen(model: RewardModel, examples: Sequence[Scored], bf16: bool) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """States (T, hidden) float16 and what the clip adds (T,) for the tokens of each text."""
    batch = model.placed(model.batch([e.text for e in examples], [e.record for e in examples]))
    mask = batch.pop("text_mask").bool()
    with torch.autocast(model.thinker.device.type, torch.bfloat16, enabled=bf16):
        states, added = model.thinker.listened(mask, **batch)
    return [(s[m].half().cpu(), a[m].float().cpu()) for s, a, m in zip(states, added, mask, strict=True)]


def padded(texts: Sequence[Heard]) -> dict[str, torch.Tensor]:
    """A batch for `RewardThinker.forward`: states (B, T, hidden), added (B, T), text_mask (B, T), scores (B, 4)."""
    fill = torch.nn.utils.rnn.pad_sequence
    return {
        "states": fill([t.states for t in texts], batch_first=True), "added": fill([t.added for t in texts], batch_first=True),
        "text_mask": fill([torch.ones(len(t.added), dtype=torch.long) for t in texts], batch_first=True),
        "scores": torch.stack([t.scores for t in texts]),
    }  # fmt: skip


def head_alone(thinker: Any) -> bool:
    """Whether nothing but the reward head learns. The part that sees is not looked at: no text or clip passes through it."""
    learning = [name for name, p in thinker.named_parameters() if p.requires_grad and ".visual." not in f".{name}"]
    return bool(learning) and all("reward_head." in name for name in learning)


def n_blocks(examples: Sequence[Scored]) -> int:
    """Files that hold so many texts."""
    return -(-len(examples) // BLOCK)


def file_of(folder: Path, block: int) -> Path:
    """The file of a block."""
    return folder / f"{block:05d}.safetensors"


def key_of(examples: Sequence[Scored], place: str, bf16: bool) -> str:
    """A number of all that the states depend on: the files of the model, the texts, and what is heard of their clips."""
    asked = ("audio_path", "segments", "transcription")
    files = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(Path(place).iterdir()) if f.is_file()]
    clips = {str(e.record["audio_path"]): [e.record.get(name) for name in asked] for e in examples}
    texts = [(e.text, str(e.record["audio_path"])) for e in examples]
    return hashlib.sha256(json.dumps([files, clips, texts, bf16]).encode()).hexdigest() + "\n"


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None
