"""What a visitor is told before a microphone is turned on.

What is computed, what it is not, how often it errs, where it must not be used.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from emotionthinker.settings import Settings

NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"
EVALUATION = "evaluation.json"  # beside a model's weights: what `python -m training.evaluate` found


def error_rates(settings: Settings) -> list[str]:
    """How often the configured model errs, as sentences; says so plainly where nobody measured it."""
    folder = Path(settings.model) if settings.model and not settings.endpoint else NANO
    listeners = ("People, too, are often wrong: listeners who heard CREMA-D's clips without the picture named the emotion that "
                 "the actor meant on 41 % of them.")
    if settings.endpoint or not (folder / EVALUATION).is_file():
        return ["The error rate of this model was not measured here. Expect it to be wrong often.", listeners]
    try:
        found = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
        rates = [_rate(row) for row in found["corpora"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ["The error rate of this model could not be read. Expect it to be wrong often.", listeners]
    return [*rates, listeners]


def notice_html(settings: Settings, place: str = "", more: str = "") -> str:
    """The first screen, before consent. place: which tab, where several show it; more: a sentence of the tab's own."""
    title_id = f"et-notice-title-{place}" if place else "et-notice-title"
    also = f"\n<p>{escape(more)}</p>" if more else ""
    rates = " ".join(error_rates(settings))
    where = ("<strong>Your recording is sent to the model's server</strong> that this page was set up with."
             if settings.endpoint else "The model runs on the machine that serves this page.")
    return f"""<section class="et-notice" aria-labelledby="{title_id}">
<h2 id="{title_id}">Before you speak</h2>
<p>This page measures a voice (pitch, energy, pace, stress, melody), guesses whether it sounds male or female, writes down the
words, and lets a model describe it. If you allow that too, the model says which emotion the voice <em>sounds</em> like, and why.
It describes how a voice sounds, <strong>not what a person feels</strong>.</p>
<p><strong>It is often wrong.</strong> {escape(rates)}</p>
<p><strong>Not for judging people.</strong> Do not use it on employees, applicants, pupils or students: that is prohibited
(EU AI Act, Art. 5(1)(f)). Whoever is exposed to it must be told (Art. 50(3)).</p>
<p>{where} Recordings stay in a temporary folder, are deleted within two hours, and reach no log.</p>{also}
</section>"""


def not_this_html(settings: Settings) -> str:
    """The dialog "What this is not", within reach at any time."""
    rates = "".join(f"<li>{escape(rate)}</li>" for rate in error_rates(settings))
    return f"""<dialog id="et-not" aria-labelledby="et-not-title">
<h2 id="et-not-title" tabindex="-1" autofocus>What this is not</h2>
<ul>
<li>Not a reading of feelings. It describes how a voice sounds; the same sound has many causes: habit, health, language, acting,
a bad line.</li>
<li>Not a lie detector, not a diagnosis, not evidence about anyone.</li>
<li>Not for employees, applicants, pupils or students: inferring emotions at work or in education is prohibited
(EU AI Act, Art. 5(1)(f)). People who are exposed to such a system must be told (Art. 50(3)).</li>
<li>Not equally right for everyone. It learned from English spoken by actors; other languages, cultures, ages and voices were not
tested.</li>
<li>Not sure of its reasons. Claims with ✓ agree with what was measured, ✗ disagree, ? cannot be checked; a supported claim can
still lead to a wrong emotion.</li>
</ul>
<h3>How often it errs</h3>
<ul>{rates}</ul>
<h3>What is computed</h3>
<p>Pitch (F0), energy, speaking rate, pauses, melody, words and their stress, and whether the voice sounds male or female; then a
model's text and its probabilities over a few emotion words. Levels such as “high” compare with a named reference. Age is not
estimated.</p>
<form method="dialog"><button class="et-close">Close</button></form>
</dialog>"""


def _rate(row: dict[str, Any]) -> str:
    """One corpus of `evaluation.json` as a sentence: how often right, and which emotions it finds best and worst."""
    recall = sorted((float(share), str(label)) for label, share in row["recall"].items())
    (worst, worst_label), (best, best_label) = recall[0], recall[-1]
    return (f"On {row['name']} ({int(row['clips'])} clips, {int(row['classes'])} emotions) it names the intended emotion on "
            f"{100 * float(row['accuracy']):.0f} % of clips; it finds {100 * best:.0f} % of {best_label}, but only "
            f"{100 * worst:.0f} % of {worst_label}.")
