"""What a set of probes showed, for people: Markdown, CSV, and one plot. The figures come from `reliance.summary`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from emotionthinker.export import text_cell
from emotionthinker.plots import PALETTES
from emotionthinker.probing import ALL_CHANGES
from emotionthinker.reliance import Probe, shift_between

CSV_COLUMNS = ("clip", "emotion_intended", "change", "cue", "skipped", "asked", "answer_before", "answer_after", "shift",
               "taken_away", "still_asserted", "leaked")


def markdown(found: Mapping[str, Any], failed: Sequence[Mapping[str, Any]] = ()) -> str:
    """The summary as tables with the sentences that say how to read them."""
    model = ", ".join(found["model"]) or "no model"
    parts = [f"{found['clips']} clips, model {_cell(model)}. Intervals: 95 %."]
    if failed:
        parts.append(f"{len(failed)} clips could not be probed: " + "; ".join(_cell(f"{f['clip']}: {f['error']}") for f in failed))
    return "\n\n".join([*parts, _changes_table(found["changes"]), _citing(found), _asserted_table(found["asserted"]),
                        _controls(found["controls"])]) + "\n"


def _changes_table(rows: Sequence[Mapping[str, Any]]) -> str:
    first = any(row.get("first_shift") for row in rows)
    head = ["change", "cue", "clips", "another label", "mean shift of the scores",
            *(["… of the first impression"] if first else []), "cue moved by (median)", "other cues moved"]
    lines = ["**What if …: how far each change moves the answer**", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [row["change"], row["cue"] or "–", str(row["clips"])]
        if not row["clips"]:
            lines.append(f"| {' | '.join([*cells, *[''] * (5 if first else 4)])} |")
            continue
        cells += [_share(row["answer_changed"]), "not asked" if row["shift"] is None else _mean(row["shift"])]
        if first:
            cells.append(_mean(row["first_shift"]) if row["first_shift"] else "–")
        cells.append("–" if row.get("moved") is None else f"{row['moved']:+.1f} {row['unit']}".replace("-", "−"))
        leak = "–"
        if row.get("leak"):
            named = ", ".join(f"{cue} {n}" for cue, n in row["leaked_cues"].items())
            leak = f"{100 * row['leak']['share']:.0f} %" + (f" ({named})" if named else "")
        lines.append(f"| {' | '.join([*cells, leak])} |")
    return "\n".join(lines)


def _citing(found: Mapping[str, Any]) -> str:
    lines = ["**Does the answer depend more on the cues that are cited?**", "",
             "| cue | cited | shift where cited (clips) | shift where not (clips) |", "|---|---|---|---|"]
    for row in found["cues"]:
        cited, other = (f"{row[f'dependence_{kind}']:.3f} ({row[f'clips_{kind}']})" if row[f"clips_{kind}"] else "– (0)"
                        for kind in ("cited", "uncited"))
        lines.append(f"| {row['cue']} | {_share(row['cited'])} | {cited} | {other} |")
    lines.append("")
    for kind, results in found["cited_against_uncited"].items():
        scores = "scores after the reasoning" if kind == "label_scores" else "first impression, before the reasoning"
        for name, says in (("raw", "raw"), ("adjusted", "adjusted for what each change moves in general")):
            result = results[name]
            if result["probability"] is None:
                lines.append(f"- {scores}, {says}: no clip has both a cited and an uncited cue that could be changed.")
                continue
            lines.append(f"- {scores}, {says}: a cited cue moves the answer more than an uncited one with probability "
                         f"{result['probability']:.3f}{_interval(result['interval'], '{:.3f}')} (0.5: no difference), "
                         f"p = {result['p']:.4f}, {result['clips']} clips.")
    return "\n".join(lines)


def _asserted_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["**Does the explanation let go of what was taken away?**", "",
             "| change | claims taken away | still made | said otherwise | no longer made | made again where they still hold |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        cells = " | ".join(_share(row[said]) for said in ("still", "otherwise", "no longer"))
        lines.append(f"| {row['change']} | {row['taken_away']} | {cells} | {_share(row['intact'])} |")
    return "\n".join(lines)


def _controls(found: Mapping[str, Any]) -> str:
    alone, other, led = found["words_alone"], found["another_voice"], found["leading_question"]
    claims = "–" if alone["claims_on_no_voice"] is None else f"{alone['claims_on_no_voice']:.1f}"
    return "\n".join([
        "**Controls**", "",
        f"- silence put to the model: {_share(found['silence'])}; noise: {_share(found['noise'])} (without speech it is not asked)",
        f"- the words without the voice: the same answer {_share(alone['same_answer'])}; {claims} claims a reply on a voice that "
        "was not there",
        f"- another voice under the same words, where the two voices' own answers differ: follows the voice "
        f"{_share(other['follows_voice'])}, stays {_share(other['stays'])}, neither {_share(other['neither'])}",
        f"- a question that suggests the least likely label: taken over {_share(led['gives_in'])}, another answer "
        f"{_share(led['answer_changed'])}",
    ])


def changes_csv(probes: Sequence[Probe]) -> str:
    """One row per clip and change, CSV_COLUMNS; texts that a spreadsheet would take for a formula are quoted."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for probe in probes:
        before = probe["before"]
        clip, meant, answer = (text_cell(str(text or "")) for text in (probe.get("clip"), probe.get("emotion"), before["emotion"]))
        for step in probe["steps"]:
            row = [clip, meant, step["change"], ALL_CHANGES[step["change"]].cue or ""]
            if "skipped" in step:
                writer.writerow([*row, text_cell(step["skipped"]), 0, answer, *[""] * 5])
                continue
            gone = step["taken_away"]
            leaks = " ".join(item["cue"] for item in step["moved"] if not item["meant"] and not item["within"])
            writer.writerow([*row, "", int(step["asked"]), answer, text_cell(step["emotion"] or ""),
                             f"{shift_between(before, step):.4f}" if step["asked"] else "", len(gone),
                             sum(item["said"] == "still" for item in gone), leaks])
    return out.getvalue()


