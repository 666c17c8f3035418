"""The animated walk-through of the README: `python -m tests.browser.walkthrough`.

Starts `python app.py` with the model that the environment names (Nano without any setting), does what a visitor does, and puts the
pictures of the real page together as one WebP file. The line of text at the foot is laid over the page by this script; all else is
the page's own. The model's text is photographed while it is written, so how many pictures there are of it depends on the machine.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser.conftest import FLAGS, ROOT, choose_example, wait_done
from tests.browser.screenshots import point, served
from tests.browser.test_compare import choose

WIDTH, HEIGHT = 1000, 720
MOST_BYTES = 3_000_000
QUALITY = 62
WRITING_MS = 220  # a picture of the text while it is written
CAPTION = """text => {
  const line = document.getElementById("walk") ?? document.body.appendChild(document.createElement("p"));
  line.id = "walk";
  line.textContent = text;
  line.style.cssText = "position:fixed;left:0;right:0;bottom:0;z-index:9999;margin:0;padding:11px 22px;" +
    "font:600 21px/1.35 system-ui;background:#20242a;color:#fffefb;text-align:center";
}"""

Frame = tuple[bytes, int]  # PNG, and for how many milliseconds it stands


class Walk:
    """One page, and the pictures that were taken of it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Frame] = []

    def say(self, text: str) -> None:
        self.page.evaluate(CAPTION, text)

    def see(self, selector: str, above: int = 20) -> None:
        """Scroll so that it stands near the top."""
        self.page.locator(selector).first.evaluate(
            "(element, above) => scrollTo(0, element.getBoundingClientRect().top + scrollY - above)", above)
        self.page.wait_for_timeout(150)

    def take(self, ms: int) -> None:
        self.frames.append((self.page.screenshot(), ms))


def walk(page: Any, url: str) -> list[Frame]:
    """What a visitor does in half a minute: Analyze, Timeline, Compare."""
    page.goto(url)
    page.wait_for_selector("#et-agree")
    page.wait_for_function("!document.body.innerText.includes('Loading...')")
    steps = Walk(page)
    steps.say("Nothing is measured before you agree")
    steps.take(2000)
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    steps.say("1  Bring a voice, or press an example")
    page.locator("#et-example-row button").first.hover()
    steps.take(1800)

    steps.say("2  See what the voice does: pitch, energy, words, stress")
    choose_example(page, "angry")
    page.wait_for_selector("#et-figure .et-drawing")
    steps.see("#et-audio")
    steps.take(2400)
    steps.say("3  A model says how it sounds, and why")
    steps.see("#et-below")
    while not page.locator("#et-status [data-state=done]").count():
        if page.locator("#et-reasoning .et-story p").count():
            steps.take(WRITING_MS)
        page.wait_for_timeout(30)
    wait_done(page)
    if "angry" not in page.inner_text("#et-answer .et-verdict").lower():
        steps.say("3  A model says how it sounds, and why. It is often wrong: this voice was made to sound angry")
    steps.take(3000)

    steps.say("4  Each claim is held against the measurement: ✓ agrees, ✗ does not. Press one to see the numbers")
    page.locator("#et-reasoning .et-claim").first.click()
    page.wait_for_selector("#et-card:not([hidden])")
    steps.take(3200)
    page.keyboard.press("Escape")
    steps.say("5  Hear and see the place it speaks of")
    steps.see("#et-figure")
    point(page)
    steps.take(2200)

    steps.say("6  What if? Change one cue of the voice and ask again")
    page.locator("#et-whatif-choice input").first.check(force=True)
    page.click("#et-whatif-ask")
    page.wait_for_selector("#et-whatif-outcome .et-whatif-verdict")
    steps.see("#et-whatif-choice")
    steps.take(3200)
    follow(page, steps)
    compare(page, steps)
    return steps.frames


def follow(page: Any, steps: Walk) -> None:
    """The example call, until its turns stand there."""
    page.get_by_role("tab", name="Timeline").click()
    if page.locator("#et-agree-timeline").is_visible():
        page.click("#et-agree-timeline")
    page.wait_for_selector("#et-long input[type=file]", state="attached")
    steps.say("7  Timeline: follow a call of up to an hour")
    page.click("#tl-example")
    page.wait_for_selector("#et-long audio")
    page.click("#tl-go")
    page.wait_for_selector("#tl-figure .tl-speech")
    steps.see("#tl-status")
    steps.take(2200)
    page.wait_for_selector("#tl-status [data-state=done]")
    steps.say("8  … to where its tone turns, and what changed in the voice there")
    steps.see("#tl-turns")
    steps.take(3000)


def compare(page: Any, steps: Walk) -> None:
    """Two examples beside each other."""
    page.get_by_role("tab", name="Compare").click()
    steps.say("9  Compare: two voices, or two models, side by side")
    choose(page, "a", "flat")
    choose(page, "b", "angry")
    page.click("#cp-go")
    page.wait_for_selector("#cp-answer-b [data-state=done]")
    steps.see("#cp-status")
    steps.take(2600)
    steps.see("#cp-facts")
    steps.take(3000)


def animate(frames: list[Frame], path: Path) -> int:
    """Write the pictures as one WebP that begins again at its end; gives its bytes. Raises ValueError where it is too large."""
    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png, _ in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[ms for _, ms in frames], loop=0, quality=QUALITY,
                     method=4)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{path.name} has {size / 1e6:.1f} MB, at most {MOST_BYTES / 1e6:g} MB are wanted; take fewer pictures.")
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, default=ROOT / "docs" / "screenshots" / "walkthrough.webp", help="the file")
    parser.add_argument("--url", help="a page that runs already; without it, one is started")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with served(args.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        context.set_default_timeout(300_000)
        frames = walk(context.new_page(), url)
        browser.close()
    size = animate(frames, args.output_path)
    print(f"{args.output_path.name}: {len(frames)} pictures, {sum(ms for _, ms in frames) / 1000:.0f} s, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
