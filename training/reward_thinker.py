"""The reward model: an Omni thinker that hears the clip, reads an explanation of it and gives four scores from 1 to 5.

Two kinds, by the size of the model:

head   a small regression head on the states of the explanation's tokens: for each score an attention pooling of its own (one wrong
       word among a hundred must not drown in a mean), then one number. The text stands where the thinker itself would have written
       it, so a model that has learned to explain need not learn a new task. For the factual score the head is told what the clip
       adds to the likelihood of each token: a word that the voice does not bear out surprises who listens. It learns which
       tokens' surprise counts, and adds it up. The thinker is best kept frozen, as in `recipes/nano-reward.yaml`: one that is
       trained along forgets to be surprised, and one whose states were all there was judged the text and not the voice (LOG.md).
       For models too small to read instructions.
text   the thinker writes the four scores as JSON, as the published reward model does (Wang et al. 2026, by notes about it). The
       question is the one of `training.judge`, so that a judge at an endpoint and this model are asked the same. For big ones.

Either folder loads as an ordinary thinker too. Scoring is deterministic: nothing is sampled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Qwen2_5OmniThinkerForConditionalGeneration
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping

from emotionthinker.loading import check_device, locate, read_style
from emotionthinker.processor import load_processor
from emotionthinker.prompt import MAX_USER_CHARS, PromptStyle, messages, user_text
from training.clip_inputs import ClipInputs, right_padded
from training.judge import judge_messages, parse_scores
from training.rewards import DIMENSIONS, HIGHEST, LOWEST, RewardError
from training.shared_sound import share_sound

KINDS = ("head", "text")
REWARD_FILE = "reward.json"
SCHEMA = "emotionthinker-reward/1"
# How many nats less likely with the clip than without a token must be before it counts against a text. Some of each, as a cue
# that is a matter of degree surprises a little and a man called a woman a lot.
SURPRISES = (0.0, 0.5, 1.0)
SOFTNESS = 0.25  # nats: within about so many of a threshold a token counts in part
MOST = 9.0  # nats that one token can count
N_GATE = 64  # units that decide whether a token's surprise counts
JSON_TOKENS = 96  # the four scores as JSON
FACTUAL_AT = DIMENSIONS.index("factual_alignment")


class ScoreHead(nn.Module):
    """States of the tokens of a text, and what the clip adds to each -> four scores.

    For each score an attention pooling of its own, beside the last token's state. To the factual one is added what speaks against
    the text: the surprises of its tokens, each as far as its state says that it matters, and the mean of all.
    """

    def __init__(self, hidden: int, n_scores: int = len(DIMENSIONS)) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(0.0)  # `reward_model` sets it while the head learns
        self.query = nn.Linear(hidden, n_scores)
        self.value = nn.Linear(2 * hidden, hidden)
        self.answer = nn.Parameter(torch.zeros(n_scores, hidden))
        self.bias = nn.Parameter(torch.zeros(n_scores))
        self.gate = nn.Sequential(nn.Linear(hidden, N_GATE), nn.GELU(), nn.Linear(N_GATE, len(SURPRISES)))
        self.heard = nn.Parameter(torch.zeros(len(SURPRISES) + 1))

    def forward(self, states: torch.Tensor, added: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """states (B, T, hidden); added (B, T): nats by which the clip makes each token likelier; mask (B, T) true on the text
        -> (B, n_scores) in 1–5. 3 for all before training.
        """
        states, added = self.dropout(self.norm(states.float())), added.float().clamp(-MOST, MOST).masked_fill(~mask, 0.0)
        weight = self.query(states).masked_fill(~mask.unsqueeze(-1), -1e4).softmax(1)  # (B, T, n)
        pooled = torch.einsum("btn,bth->bnh", weight, states)
        ends = mask.shape[1] - 1 - mask.flip(1).long().argmax(1)
        last = states[torch.arange(len(states), device=states.device), ends].unsqueeze(1).expand(-1, pooled.shape[1], -1)
        seen = nn.functional.gelu(self.value(torch.cat([pooled, last], -1)))
        logits = (seen * self.answer).sum(-1) + self.bias
        matters = self.gate(states).sigmoid() * mask.unsqueeze(-1)  # (B, T, thresholds)
        surprise = nn.functional.softplus((-added.unsqueeze(-1) - added.new_tensor(SURPRISES)) / SOFTNESS) * SOFTNESS
        mean = added.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        factual = torch.cat([(matters * surprise).sum(1), mean], -1) @ self.heard
        logits = logits + nn.functional.one_hot(torch.tensor(FACTUAL_AT), logits.shape[1]).to(logits) * factual.unsqueeze(1)
        return LOWEST + (HIGHEST - LOWEST) * logits.sigmoid()


class RewardThinker(Qwen2_5OmniThinkerForConditionalGeneration):
    """A thinker with a `ScoreHead`; without `text_mask` it is the plain thinker."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.reward_head = ScoreHead(config.get_text_config().hidden_size)

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ScoreHead):  # asked for a head that the folder does not hold: parameters that are loaded stay
            for parameter in (module.answer, module.bias, module.heard):
                nn.init.zeros_(parameter)

    def forward(
        self, *args: Any, text_mask: torch.Tensor | None = None, scores: torch.Tensor | None = None,
        states: torch.Tensor | None = None, added: torch.Tensor | None = None, **inputs: Any,
    ) -> Any:  # fmt: skip
        """text_mask (B, T): the tokens of the explanation; scores (B, 4): what it deserves, nan where that is not known.

        states, added: what `listened` gave for these tokens, instead of ids and sound. Returns {"logits": (B, 4) scores in 1–5,
        "loss"} with `text_mask`, else what a thinker returns.
        """
        if text_mask is None:
            return super().forward(*args, **inputs)
        mask = text_mask.bool()
        if states is None or added is None:
            states, added = self.listened(mask, **inputs)
        given = self.reward_head(states, added, mask)
        if scores is None:
            return {"logits": given}
        known = ~scores.isnan()
        return {"loss": nn.functional.mse_loss(given[known], scores.to(given.dtype)[known]), "logits": given}

    def listened(self, mask: torch.Tensor, **inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """States (B, T, hidden), and the nats (B, T) by which the clip makes each token of the text likelier, 0 outside `mask`."""
        ids = inputs["input_ids"]
        # Sound comes from the collator in float32, whatever the weights are.
        inputs["input_features"] = inputs["input_features"].to(self.dtype)
        states = self.model(use_cache=False, **inputs).last_hidden_state
        heard = self.log_probs(states, ids, mask)
        return states, heard - self.log_probs(self.without_sound(ids, inputs["attention_mask"]), ids, mask)

    def log_probs(self, states: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Log-probability (B, T) of each token of the text after all before it, 0 outside `mask`; states (B, T, hidden)."""
        asked = mask[:, 1:]
        logits = self.lm_head(states[:, :-1][asked]).float()  # of the text alone: a vocabulary may be large
        found = logits.gather(-1, ids[:, 1:][asked].unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
        return torch.zeros(mask.shape, dtype=found.dtype, device=found.device).masked_scatter(
            nn.functional.pad(asked, (1, 0)), found
        )

    def without_sound(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States (B, T, hidden) of the same tokens while none looks at the clip."""
        silent = attention_mask * (ids != self.config.audio_token_id)
        return self.model.language_model(input_ids=ids, attention_mask=silent, use_cache=False).last_hidden_state


# Thinkers are saved under other names than their modules have, and transformers 5.23 translates them for its own classes only:
# a class of ours would be filled with random weights in their place.
register_checkpoint_conversion_mapping(
    RewardThinker.__name__, get_checkpoint_conversion_mapping(Qwen2_5OmniThinkerForConditionalGeneration.__name__), overwrite=True
)


class RewardModel:
    """A trained reward model with all that it takes to ask it."""

    def __init__(self, thinker: Any, processor: Any, style: PromptStyle, kind: str) -> None:
        if kind not in KINDS:
            raise RewardError(f"The kind of reward model is {kind!r}, but must be one of {', '.join(KINDS)}.")
        self.thinker, self.style, self.kind = thinker.eval(), style, kind
        self.inputs = ClipInputs(processor, style)
        share_sound(thinker)

    @classmethod
    def from_folder(cls, folder: str | Path, device: str | None = None) -> RewardModel:
        """On a GPU where there is one, unless `device` names another.

        Raises RewardError for a folder without a reward model, ModelError subclasses for one that cannot be loaded.
        """
        place, name = locate(folder)
        file = Path(place) / REWARD_FILE
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RewardError(
                f"{name} holds no {REWARD_FILE}, so it is no reward model; train one with training.reward_model."
            ) from error
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise RewardError(f"{file} is not of the schema {SCHEMA}; train the reward model again.")
        kind = str(found.get("kind"))
        thinker = load_for_scores(place, kind).to(check_device(device))
        return cls(thinker, load_processor(place), read_style(place)[0], kind)

    def save(self, folder: Path, dtype: torch.dtype = torch.float16) -> None:
        """Weights, processor, prompt style and kind."""
        from training.nano import save_folder

        save_folder(self.thinker, self.inputs.processor, self.style, folder, dtype)
        facts = {"schema": SCHEMA, "kind": self.kind, "scores": DIMENSIONS}
        (folder / REWARD_FILE).write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def row(self, text: str, record: Mapping[str, Any]) -> tuple[list[int], list[int]]:
        """Token ids of the question about a clip, and of what follows: the explanation (head), or nothing yet (text)."""
        if self.kind == "head":
            chat = messages(self.style, self.style.labels, str(record.get("transcription") or ""))
            reply = f"<think> {_one_line(text)} </think>"
            return self.inputs.prompt_ids(chat, record), self.inputs.reply_ids(reply)
        system, question = (str(part["content"]) for part in judge_messages(_one_line(text), None))
        chat = [{"role": "system", "content": [{"type": "text", "text": system}]},
                {"role": "user", "content": [{"type": "audio", "audio": "clip"}, {"type": "text", "text": question}]}]
        return self.inputs.prompt_ids(chat, record), []

    def batch(
        self, texts: Sequence[str], records: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, float]] | None = None
    ) -> dict[str, torch.Tensor]:
        """Tensors of a forward pass that scores texts (head), or that learns to write their scores (text; needs `scores`)."""
        rows = [self.row(text, record) for text, record in zip(texts, records, strict=True)]
        pad = self.inputs.processor.tokenizer.pad_token_id
        if self.kind == "text":
            if scores is None:
                raise RewardError("A reward model that writes its scores is asked by `scores`, not by a forward pass.")
            rows = [(prompt, [*self.inputs.reply_ids(scores_json(given)), self._end()])
                    for (prompt, _), given in zip(rows, scores, strict=True)]
        tensors = {"input_ids": right_padded([a + b for a, b in rows], pad),
                   "attention_mask": right_padded([[1] * len(a + b) for a, b in rows], 0), **self.inputs.features(records)}
        inside = right_padded([[0] * len(a) + [1] * len(b) for a, b in rows], 0)
        if self.kind == "text":
            return tensors | {"labels": tensors["input_ids"].masked_fill(inside == 0, -100)}
        tensors["text_mask"] = inside
        if scores is not None:
            tensors["scores"] = torch.tensor([[float(given.get(d, float("nan"))) for d in DIMENSIONS] for given in scores])
        return tensors

    @torch.inference_mode()
    def scores(
        self, texts: Sequence[str], records: Sequence[Mapping[str, Any]], batch_size: int = 32
    ) -> list[dict[str, float] | None]:
        """The four scores of each text about its clip (records as of `ClipInputs.mel`); None where the model gave none."""
        self.thinker.eval()
        order = by_sound(self.inputs, texts, records)
        found: list[dict[str, float] | None] = [None] * len(texts)
        for begin in range(0, len(order), batch_size):
            part = order[begin : begin + batch_size]
            asked = self._written if self.kind == "text" else self._read
            for i, given in zip(part, asked([texts[i] for i in part], [records[i] for i in part]), strict=True):
                found[i] = given
        return found

    def _read(self, texts: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[dict[str, float] | None]:
        given = self.thinker(**self.placed(self.batch(texts, records)))["logits"]
        return [dict(zip(DIMENSIONS, row, strict=True)) for row in given.float().tolist()]

    def _written(self, texts: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[dict[str, float] | None]:
        tokenizer = self.inputs.processor.tokenizer
        rows = [self.row(text, record)[0] for text, record in zip(texts, records, strict=True)]
        ids = right_padded([row[::-1] for row in rows], tokenizer.pad_token_id).flip(1)  # padded on the left: they go on
        mask = right_padded([[1] * len(row) for row in rows], 0).flip(1)
        made = self.thinker.generate(
            **self.placed({"input_ids": ids, "attention_mask": mask, **self.inputs.features(records)}),
            max_new_tokens=JSON_TOKENS, do_sample=False, num_beams=1, eos_token_id=self._end(),
            pad_token_id=tokenizer.pad_token_id, suppress_tokens=self.inputs.processor.media_token_ids(),
        )  # fmt: skip
        return [parse_scores(text) for text in tokenizer.batch_decode(made[:, ids.shape[1] :], skip_special_tokens=True)]

    def placed(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors of a batch on the model's device, sound in its number format."""
        device, dtype = self.thinker.device, self.thinker.dtype
        return {name: t.to(device, dtype if t.is_floating_point() and name != "scores" else t.dtype) for name, t in tensors.items()}

    def _end(self) -> int:
        return int(self.inputs.processor.tokenizer.convert_tokens_to_ids("<|im_end|>"))


def by_sound(inputs: ClipInputs, texts: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[int]:
    """Indices of the texts, short clips first and those about one clip together: little padding, and each clip is heard once."""
    sizes = [(inputs.mel(record)[1], str(record["audio_path"]), len(text)) for text, record in zip(texts, records, strict=True)]
    return sorted(range(len(texts)), key=sizes.__getitem__)


def _one_line(text: str) -> str:
    """An explanation as the model reads it. Of one that runs on for ever the beginning is enough to see that."""
    return user_text(" ".join(text.split())[:MAX_USER_CHARS], "explanation")


def scores_json(scores: Mapping[str, float]) -> str:
    """The reply of a reward model that writes: whole numbers where they are.

    >>> scores_json(dict.fromkeys(DIMENSIONS, 4.0))[:24]
    '{"factual_alignment": 4,'
    """
    return json.dumps({d: int(scores[d]) if float(scores[d]).is_integer() else round(float(scores[d]), 2) for d in DIMENSIONS})


def load_for_scores(
    folder: str | Path, kind: str, dtype: torch.dtype = torch.float32, attention: str | None = None
) -> Any:
    """The weights of any thinker folder as a reward model of this kind; a head that is not there yet is a new one.

    Raises RewardError where other weights are missing: transformers would draw them at random.
    """
    cls = RewardThinker if kind == "head" else Qwen2_5OmniThinkerForConditionalGeneration
    thinker, report = cls.from_pretrained(
        str(folder), dtype=dtype, attn_implementation=attention, use_safetensors=True, output_loading_info=True
    )
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("reward_head."))
    if missing:
        raise RewardError(
            f"{Path(folder).name} lacks weights of a thinker ({len(missing)}, {missing[0]} for one); take a whole one."
        )
    return thinker