def plot_svg(found: Mapping[str, Any]) -> str:
    """Two panels: how far each change moves the answer, and how much it depends on a cue where it is cited and where it is not."""
    import matplotlib

    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "emotionthinker"
    from matplotlib.figure import Figure

    colour = PALETTES["light"]
    rows = [row for row in found["changes"] if row.get("shift")]
    cues = [row for row in found["cues"] if row["clips_cited"] or row["clips_uncited"]]
    figure = Figure(figsize=(11, 1.6 + 0.32 * max(len(rows), len(cues), 4)), facecolor=colour["paper"], layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    copy = next((row["shift"]["mean"] for row in rows if row["change"] == "copy"), None)
    for place, row in enumerate(rows):
        mean, interval = row["shift"]["mean"], row["shift"]["interval"] or [row["shift"]["mean"]] * 2
        ink = colour["pitch"] if row["cue"] else colour["soft"]
        left.plot(interval, [place, place], color=ink, linewidth=2, solid_capstyle="round")
        left.plot(mean, place, "o", color=ink, markersize=6)
        left.text(1.03, place, f"{mean:.2f}  n {row['asked']}", va="center", fontsize=9, color=colour["soft"],
                  transform=left.get_yaxis_transform())
    if copy is not None:
        left.axvline(copy, color=colour["soft"], linewidth=1, linestyle=(0, (2, 3)))
    left.set_yticks(range(len(rows)), labels=[row["change"] for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlabel("mean shift of the label scores, 0 same … 1 another answer (95 % interval; dashed: the copy)", fontsize=10)
    left.set_title("How far each change moves the answer", loc="left", fontsize=11, fontweight="bold")
    for place, row in enumerate(cues):
        for kind, marker, ink, above in (("cited", "o", colour["energy"], -0.1), ("uncited", "s", colour["soft"], 0.1)):
            if row[f"dependence_{kind}"] is not None:
                right.plot(row[f"dependence_{kind}"], place + above, marker, color=ink, markersize=6,
                           markerfacecolor=ink if kind == "cited" else colour["paper"])
        right.text(1.03, place, f"n {row['clips_cited']} / {row['clips_uncited']}", va="center", fontsize=9, color=colour["soft"],
                   transform=right.get_yaxis_transform())
    right.set_yticks(range(len(cues)), labels=[row["cue"] for row in cues])
    right.set_ylim(len(cues) - 0.4, -0.6)
    right.set_xlabel("mean shift where the cue is cited (●) and where not (□)", fontsize=10)
    right.set_title("Does it depend on what it cites?", loc="left", fontsize=11, fontweight="bold")
    for ax in (left, right):
        ax.set_xlim(-0.02, 1.02)
        ax.set_facecolor(colour["paper"])
        ax.tick_params(length=0, labelsize=10, labelcolor=colour["ink"])
        ax.grid(axis="x", color=colour["hair"], linewidth=0.7)
        ax.set_axisbelow(True)
        for side in ax.spines.values():
            side.set_visible(False)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "EmotionThinker", "Title": "Probed clips"})
    return out.getvalue()


def _share(found: Mapping[str, Any] | None) -> str:
    """`12 % [5, 25] of 40`, or a dash where nothing was counted."""
    if found is None:
        return "–"
    low, high = found["interval"]
    return f"{100 * found['share']:.0f} % [{100 * low:.0f}, {100 * high:.0f}] of {found['of']}"


def _mean(found: Mapping[str, Any]) -> str:
    return f"{found['mean']:.3f}{_interval(found['interval'], '{:.3f}')}"


def _interval(interval: Sequence[float] | None, form: str) -> str:
    return "" if interval is None else f" [{form.format(interval[0])}, {form.format(interval[1])}]"


def _cell(text: str) -> str:
    """A text that stays in its table cell and is no markup."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
