"""The tab as HTML: plots in both themes, sentences, tables, and names that stay text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from annotate import calibration_words as words
from annotate import estimates
from annotate.calibration_page import calibration_html, plots_html, visitor_html
from annotate.calibration_plots import PALETTES, draw_calibration
from annotate.figures import calibrate
from annotate.reports import calibration_report
from annotate.simulate import simulate
from tests.annotate.simulated_store import fill
from tests.test_style import STYLE, THEMES, contrast

SVG = "{http://www.w3.org/2000/svg}"
CALIBRATE = (Path(__file__).resolve().parents[2] / "assets" / "calibrate.css").read_text(encoding="utf-8")
DRAWN: dict[tuple[int, int], str] = {}  # drawing takes longest, so each set of plots is drawn once
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A saved calibration of a small study whose first rater and first model have hostile names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "MOST_RESAMPLES", 40)
        patch.setattr(estimates, "FEWEST_RESAMPLES", 40)
        store, project = fill(tmp_path_factory.mktemp("page") / "page.db", simulate(0, n_speakers=12))
        with store.transaction() as db:
            db.conn.execute("UPDATE items SET model_id = ? WHERE model_id = 'system-0'", [EVIL])
        calibrate(store, project, as_json=True, output=None)
        yield store.calibrations(project)[0]
        store.close()


def page(content: dict[str, Any] | None, **changes: Any) -> str:
    settings: dict[str, Any] = {"running_s": None, "problem": "", "width_px": 1200} | changes
    width_px = settings.pop("width_px")
    key = (id(content["dimensions"]), width_px) if content else (0, 0)
    if content and key not in DRAWN:
        DRAWN[key] = plots_html(content, width_px)
    plots = DRAWN.get(key, "")
    versions = [content] if content and content["version"] else []
    return calibration_html("study", content, versions, {1: EVIL}, plots=plots, **settings)


class Tags(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_each_dimension_has_a_plot_with_words_for_those_who_do_not_see_it(content: dict[str, Any]) -> None:
    tags = Tags(page(content)).found
    plots = [attributes for tag, attributes in tags if attributes.get("role") == "img"]
    assert len(plots) == 5
    for (dimension, title), plot in zip(words.TITLES.items(), plots, strict=True):
        label = plot["aria-label"] or ""
        assert label.startswith(title)
        assert words.meaning(content["dimensions"][dimension]) in label


def test_the_sentence_stands_under_its_plot(content: dict[str, Any]) -> None:
    html = page(content)
    for part in content["dimensions"].values():
        assert words.meaning(part).replace("'", "&#x27;") in html


@pytest.mark.parametrize("width_px", [330, 800, 1240])
def test_plots_are_drawn_for_the_width_at_hand(content: dict[str, Any], width_px: int) -> None:
    html = page(content, width_px=width_px)
    columns = {330: 1, 800: 2, 1240: 3}[width_px]
    assert f'data-columns="{columns}"' in html
    sides = {float(box.split()[2]) for box in re.findall(r'viewBox="([^"]+)"', html)}
    assert sides == {(width_px - (columns - 1) * 14) // columns - 34}
    assert min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", html)) >= 11


def test_names_stay_text(content: dict[str, Any]) -> None:
    html = page(content | {"project": EVIL}, problem=EVIL)
    assert EVIL not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 2 + 5  # the problem, the rater, the model in five tables
    assert not [tag for tag, attributes in Tags(html).found if tag == "img" or any(name.startswith("on") for name in attributes)]


def test_simulated_raters_are_said_to_be(content: dict[str, Any]) -> None:
    assert "Simulated raters: a program made these ratings" in page(content)
    real = content | {"counts": content["counts"] | {"simulated": 0}}
    assert "simulated" not in page(real).lower()
    some = content | {"counts": content["counts"] | {"simulated": 7}}
    assert "7 of these 216 ratings are by simulated raters" in page(some)


def test_before_anything_is_worked_out_there_is_a_way_on() -> None:
    html = page(None)
    assert "Nothing was worked out yet" in html
    assert "data-calibrate" in html
    assert "data-save" not in html


def test_while_it_is_worked_out_the_button_waits(content: dict[str, Any]) -> None:
    html = page(content, running_s=12.3)
    assert re.search(r"<button[^>]*data-calibrate disabled>Working it out …", html)
    assert "12 s so far" in html


def test_below_the_minimum_a_sentence_stands_where_the_plot_would(tmp_path: Path) -> None:
    store, project = fill(tmp_path / "few.db", simulate(0, n_speakers=3))
    report = calibration_report(store, project) | {"version": None}
    store.close()
    html = page(report)
    assert html.count("No line is drawn yet: it needs 12 more explanations") == 5
    assert "<svg" not in html
    assert "Not saved" in html
    assert "How far people agree" in html
    assert "nan" not in re.sub(r"<[^>]*>", "", html).lower().replace("finance", "")


def test_a_visitor_is_told_whose_page_it_is() -> None:
    assert "lead's link" in visitor_html()
    assert EVIL not in visitor_html(EVIL)


def test_the_plot_has_three_lines_two_distributions_and_their_names(content: dict[str, Any]) -> None:
    part = content["dimensions"]["overall"]
    svg = draw_calibration(part, content["histogram_edges"], width_px=400, theme="light")
    root = ET.fromstring(svg)
    texts = {"".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")}
    assert {"one person", "reward as it comes", "corrected, with interval", "people say"} <= texts
    assert {"people", "reward", "score given"} <= texts
    colours = re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg)
    for name in ("reward", "reward-fill", "people", "people-fill"):
        assert PALETTES["light"][name] in colours
    assert len(re.findall("stroke-dasharray", svg)) >= 2  # the dotted diagonal and the dashed reward: not by hue alone


def test_the_plot_in_the_page_follows_the_theme(content: dict[str, Any]) -> None:
    part = content["dimensions"]["overall"]
    drawn = {theme: draw_calibration(part, content["histogram_edges"], theme=theme)  # type: ignore[arg-type]
             for theme in ("page", "light", "dark")}
    assert "var(--et-reward" in drawn["page"]
    assert "var(" not in drawn["light"] + drawn["dark"]
    assert PALETTES["dark"]["paper"] in drawn["dark"]


def test_a_line_without_intervals_is_drawn_too(content: dict[str, Any]) -> None:
    part = content["dimensions"]["overall"]
    bare = {name: [point | {"low": None, "high": None} for point in line] for name, line in part["lines"].items()}
    root = ET.fromstring(draw_calibration(part | {"lines": bare}, content["histogram_edges"], theme="light"))
    texts = {"".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")}
    assert "corrected" in texts
    assert "corrected, with interval" not in texts


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_those_of_the_style_sheets_and_can_be_read(theme: str) -> None:
    sheets: dict[str, str] = {}
    for text in (STYLE, "\n" + CALIBRATE[CALIBRATE.index(":root") :]):
        block = re.search(THEMES[theme], text, re.DOTALL)
        assert block
        sheets |= dict(re.findall(r"--et-([\w-]+): (#[0-9a-f]{6})", block[1]))
    assert {name: sheets[name] for name in PALETTES[theme]} == PALETTES[theme]
    for name in ("reward", "people"):
        assert contrast(sheets[name], sheets["paper"]) >= 4.5
        assert contrast(sheets[name], sheets[f"{name}-fill"]) >= 3.0
    assert contrast(sheets["people"], sheets["people-fill"]) >= 4.5  # a name stands on the band


def test_a_reason_that_all_figures_share_is_said_once(content: dict[str, Any]) -> None:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"value", "low", "high", "reason"} and value["value"] is not None:
                return {"value": value["value"], "low": None, "high": None, "reason": "Too few, alas."}
            return {name: bare(part) for name, part in value.items()}
        return [bare(part) for part in value] if isinstance(value, list) else value

    tables = page(bare(content)).split("How far people agree")[1].split("How severe")[0]
    assert tables.count("Too few, alas.") == 1
    assert "No intervals: Too few, alas." in tables
