"""The screens of a rater before and between the items, as HTML. Every text that a person or a model wrote is escaped here."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from annotate.answers import NAMES
from annotate.guide import EXAMPLE_WORDS, SCALES
from annotate.records import DIMENSIONS, Project
from annotate.settings import ProjectSettings

KEYS = (
    ("1 – 5", "answer the question with the bar beside it, and go on to the next"),
    ("↑ ↓", "go to another question"),
    ("← →", "choose the next lower or higher answer"),
    ("Space", "play or pause; from the start when it has ended"),
    ("R", "play the stretch that was chosen last, or all, again"),
    ("L", "repeat it until you stop it"),
    ("S", "slower: full speed, three quarters, half"),
    ("[ ]", "go to a sentence of the explanation"),
    ("V W X", "mark that sentence: supported (V), wrong (W), not checkable (X); again takes it off"),
    ("U", "undo your last change; with nothing left to undo, open your last answer"),
    ("Enter", "read the explanation; then submit; where something is missing, go there"),
    ("Esc", "leave the comment, close a card"),
    ("?", "this card"),
)
CHOSEN = {"left": "A", "right": "B", "tie": "equal"}  # of a pair, as the form calls them


def banner(project: Project) -> str:
    """What must stand on every screen of a project that is no real study."""
    if not ProjectSettings.of(project).simulated:
        return ""
    return '<p class="an-simulated">Demonstration: all ratings in this project were made by a program (simulated raters).</p>'


def welcome_html(problem: str = "") -> str:
    """For who is not signed in."""
    said = f'<p class="an-problem" role="alert">{escape(problem)}</p>' if problem else ""
    return f"""<section class="an-card" data-screen="welcome"><h2>Rate explanations</h2>{said}
<p>Here people listen to short recordings and rate how well a model explains what it hears in the voice. Whoever takes part has a
personal link from the person who leads the project: open it once in this browser.</p>
<p class="et-note">You lead one? <code>python -m annotate init --db FILE</code> makes a project and prints your link;
docs/annotate.md says the rest.</p></section>"""


def consent_html(project: Project, name: str, storage: str, *, again: bool = False) -> str:
    """What somebody of that name agrees to before any work. again: they did, but the terms have changed."""
    title = "The terms have changed" if again else "Before you take part"
    changed = ('<p class="an-problem">You agreed before; since then the sentence about copies, under “What is kept”, has changed. '
               "Please agree again, or withdraw.</p>" if again else "")
    leave = '<p><button type="button" class="an-chip" data-leaving>Withdraw …</button></p>' if again else ""
    return f"""{banner(project)}<section class="an-card" data-screen="consent"><h2>{title}</h2>{changed}
<p>Hello <bdi>{escape(name)}</bdi>. In the project <strong><bdi>{escape(project.name)}</bdi></strong> you listen to short
recordings of voices and rate texts in which a model says how a voice sounds and which emotion that suggests.</p>
<ul>
<li><strong>What is kept:</strong> your answers and their earlier versions, when you gave them, how long you took, that you played
the clip, and the name above. {escape(storage)}</li>
<li><strong>What for:</strong> to find out how good such explanations are, and to train a program that rates them. Exports hold your
answers and comments under a number, not under your name.</li>
<li><strong>It is voluntary.</strong> You can stop at any time and go on later with the same link. Under “My answers” you can
withdraw: your name, your link, your comments and the log of what you did are deleted at once, and you choose whether your ratings
are deleted as well or stay without your name. Exports and backups made before that stay; the person who invited you can delete
them.</li>
<li>Some recordings are loud, sad or hostile in tone. Set your volume low first, and use headphones if you can.</li>
<li>Please do not copy the recordings or pass your link on.</li>
</ul>
<p>You rate <em>texts about sound</em>. Nobody is asked to judge what a speaker truly feels.</p>
<button type="button" class="an-primary" data-agree="consented">I agree and take part</button>{leave}</section>"""


def instructions_html(project: Project, *, first: bool) -> str:
    """What the scales mean, each point with a worked example about one clip that can be played."""
    scales = []
    for scale in SCALES:
        rows = "".join(
            f'<tr><th scope="row">{number}</th><td>{escape(point.meaning)}</td><td><q>{escape(point.example)}</q></td>'
            f'<td>{escape(point.because)}</td></tr>' for number, point in enumerate(scale.points, 1))
        scales.append(f'<section class="an-guide"><h3>{escape(scale.title)}</h3><p>{escape(scale.question)}</p>'
                      '<div class="an-scroll"><table>'
                      f'<thead><tr><th></th><th>means</th><th>example</th><th>because</th></tr></thead><tbody>{rows}</tbody></table>'
                      "</div></section>")
    button = ('<button type="button" class="an-primary" data-agree="instructed">I have read this: begin</button>' if first else
              '<button type="button" class="an-primary" data-open>Back to work</button>')
    return f"""{banner(project)}<section class="an-card an-wide" data-screen="instructions"><h2>How to rate</h2>
