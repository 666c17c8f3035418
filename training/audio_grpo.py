"""TRL's GRPO trainer, made to hear, with the rewards of GRPO-PTR.

TRL 1.16 takes an audio prompt without an error and trains wrongly: it generates with the clip, then computes the loss without it.
Here the clip goes along: its log-mel is kept with the batch and given to every forward pass of policy and reference. And since τ
needs a whole group, the rewards are computed on what all processes wrote, gathered, so that it does not matter how groups lie
over processes. Everything else (sampling, advantages, clipping, KL, LoRA, many devices) is TRL's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from accelerate.utils import gather_object
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOTrainer

from emotionthinker.response import parse_response
from training.clip_inputs import ClipInputs
from training.resumable import append_line, cut_lines, writing
from training.resuming_trainer import ResumingTrainer
from training.rewards import (
    RewardError,
    Schedule,
    Scored,
    Weights,
    format_reward,
    gold_label,
    outcome_reward,
    sample_table,
    score_group,
)
from training.rooms import Rooms, another_room
from training.shared_sound import share_sound

STATE_FILE = "reward_state.json"
SOUND = ("input_features", "feature_attention_mask")
LEAST_ADVANTAGE = 0.01  # in standard deviations of a group; equal rewards differ by rounding, and that divided by almost nothing
# R_t in [0, 1] of texts about their clips (label records); None where there is no score to be had.
Scorer = Callable[[Sequence[str], Sequence[Mapping[str, Any]]], list[float | None]]


@dataclass
class RewardSettings:
    """What the rewards of a run depend on. scorer: None for the rule rewards alone; trust: False for τ = 1 (the ablation);
    skip_even_groups: leave groups whose rewards are all the same out of the loss, the KL term too; rooms: what the thinker hears
    its clips through while it trains, None for the clips as they are (the scorer always hears those)."""

    labels: Sequence[str]
    scorer: Scorer | None = None
    weights: Weights = field(default_factory=Weights)
    schedule: Schedule = field(default_factory=Schedule)
    trust: bool = True
    skip_even_groups: bool = False
    rooms: Rooms | None = None
    sample_file: Path | None = None  # where the sample table goes, …
    sample_every: int = 10  # … every so many steps


def reasoning_reward(**_: Any) -> list[float]:
    """Only a name for TRL's log: `AudioGRPOTrainer` computes all rewards at once, as τ R_t needs the outcome."""
    raise RewardError("The reasoning reward cannot be had by itself; train with AudioGRPOTrainer.")


