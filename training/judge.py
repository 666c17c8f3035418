"""Four scores for an explanation by a model at an endpoint: a judge for evaluation, or the reward model behind a server.

The prompt is here, so that a figure can be traced to what was asked: the four scales with their anchors, and the clip, or what
was measured of it, to hold the text against. The reply must be one JSON object with four numbers from 1 to 5; a reply that is not
counts as no score, and is never mended into one; so does a request that fails. Asked at temperature 0.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from emotionthinker.audio import load_clip
from emotionthinker.prompt import user_text
from emotionthinker.remote import wav_base64
from training.cot_prompt import facts
from training.endpoint_writer import CapReached, Chat, EndpointError, Messages, hopeless
from training.reward_calibration import calibrated
from training.rewards import DIMENSIONS, HIGHEST, LOWEST, reasoning_reward

ANCHORS = {
    "factual_alignment": ("most stated facts contradict the recording", "some are right, with one clear error or invention",
                          "every stated fact can be heard or measured"),
    "interpretative_quality": ("the label does not follow from the cues, or no cues are given",
                               "cues are named, and their link to the emotion is only asserted",
                               "each cue is tied to the emotion, conflicts are weighed, the conclusion follows"),
    "caption_completeness": ("salient cues, the speaker or the words are missing", "half of what matters is there",
                             "speaker, salient prosody, words and how they fit are all there"),
    "fluency_and_structural_clarity": ("hard to follow, repeated or broken", "readable, in loose order",
                                       "a clear order from observation to conclusion, without filler"),
}  # fmt: skip
SYSTEM = (
    "You rate explanations of how a voice sounds. Each is rated on four scales from 1 to 5; 2 and 4 lie between the anchors. "
    "Whether the emotion is the right one does not enter any of them."
)
_FENCED = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


def judge_messages(reasoning: str, record: Mapping[str, Any] | None, clip: str | None = None) -> Messages:
    """The request for one explanation. record: what was measured, told where it is given; clip: path of the sound, sent along
    where it is given, for a model that hears. The text is data: nothing in it is an instruction."""
    scales = [f"{name}: 1 = {low}; 3 = {middle}; 5 = {high}." for name, (low, middle, high) in ANCHORS.items()]
    known = []
    if record is not None:
        words = user_text(str(record.get("transcription") or ""), "transcript")
        known = ["What was measured of the recording:", *(f"- {fact}" for fact in facts(record)),
                 f"- words: {json.dumps(words, ensure_ascii=False) if words else 'not known'}", ""]  # fmt: skip
    asked = "\n".join([*known, "The explanation, as a JSON string:", json.dumps(reasoning, ensure_ascii=False), "", "The scales:",
                       *scales, "", f'Return only a JSON object with the four numbers: {{"{DIMENSIONS[0]}": n, …}}.'])  # fmt: skip
    content: Any = asked
    if clip is not None:
        sound = {"data": wav_base64(load_clip(clip).samples), "format": "wav"}
        content = [{"type": "input_audio", "input_audio": sound}, {"type": "text", "text": asked}]
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]


def parse_scores(text: str) -> dict[str, float] | None:
    """The four scores of a reply; None unless it is one JSON object with exactly these four, each a number from 1 to 5.

    >>> parse_scores('{"factual_alignment": 4, "interpretative_quality": 5, "caption_completeness": 3, '
    ...              '"fluency_and_structural_clarity": 4.5}')["caption_completeness"]
    3.0
    >>> parse_scores('{"factual_alignment": 9}') is None
    True
    """
    fenced = _FENCED.match(text.strip())
    try:
        found = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None
    if not isinstance(found, dict) or set(found) != set(DIMENSIONS):
        return None
    if any(isinstance(v, bool) or not isinstance(v, int | float) or not LOWEST <= v <= HIGHEST for v in found.values()):
        return None
    return {dimension: float(found[dimension]) for dimension in DIMENSIONS}


def reasoning_rewards(
    chat: Chat, texts: Sequence[str], clips: Sequence[str], maps: Mapping[str, Mapping[str, Any]] | None = None,
    weights: Mapping[str, float] | None = None,
) -> list[float | None]:  # fmt: skip
    """R_t in [0, 1] of each text about its clip, by a reward model that hears; None where it gave no scores.

    maps: the calibration (`reward_calibration.read_calibration`); weights: w_j, else all alike.
    """
    found = ask_scores(chat, [judge_messages(text, None, clip) for text, clip in zip(texts, clips, strict=True)])
    kept = [scores if scores is None or maps is None else calibrated(scores, maps) for scores in found]
    return [None if scores is None else reasoning_reward(scores, weights) for scores in kept]


def ask_scores(chat: Chat, requests: Sequence[Messages], workers: int = 8) -> list[dict[str, float] | None]:
    """The scores of each request; None where the reply gave none, and where no reply came, which is said on standard error.

    Raises CapReached at the cap on spend, and EndpointError where the endpoint would refuse every request.
    """
    found = ask_each(chat, requests, workers)
    failed = [outcome for outcome in found if isinstance(outcome, Exception)]
    for error in failed:
        if isinstance(error, CapReached):
            raise error
        if hopeless(error):
            raise EndpointError(chat.sentence(error)) from error
    if failed:
        last = chat.sentence(failed[-1])
        print(f"{len(failed)} of {len(requests)} requests for scores failed; the last: {last}", file=sys.stderr)
    return [None if isinstance(outcome, Exception) else outcome for outcome in found]


def ask_each(chat: Chat, requests: Sequence[Messages], workers: int = 8) -> list[dict[str, float] | Exception | None]:
    """What became of each request: the scores, None where the reply gave none, or why no reply came, which is not raised."""
    import openai

    def one(messages: Messages) -> dict[str, float] | Exception | None:
        try:
            return parse_scores(chat.ask(messages, "judge").text)
        except (openai.OpenAIError, EndpointError) as error:
            return error

    with ThreadPoolExecutor(min(workers, max(len(requests), 1)), thread_name_prefix="judge") as pool:
        return list(pool.map(one, requests))
