"""One item as a rater sees it: the sound and its figure, the explanation in sentences, the questions.

`assets/annotate.js` gives it life. What it needs to know stands in data attributes; the names of models, their rewards, the gold
emotion and whether the item is a check are not in the page. The explanation comes only after the rater has listened and said what
they hear.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from annotate.assignment import Task
from annotate.guide import SCALES, Scale
from annotate.pages import banner, keys_html
from annotate.records import Item, Project
from annotate.sentences import sentences
from annotate.settings import ProjectSettings
from emotionthinker.page.facts import facts_html

FLAG_TEXTS = (("bad_audio", "Bad audio"), ("offensive", "Offensive"), ("cannot_judge", "Cannot judge"))
SIDE_TEXTS = (("left", "A is better"), ("tie", "Equal"), ("right", "B is better"), ("both bad", "Both bad"))


def task_html(project: Project, work: Task, progress: dict[str, int], clip_url: str) -> str:
    """The whole screen. progress: `done` by this rater, `needed` in all."""
    settings = ProjectSettings.of(project)
    item = work.items[0]
    emotion = "" if work.is_pair else _choice_row(
        "heard_emotion", "Which emotion do you hear?", [(name, name) for name in settings.emotions],
        "Your own ears first: the explanation comes after.")
    facts = (f'<details class="an-facts"><summary>What was measured</summary>{facts_html(item.prosody)}</details>')
    title = "Change your answer" if work.kind == "revision" else f"Item {progress['done'] + 1}"
    close = ('<button type="button" class="an-chip" data-release>Leave it as it was</button>' if work.kind == "revision" else "")
    return f"""{banner(project)}<section class="an-task" {_attributes(work, item)}>
<header class="an-bar"><h2>{title}</h2>
<p class="et-note">{progress['done']} done by you · {progress['needed']} still needed in all ·
<span class="an-clock">0:00</span></p>
<p class="an-saved" role="status" aria-live="polite"></p>
<nav><button type="button" class="an-chip" data-dialog="an-help"><kbd>?</kbd> Keys</button>
<button type="button" class="an-chip" data-instructions>Instructions</button>
<button type="button" class="an-chip" data-history>My answers</button>{close}
<button type="button" class="an-chip" data-sign-out>Sign out</button></nav></header>
<div class="an-stage"><div id="an-figure"><div class="et-figure et-empty"><p>Drawing …</p></div></div>
{_player(clip_url, work.heard)}</div>
{facts}
{emotion}
{text_html(work) if work.shown else _gate(work)}
<section class="an-rest"><div class="an-flags" role="group" aria-label="Flags">{_flags()}</div>
<label class="an-comment">Comment <span class="et-note">(optional)</span>
<textarea maxlength="2000" rows="2" dir="auto"></textarea></label></section>
<footer class="an-foot"><p class="an-missing" role="status" aria-live="polite"></p>
<button type="button" class="an-primary" data-submit>Submit <kbd>Enter</kbd></button></footer>
<dialog id="an-help" aria-label="Keys">{keys_html()}<form method="dialog"><button class="et-close">Close</button></form></dialog>
</section>"""


def text_html(work: Task) -> str:
    """What the model wrote, and the questions about it. It is sent when the rater may see it, and not before."""
    item = work.items[0]
    questions = "".join(_pair_row(scale) if work.is_pair else scale_row(scale) for scale in SCALES)
    answer = "" if work.is_pair or not item.answer else _choice_row(
        "answer_right", f"The model's answer is “{item.answer}”. Is it right?",
        [("yes", "Yes"), ("no", "No"), ("unsure", "Cannot say")], "")
    texts = "".join(_text(one, name) for one, name in zip(work.items, ("A", "B") if work.is_pair else ("",), strict=True))
    return f"""<div class="an-texts" data-n="{len(work.items)}">{texts}</div>
{questions}{answer}"""


def _gate(work: Task) -> str:
    """Stands where the text will be."""
    first = ("Listen to the whole clip once" if work.is_pair else
             "Listen to the whole clip once and say which emotion you hear")
    what = "two explanations" if work.is_pair else "what the model says"
    return (f'<section class="an-gate"><p>{first}. Then read {what} and rate it.</p>'
            '<button type="button" class="an-primary" data-read>Read and rate <kbd>Enter</kbd></button></section>')


def _attributes(work: Task, item: Item) -> str:
    values: dict[str, Any] = {
        "screen": "pair" if work.is_pair else "single", "lease": work.lease_id, "kind": work.kind,
        "heard": "1" if work.heard else "", "version": work.draft_version, "seconds": f"{work.seconds:.1f}",
        "duration": f"{item.prosody['duration_s']:.3f}",
        "answers": json.dumps(work.answers or {}, ensure_ascii=False)}
    return " ".join(f'data-{name}="{escape(str(value))}"' for name, value in values.items())


def _player(clip_url: str, heard: bool) -> str:
    speeds = "".join(f'<button type="button" class="an-chip" role="radio" aria-checked="{"true" if rate == "1" else "false"}" '
                     f'data-rate="{rate}">{name}</button>' for rate, name in (("1", "1×"), ("0.75", "¾×"), ("0.5", "½×")))
    return f"""<div class="an-player"><audio id="an-audio" src="{escape(clip_url)}" preload="auto"></audio>
