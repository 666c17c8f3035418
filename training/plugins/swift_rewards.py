"""The rewards of `training.rewards` as a plug-in of ms-swift, which trains the 7B model on several GPUs with vLLM rollouts.

    PYTHONPATH=. swift rlhf training/recipes/omni7b-grpo-swift.yaml

Three reward functions, to be given together and in this order with `reward_weights: [0.3, 1.0, 0.5]`, so that their weighted sum is
R = 0.3 R_f + 1.0 R_o + 0.5 τ R_t and each stands in the log by itself:

    emotionthinker_format, emotionthinker_outcome, emotionthinker_reasoning (τ R_t; 0 while the schedule holds it back)

ms-swift (4.6) makes each as `orms[name](args=args)` and calls it with this process' replies and the data's columns. Used are
`solution` (the gold label), `audios`, `prompt_id` (the same for the K replies to one clip), and `labels` where the data has it.
A group must not be split over processes: K must divide the replies of a process, and a group that is not whole is an error.

R_t comes from the reward model at an OpenAI-compatible endpoint that hears the clip. Settings, from the environment (`ENV:` in the
recipe): EMOTIONTHINKER_REWARD_URL and EMOTIONTHINKER_REWARD_MODEL; EMOTIONTHINKER_CALIBRATION, a calibration.json;
EMOTIONTHINKER_SCHEDULE, "window threshold hysteresis". While the schedule is off nothing is asked. A group in which a reply got no
scores gets no reasoning reward in that step, since a missing one would look like a bad one.

The schedule's state is appended to OUTPUT_DIR/reward_state.jsonl after each step, and read back when a run is resumed at a
checkpoint: the line before it, by the first process for all. Do not evaluate during training: an evaluation's replies would enter
the schedule.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swift.rewards import ORM, orms  # type: ignore[import-not-found]

from emotionthinker.prompt import PUBLISHED_LABELS
from emotionthinker.response import parse_response
from training.endpoint_writer import Chat, Prices, Spend
from training.judge import reasoning_rewards
from training.resumable import append_line, cut_lines, writing
from training.reward_calibration import read_calibration
from training.rewards import RewardError, Schedule, format_reward, gold_label, outcome_reward, score_group

STATE_FILE = "reward_state.jsonl"


class EmotionThinkerFormat(ORM):
    """R_f of each reply."""

    def __call__(self, completions: list[str], labels: Any = None, **columns: Any) -> list[float]:
        return [format_reward(text, _labels(labels, i)) for i, text in enumerate(completions)]


class EmotionThinkerOutcome(ORM):
    """R_o of each reply."""

    def __call__(self, completions: list[str], solution: list[str], labels: Any = None, **columns: Any) -> list[float]:
        return [outcome_reward(text, solution[i], _labels(labels, i)) for i, text in enumerate(completions)]


class EmotionThinkerReasoning(ORM):
    """τ R_t of each reply."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self.schedule = _schedule(os.environ.get("EMOTIONTHINKER_SCHEDULE") or "512 0.5 0.05")
        url, model = os.environ.get("EMOTIONTHINKER_REWARD_URL"), os.environ.get("EMOTIONTHINKER_REWARD_MODEL")
        if not url or not model:
            raise RewardError("No reward model is named; set EMOTIONTHINKER_REWARD_URL and EMOTIONTHINKER_REWARD_MODEL.")
        self.chat = Chat(url, model, Spend(Prices(0.0, 0.0)), temperature=0.0)
        calibration = os.environ.get("EMOTIONTHINKER_CALIBRATION")
        self.maps = read_calibration(calibration) if calibration else None
        self.resumed = False

    def __call__(self, completions: list[str], solution: list[str], audios: list[Any], labels: Any = None, prompt_id: Any = None,
                 trainer_state: Any = None, **columns: Any) -> list[float]:  # fmt: skip
        step = int(getattr(trainer_state, "global_step", 0) or 0)
        if not self.resumed:
            self._resume(step)
        answers = [parse_response(text, _labels(labels, i)) for i, text in enumerate(completions)]
        correct = [a.emotion == gold_label(solution[i], _labels(labels, i)) for i, a in enumerate(answers)]
        on = self.schedule.update(_of_all_processes(correct))
        self._keep(step)
        rewards = [0.0] * len(completions)
        if not on:
            return rewards
        followed = [i for i, answer in enumerate(answers) if answer.emotion is not None]
        texts, clips = [answers[i].reasoning for i in followed], [_path(audios[i]) for i in followed]
        quality = dict(zip(followed, reasoning_rewards(self.chat, texts, clips, self.maps), strict=True))
        for group in self._groups(prompt_id, len(completions)):
            found = [quality.get(i, 0.0) for i in group]  # a reply that broke the schema has no reasoning to pay for
            if any(value is None for value in found):
                continue
            scored = score_group([completions[i] for i in group], solution[group[0]], [value or 0.0 for value in found],
                                 labels=_labels(labels, group[0]))  # fmt: skip
            for i, one in zip(group, scored, strict=True):
                rewards[i] = one.trust * one.reasoning
        return rewards

    def _groups(self, prompt_id: Any, n: int) -> list[list[int]]:
        """Indices of each group. Raises RewardError where one is not whole."""
        k = int(getattr(self.args, "num_generations", 0) or 0)
        keys = prompt_id if prompt_id is not None else [i // k if k else 0 for i in range(n)]
        groups: dict[Any, list[int]] = {}
        for i, key in enumerate(keys):
            groups.setdefault(key, []).append(i)
        sizes = {len(group) for group in groups.values()}
        if k and sizes != {k}:
            raise RewardError(f"Groups of {', '.join(map(str, sorted(sizes)))} replies came to one process, but τ needs all {k} of "
                              "a group; make per_device_train_batch_size × steps_per_generation a multiple of num_generations.")
        return list(groups.values())

    def _state_file(self) -> Path | None:
        folder = getattr(self.args, "output_dir", None)
        return Path(folder) / STATE_FILE if folder else None

    def _resume(self, step: int) -> None:
        """Read back the state before `step`, and forget what a run that was stopped did after its last checkpoint.

        The first process alone reads and cuts the file, and tells the others, which may run where the file is not.
        """
        self.resumed = True
        file = self._state_file()
        state = _of_first_process(lambda: None if file is None else _state_before(file, step))
        if state is not None:
            self.schedule.load_state_dict(state)

    def _keep(self, step: int) -> None:
        file = self._state_file()
        if file is None or _rank() != 0:
            return
        line = {"step": step, "accuracy": self.schedule.accuracy, "on": self.schedule.on, "schedule": self.schedule.state_dict()}
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        append_line(file, line)


def _state_before(file: Path, step: int) -> dict[str, Any] | None:
    """The schedule's state of the last line before `step`; the lines from there on are cut off. None without such a line."""
    kept = cut_lines(file, lambda row: row["step"] < step)
    return kept[-1]["schedule"] if kept else None


def _schedule(text: str) -> Schedule:
    try:
        window, threshold, hysteresis = text.split()
        return Schedule(int(window), float(threshold), float(hysteresis))
    except ValueError as error:
        raise RewardError(f"EMOTIONTHINKER_SCHEDULE is {text!r}, but must be a window, a threshold and a hysteresis, such as "
                          '"512 0.5 0.05".') from error


def _labels(column: Any, i: int) -> tuple[str, ...]:
    """The labels that reply i may choose from: its row's, else the published nine."""
    return tuple(column[i]) if column is not None and column[i] else PUBLISHED_LABELS


def _path(audios: Any) -> str:
    """The clip's path in a row's `audios`: a list of paths, or of {"path": …}."""
    first = audios[0] if isinstance(audios, list | tuple) else audios
    return str(first["path"] if isinstance(first, dict) else first)


def _rank() -> int:
    import torch.distributed as dist

    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def _of_all_processes(correct: list[bool]) -> list[bool]:
    """What each process found, in the order of the processes, so that all keep one and the same schedule."""
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized():
        return correct
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, correct)
    return [right for part in gathered for right in part]


def _of_first_process(found: Callable[[], Any]) -> Any:
    """What the first process finds, on all of them."""
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized():
        return found()
    told: list[Any] = [found() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(told)
    return told[0]


orms["emotionthinker_format"] = EmotionThinkerFormat
orms["emotionthinker_outcome"] = EmotionThinkerOutcome
orms["emotionthinker_reasoning"] = EmotionThinkerReasoning