class AudioGRPOTrainer(ResumingTrainer, GRPOTrainer):
    """GRPO-PTR on clips. train_dataset rows: `prompt` (rendered chat with one audio token) and `record` (index into `records`)."""

    def __init__(
        self, *, records: Sequence[Mapping[str, Any]], inputs: ClipInputs, rewards: RewardSettings, **options: Any
    ) -> None:
        named = [format_reward, outcome_reward, reasoning_reward]
        super().__init__(reward_funcs=named, processing_class=inputs.processor, **options)
        weights = rewards.weights
        self.reward_weights = torch.tensor([weights.format, weights.outcome, weights.reasoning])
        self.records, self.clip_inputs, self.rewards = records, inputs, rewards
        self._clips: list[Mapping[str, Any]] = []  # of the batch that is generated
        self._sound: dict[str, torch.Tensor] = {}  # of the batch whose log-probabilities are computed
        self._sampled = False  # whether the sample table was written to in this run
        for thinker in (self.model, self.ref_model):
            if thinker is not None:
                share_sound(thinker)

    # ---- hearing

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, torch.Tensor]]:
        audio = self.processing_class.audio_token
        inputs = self.clip_inputs
        if self.rewards.rooms is not None and self.model.training:
            inputs = inputs.seen(partial(self._in_a_room, self.rewards.rooms))
        mels = [inputs.mel(clip) for clip in self._clips]
        rows = [text.replace(audio, audio * n_audio) for text, (_, n_audio) in zip(prompts, mels, strict=True)]
        ids = [self.processing_class.tokenizer.encode(text, add_special_tokens=False) for text in rows]
        sound = inputs.features(self._clips)
        dtype = self.accelerator.unwrap_model(self.model).dtype
        device = self.accelerator.device
        self._sound = {name: t.to(device, dtype if t.is_floating_point() else t.dtype) for name, t in sound.items()}
        return ids, None, self._sound

    def _in_a_room(self, rooms: Rooms, samples: np.ndarray, path: str) -> np.ndarray:
        """By seed, step and clip alone: a group hears one room in whatever processes it lies, and a resumed run the same again."""
        rng = np.random.default_rng([self.args.seed, self.state.global_step, crc32(path.encode())])
        return another_room(samples, rooms, rng)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._clips = [self.records[row["record"]] for row in inputs]
        batch = super()._generate_and_score_completions(inputs)
        batch |= self._sound
        if self.rewards.skip_even_groups:
            # No reply of such a group is better than another: it has nothing to teach, and its KL term only pulls back.
            informative = batch["advantages"].abs() > LEAST_ADVANTAGE
            k = self._group_size
            whole = len(informative) % k == 0
            kept = informative.view(-1, k).any(1).repeat_interleave(k) if whole else informative
            batch["tool_mask"] = kept.unsqueeze(1).expand_as(batch["completion_mask"]).int()  # TRL's name for "not in the loss"
            self._note("skipped_groups", 1.0 - kept.float().mean().item())
        return batch

    def _generate_single_turn(self, *args: Any, **options: Any) -> Any:
        model = self.accelerator.unwrap_model(self.model)
        with quick_attention(model), self.accelerator.autocast():  # in the number format of the loss
            return super()._generate_single_turn(*args, **options)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        self._sound = {name: inputs[name] for name in SOUND}
        return super()._compute_loss(model, inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **options: Any,
    ) -> Any:
        with heard(model, self._sound, batch_size or len(input_ids)):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size=batch_size, **options
            )

    # ---- rewards

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: Any, completions: list[str], completion_ids_list: Any
    ) -> torch.Tensor:
        """(replies of all processes, 3): R_f, R_o, and τ R_t as far as the schedule lets it count."""
        settings, training = self.rewards, self.model.training
        indices = gather_object([int(row["record"]) for row in inputs])
        replies = gather_object(list(completions))
        clips = [self.records[i] for i in indices]
        answers = [parse_response(text, settings.labels) for text in replies]
        correct = [a.emotion == gold_label(clip["emotion"], settings.labels) for a, clip in zip(answers, clips, strict=True)]
        on = settings.schedule.on
        if training:  # a look at other clips in between must not move the schedule
            on = settings.schedule.update(correct)
        on = on and settings.scorer is not None
        quality = self._quality(completions) if on else [0.0] * len(replies)

        k = self._group_size
        scored: list[Scored] = []
        for begin in range(0, len(replies), k):
            group = range(begin, begin + k)
            if len({indices[i] for i in group}) != 1:
                raise RewardError(f"The replies {begin} to {begin + k - 1} are not about one clip; τ needs the whole group of {k}.")
            # A missing score would look like a bad one: such a group gets no reasoning reward in this step.
            complete = all(quality[i] is not None for i in group)
            scored += score_group(
                [replies[i] for i in group], clips[begin]["emotion"], [quality[i] or 0.0 for i in group], on and complete,
                labels=settings.labels, weights=settings.weights, trust_on=settings.trust,
            )  # fmt: skip
        self._note("accuracy", sum(correct) / len(correct))
        self._note("schedule/on", float(settings.schedule.on))
        self._note("schedule/accuracy", settings.schedule.accuracy or 0.0)
        self._note("trust", sum(s.trust for s in scored) / len(scored))
        due = training and self.state.global_step % settings.sample_every == 0
        if due and settings.sample_file and self.accelerator.is_main_process:
            self._keep_samples(settings.sample_file, replies, clips, scored)
        columns = [[s.format, s.outcome, s.trust * s.reasoning] for s in scored]
        return torch.tensor(columns, dtype=torch.float32, device=self.accelerator.device)

    @property
    def _group_size(self) -> int:
        """K, the replies to one clip."""
        return int((self.num_generations if self.model.training else self.num_generations_eval) or 1)

    def _quality(self, completions: Sequence[str]) -> list[float | None]:
        """R_t of the replies of all processes, each scored where it was written; 0 for one that broke the schema."""
        assert self.rewards.scorer is not None
        answers = [parse_response(text, self.rewards.labels) for text in completions]
        followed = [i for i, answer in enumerate(answers) if answer.emotion is not None]
        with self.accelerator.autocast():  # the number format that a reward model is trained in, and half the time on a CPU
            found = self.rewards.scorer([answers[i].reasoning for i in followed], [self._clips[i] for i in followed])
        local: list[float | None] = [0.0] * len(answers)
        for i, value in zip(followed, found, strict=True):
            local[i] = value
        return gather_object(local)

    def _note(self, name: str, value: float) -> None:
        self._metrics["train" if self.model.training else "eval"][name].append(value)

    def _keep_samples(
        self, path: Path, replies: Sequence[str], clips: Sequence[Mapping[str, Any]], scored: Sequence[Scored]
    ) -> None:
        step = self.state.global_step
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not self._sampled:  # what a run that was stopped kept after the checkpoint that this one goes on from
            cut_lines(path, lambda row: row["step"] < step)
            self._sampled = True
        for clip, row in zip(clips, sample_table(replies, scored), strict=True):
            append_line(path, {"step": step, "audio_path": clip["audio_path"], "emotion": clip["emotion"]} | row)

    # ---- going on after a stop

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.args.should_save:  # before the rest, so that a checkpoint that looks whole after a kill has it
            folder = Path(self._get_output_dir(trial=trial)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / STATE_FILE).write_text(json.dumps({"schedule": self.rewards.schedule.state_dict()}) + "\n", encoding="utf-8")
        super()._save_checkpoint(model, trial)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            file = Path(checkpoint) / STATE_FILE
            try:
                state = json.loads(file.read_text(encoding="utf-8"))["schedule"]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise RewardError(
                    f"The checkpoint lacks {STATE_FILE} or holds a broken one; go back to an earlier checkpoint."
                ) from error
            self.rewards.schedule.load_state_dict(state)


@contextmanager
def quick_attention(model: Any) -> Iterator[None]:
    """Within the block SDPA in the place of eager attention, which is only better where there is a backward pass."""
    if model.config._attn_implementation != "eager":
        yield
        return
    model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.set_attn_implementation("eager")


@contextmanager
def heard(model: Any, sound: Mapping[str, torch.Tensor], chunk: int) -> Iterator[None]:
    """Within the block each forward pass of `model` hears its clips: the next `chunk` rows of `sound` with every call."""
    start = 0

    def give(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        nonlocal start
        rows = len(kwargs["input_ids"])
        if start + rows > len(sound["input_features"]):
            raise RewardError(f"{start + rows} prompts were given for {len(sound['input_features'])} clips.")
        part = {name: tensor[start : start + rows] for name, tensor in sound.items()}
        start += chunk
        return args, kwargs | part

    hook = model.register_forward_pre_hook(give, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