<button type="button" class="an-play" data-play aria-label="Play or pause">▶</button><span class="an-time">0:00.0</span>
<div role="radiogroup" aria-label="Speed" class="an-speeds">{speeds}</div>
<button type="button" class="an-chip" data-loop aria-pressed="false">Repeat</button>
<span class="an-heard" role="status">{"Heard in full" if heard else "Not heard in full yet"}</span>
<span class="an-meter" aria-hidden="true"><i></i></span></div>"""


def _text(item: Item, name: str) -> str:
    """The explanation, each sentence on its own to be marked; white space between them stays as it was."""
    text, parts, at = item.explanation, [], 0
    for start, end in sentences(text):
        sentence = escape(text[start:end])
        marks = "" if name else f' tabindex="-1" role="button" aria-pressed="false" data-from="{start}" data-to="{end}"'
        parts.append(f'{escape(text[at:start])}<span class="an-sentence" dir="auto"{marks}>{sentence}</span>')
        at = end
    heading = f"<h3>{name}</h3>" if name else (
        '<h3>What the model says <span class="et-note">(press a sentence to mark it)</span></h3>')
    answer = f'<p class="an-answer">Answer: <bdi>{escape(item.answer)}</bdi></p>' if item.answer else ""
    return f'<article class="an-text">{heading}<p class="an-story">{"".join(parts)}{escape(text[at:])}</p>{answer}</article>'


def scale_row(scale: Scale) -> str:
    """One scale: its question, five buttons, and the wording of the point under the focus."""
    anchors = escape(json.dumps([point.meaning for point in scale.points]))
    buttons = "".join(
        f'<button type="button" role="radio" aria-checked="false" tabindex="-1" data-value="{number}" '
        f'aria-label="{number}: {escape(point.meaning)}"><b>{number}</b></button>' for number, point in enumerate(scale.points, 1))
    return (f'<div class="an-row an-scale" role="radiogroup" data-row="{scale.name}" data-anchors="{anchors}" '
            f'aria-label="{escape(scale.title)}: {escape(scale.question)}"><div class="an-ask"><h3>{escape(scale.title)}</h3>'
            f'<p>{escape(scale.question)}</p></div><div class="an-points">{buttons}</div><p class="an-anchor"></p></div>')


def _pair_row(scale: Scale) -> str:
    buttons = "".join(f'<button type="button" role="radio" aria-checked="false" tabindex="-1" data-value="{value}">'
                      f'<kbd>{number}</kbd> {text}</button>' for number, (value, text) in enumerate(SIDE_TEXTS, 1))
    return (f'<div class="an-row an-pick" role="radiogroup" data-row="{scale.name}" aria-label="{escape(scale.title)}: '
            f'{escape(scale.question)}"><div class="an-ask"><h3>{escape(scale.title)}</h3><p>{escape(scale.question)}</p></div>'
            f'<div class="an-points">{buttons}</div></div>')


def _choice_row(name: str, question: str, options: list[tuple[str, str]], note: str) -> str:
    buttons = "".join(
        f'<button type="button" role="radio" aria-checked="false" tabindex="-1" data-value="{escape(value)}">'
        f'{f"<kbd>{number}</kbd> " if number < 10 else ""}<span class="an-option">{escape(text)}</span></button>'
        for number, (value, text) in enumerate(options, 1))
    return (f'<div class="an-row an-choice" role="radiogroup" data-row="{name}" aria-label="{escape(question)}">'
            f'<div class="an-ask"><h3>{escape(question)}</h3><p>{escape(note)}</p></div>'
            f'<div class="an-points">{buttons}</div></div>')


def _flags() -> str:
    return "".join(f'<button type="button" class="an-chip" aria-pressed="false" data-flag="{value}">{text}</button>'
                   for value, text in FLAG_TEXTS)