<ol>
<li>Listen to the whole clip at least once, and say which emotion <em>you</em> hear. Only then the explanation is shown; what you
heard before you read is kept, also if you change it later.</li>
<li>Read the explanation and hold it against the sound and the figure. You may loop a word or a stretch and slow it down.</li>
<li>Rate it on four scales. Each is about one thing only: a false fact costs points under Facts, and not again under Language.</li>
<li>Say whether the answer (the emotion the model names) is right to your ears. This does not enter the four scales.</li>
<li>If you like, mark sentences as supported, wrong or not checkable, and leave a comment.</li>
</ol>
<p>Some texts hold a fact that we changed on purpose, to see that raters listen. Points 2 and 4 lie between their neighbours.</p>
<p>All examples below are about this clip, a synthetic voice that says “{escape(EXAMPLE_WORDS)}”:
<button type="button" class="an-chip" data-play-example>▶ play it</button>
<audio id="an-example" src="annotate/example" preload="none"></audio></p>
{''.join(scales)}
{keys_html()}
{button}</section>"""


def keys_html() -> str:
    """The keys as a table, for the card and the instructions."""
    rows = "".join(f"<tr><th scope='row'><kbd>{escape(key)}</kbd></th><td>{escape(what)}</td></tr>" for key, what in KEYS)
    return f'<section class="an-keys"><h3>Keys</h3><table><tbody>{rows}</tbody></table></section>'


def done_html(project: Project, done: int) -> str:
    """Nothing is left for this rater."""
    return f"""{banner(project)}<section class="an-card" data-screen="done"><h2>Thank you</h2>
<p>There is nothing left for you to rate just now. You have rated {done} item{'' if done == 1 else 's'}.</p>
<p class="et-note">New items may come, and an item that somebody else has in hand may come back: open this page again later.</p>
<p><button type="button" class="an-chip" data-history>My answers</button>
<button type="button" class="an-chip" data-open>Look again</button>
<button type="button" class="an-chip" data-leaving>Withdraw …</button></p></section>"""


def blocked_html(project: Project, reason: str) -> str:
    """Somebody is signed in, but may not go on; the reason says why."""
    return (f'{banner(project)}<section class="an-card" data-screen="blocked"><h2>Not now</h2><p>{escape(reason)}</p>'
            '<button type="button" class="an-chip" data-leaving>Withdraw …</button> '
            '<button type="button" class="an-chip" data-sign-out>Sign out</button></section>')


def history_html(project: Project, answers: list[dict[str, Any]]) -> str:
    """A rater's earlier answers, newest first; each can be opened again."""
    rows = []
    for answer in answers:
        values = json.loads(answer["answers"])
        given = values.get("scores") or values["choices"]
        said = [(name, given[name]) for name in DIMENSIONS if given[name] is not None]
        shown = ", ".join(f"<span>{NAMES[name]}</span>: <span>{escape(str(CHOSEN.get(chosen, chosen)))}</span>"
                          for name, chosen in said)
        shown = shown or ", ".join(f"<span>{escape(flag.replace('_', ' '))}</span>" for flag in values["flags"])
        rows.append(f'<li><button type="button" class="an-chip" data-revise="{escape(answer["kind"])}" '
                    f'data-key="{int(answer["id"])}">Change</button>'
                    f' <bdi class="an-when">{escape(answer["updated"][:16].replace("T", " "))}</bdi> '
                    f'<span dir="auto">{escape(answer["begin"])}…</span><br><span class="et-note">{shown}</span></li>')
    body = f'<ol class="an-history">{"".join(rows)}</ol>' if rows else "<p>No answers yet.</p>"
    return (f'{banner(project)}<section class="an-card an-wide" data-screen="history"><h2>My answers</h2>{body}'
            '<p><button type="button" class="an-primary" data-open>Back to work</button> '
            '<button type="button" class="an-chip" data-leaving>Withdraw …</button></p></section>')
