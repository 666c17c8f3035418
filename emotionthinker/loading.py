"""Finding and reading a model: a folder or a hub id becomes a thinker, a processor and a prompt style.

Every fault of a path, a device or a file ends in one sentence (ModelNotFound, ModelError). Pickled weights are never read.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError, ModelError, ModelNotFound
from emotionthinker.manifest import check_manifest
from emotionthinker.prompt import STYLE_FILE, PromptStyle

NANO_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "nano"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# transformers changes global state while it loads: two loads at once miss tensors. And its classes are found when they are first
# asked for: two threads at once that ask meet a half-imported module, an ImportError.
_ONE_AT_A_TIME = threading.Lock()
MODEL_TYPES = ("qwen2_5_omni", "qwen2_5_omni_thinker")


def locate(path_or_id: str | Path | None) -> tuple[str, str]:
    """What transformers is to load (None: the embedded Nano), and a name for people (never a whole path).

    The files of a folder that has a manifest are held against it. Raises ModelNotFound where there is no such folder and the
    text is no hub id, and for a file that is damaged or missing.
    """
    if path_or_id is None:
        if not (NANO_FOLDER / "config.json").is_file():
            raise ModelNotFound(
                "The embedded model is missing (assets/nano): give a model folder or id, or get the whole project."
            )
        check_manifest(NANO_FOLDER, "Nano")
        return str(NANO_FOLDER), NANO_FOLDER.name
    folder = Path(path_or_id)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelNotFound(f"The folder {folder} has no config.json: give one that a Qwen2.5-Omni model was saved in.")
        check_manifest(folder, folder.resolve().name)
        return str(folder), folder.resolve().name
    text = str(path_or_id)
    if HUB_ID.fullmatch(text) is None:
        raise ModelNotFound(f"There is no folder {text!r}: give a model folder, or a hub id such as owner/name.")
    return text, text


def check_device(device: str | None) -> str:
    """The device to load on; None: a GPU if there is one. Raises ModelError for one that is not there."""
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda", "mps"):
        raise ModelError(f"The device is {device!r}, but it must be cpu, cuda, cuda:0, … or mps.")
    absent = (kind == "cuda" and not torch.cuda.is_available()) or (
        kind == "mps" and not torch.backends.mps.is_available()
    )
    if absent:
        raise ModelError(f"The device is {device!r}, but this machine has none that torch can use; choose cpu.")
    return device


def four_bit(device: str) -> Any:
    """The quantisation settings (bitsandbytes NF4). Raises ModelError where they cannot work."""
    import torch

    if not device.startswith("cuda"):
        raise ModelError(f"4-bit loading was asked for on {device}, but it needs an NVIDIA GPU; load without it.")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise ModelError("4-bit loading needs the package bitsandbytes; install it, or load without 4 bit.") from error
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        # The hearing is small beside the decoder, and cues live in fine differences: it stays as it is.
        llm_int8_skip_modules=["audio_tower", "visual", "lm_head"],
    )


def load_model(folder: str, name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Model and processor; one at a time. Raises ModelNotFound for whatever is wrong with the files."""
    with _ONE_AT_A_TIME:
        return _load_model(folder, name, options)


def _load_model(folder: str, name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    from transformers import Qwen2_5OmniThinkerForConditionalGeneration
    from transformers.configuration_utils import PreTrainedConfig

    from emotionthinker.processor import load_processor

    try:
        config, _ = PreTrainedConfig.get_config_dict(folder)
        if config.get("model_type") not in MODEL_TYPES:
            raise ModelNotFound(
                f"{name} is a model of type {config.get('model_type')!r}; give a Qwen2.5-Omni model ({MODEL_TYPES[0]})."
            )
        processor = load_processor(folder)
        model, report = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
            # Never a pickle: unpacking one runs whatever code it holds.
            folder, output_loading_info=True, use_safetensors=True, **options
        )
    except EmotionThinkerError:
        raise
    except Exception as error:  # transformers, safetensors, json and the hub each raise their own
        said = " ".join(str(error).split())
        told = said.replace(folder, name) if "/" in folder else said  # before it is cut, as half a path would not be found
        raise ModelNotFound(_not_loaded(name, error, told), whole=_not_loaded(name, error, said)) from error
    absent = sorted(report["missing_keys"])
    if absent:  # transformers fills them with random numbers and goes on
        raise ModelNotFound(f"The weights of {name} lack {len(absent)} tensors ({absent[0]}, …); get the whole model.")
    # transformers makes up a tokenizer where the file is missing; a real one writes each of the 256 bytes at least.
    if len(processor.tokenizer) < 256 or processor.audio_token_id != model.config.audio_token_id:
        raise ModelNotFound(f"The tokenizer of {name} is missing or does not fit its weights; get the whole model.")
    if not hasattr(model.config, "vision_start_token_id"):  # no field of the class, but generate() reads it
        model.config.vision_start_token_id = processor.tokenizer.convert_tokens_to_ids(processor.vision_bos_token)
    return model, processor


def _not_loaded(name: str, error: Exception, said: str) -> str:
    return (f"The model {name} cannot be loaded ({type(error).__name__}: {said[:200]}); give a folder that holds a whole "
            "Qwen2.5-Omni model, or an id that can be reached.")


def read_style(folder: str) -> tuple[PromptStyle, bool]:
    """The prompt style, and whether the model brought it itself."""
    if not Path(folder).is_dir():
        from transformers.utils import cached_file

        found = cached_file(folder, STYLE_FILE, _raise_exceptions_for_missing_entries=False)
        if found is None:
            return PromptStyle(), False
        folder = str(Path(found).parent)
    return PromptStyle.from_folder(folder), (Path(folder) / STYLE_FILE).is_file()
