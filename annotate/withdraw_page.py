"""The screens of somebody who withdraws: what goes and what stays, once more to be sure, and that it is done."""

from __future__ import annotations

from html import escape

from annotate.pages import banner
from annotate.records import Project, Rater
from annotate.withdrawal import Holding

BACK = '<button type="button" class="an-chip" data-open>No, go back</button>'
COPIES = ("Copies that were made before stay as they are: exports and figures, which hold a number and no name, and backups, which "
          "hold everything. Ask the person who invited you to delete those.")


def leaving_html(project: Project, rater: Rater, found: Holding) -> str:
    """The first step: nothing is done yet."""
    choices = "" if not _rated(found) else f"""<h3>Your {_answers(found)}: you choose</h3>
<p><button type="button" class="an-chip" data-leaving="delete">Delete, too …</button> All versions and marks go. The
explanations will be rated by somebody else.</p>
<p><button type="button" class="an-chip" data-leaving="keep">Keep without my name …</button> Scores, marks, flags, the emotion
you heard, and when and how long you rated stay under a number that leads to nobody. Your comments do not.</p>"""
    end = BACK if _rated(found) else f'{BACK} <button type="button" class="an-chip" data-leaving="delete">Withdraw …</button>'
    return f"""{banner(project)}<section class="an-card" data-screen="leaving"><h2>Withdraw from this project</h2>
<p><strong>Deleted at once, in any case:</strong></p>
<ul>
<li>your name, <bdi>{escape(rater.name)}</bdi>, and your link: it will open nothing any more;</li>
<li>your comments ({found.comments}) and unfinished drafts ({found.drafts});</li>
<li>the log of what you did and when ({found.events} entries).</li>
</ul>
{choices}
<p class="et-note">{COPIES}</p>
<p>Nothing is deleted yet. {end}</p></section>"""


def sure_html(project: Project, rater: Rater, found: Holding, fate: str) -> str:
    """The second step."""
    rated = ("" if not _rated(found) else f" Your {_answers(found)} are deleted with all versions." if fate == "delete" else
             f" Your {_answers(found)} stay without your name and without comments.")
    return f"""{banner(project)}<section class="an-card" data-screen="leaving-sure"><h2>Withdraw now?</h2>
<p>Your name, your link, your comments ({found.comments}), drafts ({found.drafts}) and the log of what you did ({found.events}
entries) are deleted.{rated} <strong>This cannot be undone.</strong></p>
<p>{BACK} <button type="button" class="an-primary" data-leave="{escape(fate)}">Yes, withdraw now</button></p></section>"""


def left_html(project: Project, found: Holding, fate: str) -> str:
    """It is done."""
    rated = ("" if not _rated(found) else f" Your {_answers(found)} were deleted, too." if fate == "delete" else
             f" Your {_answers(found)} stay without your name.")
    return f"""{banner(project)}<section class="an-card" data-screen="left"><h2>You have withdrawn</h2>
<p>Your name, your link, your comments and the log of what you did are deleted.{rated} {COPIES}</p></section>"""


def ended_html(reason: str) -> str:
    """For who took part and may not go on. They can still withdraw."""
    return f"""<section class="an-card" data-screen="ended"><h2>Not now</h2><p>{escape(reason)}</p>
<p><button type="button" class="an-chip" data-open>Look again</button>
<button type="button" class="an-chip" data-leaving>Withdraw …</button>
<button type="button" class="an-chip" data-sign-out>Sign out</button></p></section>"""


def _rated(found: Holding) -> int:
    return found.ratings + found.comparisons


def _answers(found: Holding) -> str:
    return " and ".join(f"{name} ({n})" for n, name in ((found.ratings, "ratings"), (found.comparisons, "comparisons")) if n)
