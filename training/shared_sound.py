"""One pass of the audio tower for all replies to one clip.

In GRPO K rows of a batch in a row hear the same clip, and so do the texts that a reward model scores about it. The tower of an Omni
thinker gets the clips of a batch end to end; the ones that follow their like are left out before it and put back behind it. The
numbers stay the same, the gradients too: those of K rows add up in the one pass.
"""

from __future__ import annotations

from typing import Any

import torch

REPEATS = "_repeats"  # (rows, audio tokens) of each clip that the tower hears in this call, kept on it between the two hooks


def share_sound(thinker: Any) -> None:
    """Let a thinker (plain, with adapters, or wrapped) hear the clip of rows that stand beside each other and sound alike once."""
    tower = next(module for name, module in thinker.named_modules() if name.endswith("audio_tower"))
    if not hasattr(tower, REPEATS):
        setattr(tower, REPEATS, [])
        tower.register_forward_pre_hook(_leave_out, with_kwargs=True)
        tower.register_forward_hook(_put_back)


def _leave_out(tower: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """args[0] (mel bins, frames of all clips); feature_lens, aftercnn_lens (clips): frames before and after the convolutions."""
    clips = args[0].split(kwargs["feature_lens"].tolist(), dim=1)
    starts = [i for i in range(len(clips)) if i == 0 or not torch.equal(clips[i - 1], clips[i])]
    lengths = {name: kwargs[name][starts] for name in ("feature_lens", "aftercnn_lens")}
    tokens = tower._get_feat_extract_output_lengths(lengths["feature_lens"])[1].tolist()
    rows = [stop - start for start, stop in zip(starts, [*starts[1:], len(clips)], strict=True)]
    setattr(tower, REPEATS, list(zip(rows, tokens, strict=True)))
    return (torch.cat([clips[i] for i in starts], 1), *args[1:]), kwargs | lengths


def _put_back(tower: Any, args: tuple[Any, ...], output: Any) -> Any:
    repeats = getattr(tower, REPEATS)
    parts = output.last_hidden_state.split([tokens for _, tokens in repeats])  # (audio tokens, hidden) of each clip
    output.last_hidden_state = torch.cat([part for part, (rows, _) in zip(parts, repeats, strict=True) for _ in range(rows)])
    return output
