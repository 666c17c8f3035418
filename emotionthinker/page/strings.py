"""The words of the interface in other languages: one file per language in `strings/`, in the browser's hands.

The code holds the English text. A file maps each English text to its translation, with the same `{placeholders}` and the same
`<0>` for parts of a sentence that are set apart. A new language is a new file: copy one, translate the right-hand sides. What the
rating pages say has files of its own, `annotate/strings/`.
What the browser does with them is in `assets/language.js`; why not Gradio's own `I18n`: it follows the browser's language alone,
so there could be no switch, and it does not reach the text of `gr.HTML`.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "strings"


def tables(*more: Path) -> dict[str, dict[str, Any]]:
    """Language code -> {"name", "direction", "strings"}, of every file in the folder. more: folders whose strings are added.

    Raises ValueError for a file that is no such table, as a page that is half translated without a word would be worse.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in (path for folder in (FOLDER, *more) for path in sorted(folder.glob("*.json"))):
        table = json.loads(path.read_text(encoding="utf-8"))
        if set(table) != {"name", "direction", "strings"} or table["direction"] not in ("ltr", "rtl"):
            raise ValueError(f"{path.name} must hold name, direction (ltr or rtl) and strings; look at de.json.")
        found.setdefault(path.stem, {**table, "strings": {}})["strings"] |= table["strings"]
    return found


def strings_script(*more: Path) -> str:
    """The tables as a script for the head of the page; nothing in them can end it early. more: as of `tables`."""
    text = json.dumps(tables(*more), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"<script>window.emotionthinkerStrings = {text};</script>"


def switch_html() -> str:
    """The visible switch: every language by its own name."""
    names = {"en": "English", **{code: table["name"] for code, table in tables().items()}}
    options = "".join(f'<option value="{escape(code)}" lang="{escape(code)}">{escape(name)}</option>'
                      for code, name in names.items())
    return f'<select class="et-language" data-language-switch aria-label="Language">{options}</select>'
