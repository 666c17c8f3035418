"""The page on a model folder of its own, and without any model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import App, choose_example, wait_done

pytestmark = pytest.mark.browser

LAYERS = 16  # of a model that is to be stopped


def never_ends(folder: Path) -> None:
    """Take from a model the tokens that end a reply, and give it many layers, so that there is time to stop it."""
    from safetensors.torch import load_file, save_file

    from emotionthinker.processor import load_processor

    ends = load_processor(folder).tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    weights = load_file(folder / "model.safetensors")
    for name, tensor in list(weights.items()):
        if name.endswith(("embed_tokens.weight", "lm_head.weight")):
            tensor[ends] = 0  # the likeliest of some hundred tokens lies above a score of 0
        if name.startswith("model.layers.0."):
            weights |= {name.replace(".0.", f".{i}.", 1): tensor.clone() for i in range(1, LAYERS)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    text |= {"num_hidden_layers": LAYERS, "layer_types": text["layer_types"][:1] * LAYERS}
    (folder / "config.json").write_text(json.dumps(config))


def test_a_folder_streams_and_stops(start_app: Callable[..., App], tiny_omni_folder: Path, open_page: Callable[..., Any],
                                    tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "noisy"
    shutil.copytree(tiny_omni_folder, folder)
    (folder / "emotionthinker.json").write_text(json.dumps({"name": "Noise", "max_new_tokens": 3500}))
    never_ends(folder)
    app = start_app(ET_MODEL=str(folder))
    page = open_page(app.url)
    choose_example(page, "angry")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret", timeout=60_000)  # the model is loaded meanwhile
    page.click("#et-stop")
    page.wait_for_selector("#et-reasoning [data-state=stopped]")
    page.click("#et-options button")
    page.get_by_label("Most new tokens", exact=False).fill("20")
    page.get_by_label("Most new tokens", exact=False).press("Tab")
    page.click("#et-again")
    wait_done(page)
    assert "no" in page.inner_text("#et-answer .et-verdict")  # noise names no emotion, and no label is made of it


def test_without_a_model_the_page_measures(start_app: Callable[..., App], tmp_path: Path, open_page: Callable[..., Any]) -> None:
    app = start_app(ET_MODEL=str(tmp_path / "nothing"))
    page = open_page(app.url)
    choose_example(page, "angry")
    wait_done(page, "missing")
    assert "No model" in page.inner_text("#et-status")
    assert "high" in page.inner_text(".et-fact[data-row=pitch]")
