"""Colours that can be read, and the same in the figure as in the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotionthinker.plots import PALETTES

STYLE = (Path(__file__).resolve().parents[1] / "assets" / "style.css").read_text(encoding="utf-8")
THEMES = {"light": r":root, \.light \{(.*?)\}", "dark": r"\n\.dark \{(.*?)\}"}


def colours(theme: str) -> dict[str, str]:
    block = re.search(THEMES[theme], STYLE, re.DOTALL)
    assert block
    return dict(re.findall(r"--et-([\w-]+): (#[0-9a-f]{6})", block[1]))


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft", "pitch", "energy", "yes", "no", "open"])
@pytest.mark.parametrize("ground", ["paper", "ground", "lit"])
def test_text_stands_out_from_its_ground(theme: str, ink: str, ground: str) -> None:
    found = colours(theme)
    assert contrast(found[ink], found[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figure_has_the_colours_of_the_page(theme: str) -> None:
    page = colours(theme)
    assert {name: page[name] for name in PALETTES[theme]} == PALETTES[theme]


def test_nothing_is_fetched_from_elsewhere() -> None:
    assets = Path(__file__).resolve().parents[1] / "assets"
    texts = [path.read_text(encoding="utf-8") for path in (*assets.glob("*.css"), *assets.glob("*.js"))]
    assert len(texts) >= 2
    assert not re.findall(r"https?://|@import|url\(", "".join(texts))
