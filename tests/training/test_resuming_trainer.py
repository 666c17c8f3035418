"""A step whose gradient is no number leaves no trace in the weights; many in a row end the run with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import TrainingArguments

from emotionthinker.errors import EmotionThinkerError
from training.resuming_trainer import MOST_BROKEN_STEPS, ResumingTrainer


class Root(nn.Module):
    """Its loss is finite at x = 0, its gradient there is 0 / 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": (self.weight * x).sqrt().sum()}


def trained(xs: list[float], folder: Path) -> tuple[float, list[dict[str, float]]]:
    """The weight after one step on each x, and the log."""
    model = Root()
    options = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=1, max_steps=len(xs), learning_rate=0.1, lr_scheduler_type="constant",
        optim="sgd", max_grad_norm=1.0, logging_steps=1, report_to="none", disable_tqdm=True, use_cpu=True, save_strategy="no",
        train_sampling_strategy="sequential", dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = ResumingTrainer(model=model, args=options, train_dataset=[{"x": torch.tensor(x)} for x in xs])
    trainer.train()
    return model.weight.item(), [entry for entry in trainer.state.log_history if "grad_norm" in entry]


def test_a_gradient_that_is_no_number_changes_nothing(tmp_path: Path) -> None:
    clean, _ = trained([1.0, 1.0], tmp_path / "clean")
    weight, log = trained([1.0, 0.0, 1.0], tmp_path / "broken")
    assert weight == pytest.approx(clean)
    assert weight < 2.0
    assert [str(entry["grad_norm"]) == "nan" for entry in log] == [False, True, False]  # it can be seen in the log


def test_many_in_a_row_are_no_accident(tmp_path: Path) -> None:
    with pytest.raises(EmotionThinkerError, match=f"no number {MOST_BROKEN_STEPS} times in a row; lower"):
        trained([0.0] * (MOST_BROKEN_STEPS + 5), tmp_path)
