"""The settings that say which model runs and how, from the environment; the recogniser and the rating pages read their own.

| variable | meaning | default |
|---|---|---|
| ET_MODEL | folder or hub id of the model; at an endpoint: the model's name there | the embedded Nano |
| ET_ENDPOINT | base URL of an OpenAI-compatible server (vLLM), e.g. http://127.0.0.1:8000/v1 | none: run here |
| ET_API_KEY | key for that server; never printed | none |
| ET_TIMEOUT_S | seconds to wait for the server's next piece | 60 |
| ET_DEVICE | cpu, cuda, cuda:1, mps | cuda where there is one, else cpu |
| ET_DTYPE | auto, float32, bfloat16, float16 | auto |
| ET_4BIT | 1: load in 4 bit (NVIDIA GPU only) | 0 |
| ET_THREADS | CPU threads of the model | 1 for a small model, else torch's own choice |
| ET_MAX_SECONDS, ET_MAX_MB | longest clip, largest file of one (`audio.Limits`) | 600, 20 |
| ET_LONG_MAX_SECONDS, ET_LONG_MAX_MB | the same for recordings in the Timeline | 3600, 250 |
| ET_MODEL_2, ET_ENDPOINT_2, ET_API_KEY_2 | a second model, for the tab Compare | none |
| ET_RECOGNISER | speech recogniser: a faster-whisper size or folder (`transcript.recognise`) | moonshine |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from emotionthinker.audio import LONG, Limits
from emotionthinker.errors import EmotionThinkerError

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Settings:
    """The settings that say which model runs and how. Fields as in the table of this module."""

    model: str | None = None
    endpoint: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    device: str | None = None
    dtype: str = "auto"
    load_in_4bit: bool = False
    limits: Limits = field(default_factory=Limits)
    long_limits: Limits = LONG

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Raises EmotionThinkerError for a value that cannot be used. Empty values count as not set."""
        env = os.environ if env is None else env
        return cls(
            model=env.get("ET_MODEL") or None,
            endpoint=env.get("ET_ENDPOINT") or None,
            api_key=env.get("ET_API_KEY") or None,
            timeout_s=_seconds("ET_TIMEOUT_S", env.get("ET_TIMEOUT_S") or "60"),
            device=env.get("ET_DEVICE") or None,
            dtype=_one_of("ET_DTYPE", env.get("ET_DTYPE") or "auto", DTYPES),
            load_in_4bit=_one_of("ET_4BIT", env.get("ET_4BIT") or "0", ("0", "1")) == "1",
            limits=Limits.from_env(env),
            long_limits=Limits.long_from_env(env),
        )

    @classmethod
    def second_from_env(cls, env: Mapping[str, str] | None = None) -> Settings | None:
        """The second model, to compare the first with; None where neither ET_MODEL_2 nor ET_ENDPOINT_2 is set.

        All else is as for the first. Raises EmotionThinkerError for a value that cannot be used.
        """
        env = os.environ if env is None else env
        named = {name: env.get(f"{name}_2") or "" for name in ("ET_MODEL", "ET_ENDPOINT", "ET_API_KEY")}
        if not named["ET_MODEL"] and not named["ET_ENDPOINT"]:
            return None
        return cls.from_env({**env, **named})

    def naming(self, model: str | None, endpoint: str | None) -> Settings:
        """With the model and the endpoint that a command line names; None: as they are.

        A model that is named alone is meant to run here, whatever endpoint the environment holds.
        """
        return replace(self, model=model or self.model, endpoint=endpoint or (None if model else self.endpoint))


def threads_from_env() -> int | None:
    """ET_THREADS, or None where it is not set. Raises EmotionThinkerError where it is no whole number above 0."""
    text = os.environ.get("ET_THREADS") or None
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise EmotionThinkerError(f"ET_THREADS is {text!r}, but a whole number from 1 is needed; correct or unset it.")
    return int(text)


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise EmotionThinkerError(f"{name} is {text!r}, but a number of seconds above 0 is needed; correct it.")
    return value


def _one_of(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise EmotionThinkerError(f"{name} is {text!r}, but must be one of {', '.join(allowed)}; correct or unset it.")
    return text
