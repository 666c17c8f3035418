"""The report of an evaluation for people: Markdown tables with one column a set, and a picture of each set."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emotionthinker.plots import PALETTES
from training.figures import averages

CUES = ("levels", "pitch_level", "pitch_range", "energy_level", "speed_level", "intonation", "gender", "pauses", "all")
NO_ANSWER = "None"
SCORE_FIGURES = (
    ("clips", "clips"),
    ("ece", "expected calibration error"),
    ("brier", "Brier score"),
    ("mean_confidence", "mean confidence"),
    ("accuracy", "accuracy of the likeliest"),
)
INK = PALETTES["light"]
WIDTH_PX, HEIGHT_PX, DPI = 1080, 380, 96


def markdown(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The reports as Markdown tables: all figures, speaker groups, averages, and the confusion of each set."""
    values = list(reports.values())

    def row(title: str, *keys: str) -> tuple[str, list[Any]]:
        return title, [_at(report, keys) for report in values]

    rows: list[tuple[str, list[Any]]] = [("clips (speakers)", [f"{r['clips']} ({r['speakers']})" for r in values])]
    for name, title in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        rows.append((f"{title}, intended label", [_with_interval(r, name) for r in values]))
    for name, title in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        rows.append((f"{title}, what listeners heard", [_with_interval(r.get("heard", {}), name) for r in values]))
    for sex in sorted({s for r in values for s in r["per_sex"]}):
        rows.append(row(f"UAR, {sex}", "per_sex", sex, "uar"))
    for label in dict.fromkeys(label for r in values for label in r["recall"]):
        rows.append(row(f"recall, {label}", "recall", label))
    rows.append(row("well-formed replies", "well_formed"))
    for cue in CUES:
        rows.append((f"stated {cue.replace('_', ' ')} right", [_share(r["grounding"][cue]) for r in values]))
    rows.append(("grounding precision, all claims", [_with_interval(r["reasoning"], "precision") for r in values]))
    rows.append(row("… mean of the texts", "reasoning", "precision_per_text"))
    rows.append(("grounding coverage of salient cues", [_with_interval(r["reasoning"], "coverage") for r in values]))
    rows.append(row("claims per text", "reasoning", "claims_per_text"))
    rows.append(row("quoted words in the transcript", "quotes", "right"))
    rows.append(row("… sentences never seen", "quotes_unseen_sentences", "right"))
    rows.append(row("answer changed by other words", "answer_changed_by_other_words"))
    rows.append(row("tokens per reply", "tokens_per_reply"))
    rows.append(row("tokens per second, in a batch", "batch_tokens_per_s"))
    if any("alone" in r for r in values):
        rows.append(("first word, alone: median (95 %), s", [_pair(_at(r, ("alone", "first_word_s"))) for r in values]))
        rows.append(("whole reply, alone: median (95 %), s", [_pair(_at(r, ("alone", "whole_s"))) for r in values]))
        rows.append(row("tokens per second, alone", "alone", "tokens_per_s"))
        for kind, when in (("first_impression", "before reasoning"), ("label_scores", "after reasoning")):
            if any(_at(r, ("alone", kind)) for r in values):
                rows += [row(f"label scores {when}: {title}", "alone", kind, key) for key, title in SCORE_FIGURES]
    if any("reward" in r for r in values):
        rows.append(("scored by the reward model", [_scored(r.get("reward")) for r in values]))
        rows += _scores("reward model", "reward", values)
    if any("judge" in r for r in values):
        rows.append(("judge", [f"{r['judge']['model']}, {_scored(r['judge'])}" if "judge" in r else None for r in values]))
        rows += _scores("judge", "judge", values)
    parts = [_table(["", *reports], rows), _groups(reports), _averages(reports), *(_confusion(n, r) for n, r in reports.items())]
    return "\n".join(part for part in parts if part)


def _at(report: Mapping[str, Any], keys: Sequence[str]) -> Any:
    found: Any = report
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _with_interval(entry: Mapping[str, Any], name: str) -> str | None:
    value, ends = entry.get(name), entry.get(f"{name}_interval")
    if value is None:
        return None
    return f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else f"{value:.3f}"


def _share(entry: Mapping[str, Any]) -> str | None:
    return None if entry["right"] is None else f"{entry['right']:.3f} of {entry['checkable']}"


def _pair(values: Sequence[float] | None) -> str | None:
    return None if values is None else f"{values[0]:.2f} ({values[1]:.2f})"


def _scored(found: Mapping[str, Any] | None) -> str | None:
    return None if found is None else f"{found['scored']} of {found['asked']}"


def _scores(who: str, key: str, values: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """A row for each of the four scores, 1 to 5, and one for their mean."""
    names = dict.fromkeys(name for r in values for name in r.get(key, {}).get("scores", {}))
    rows = [(f"{who}: {name.replace('_', ' ')}", [_at(r, (key, "scores", name)) for r in values]) for name in names]
    return [*rows, (f"{who}: mean of the four", [_at(r, (key, "mean")) for r in values])]


def _cell(value: Any) -> str:
    text = "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[Any]]]) -> str:
    lines = [f"| {' | '.join(map(_cell, head))} |", "|---|" + "---|" * (len(head) - 1)]
    return "\n".join(lines + [f"| {_cell(title)} | {' | '.join(map(_cell, values))} |" for title, values in rows]) + "\n"


def _groups(reports: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, report in reports.items():
        labels = list(report["recall"])
        for kind, groups in report.get("groups", {}).items():
            for group, found in groups.items():
                figures = [_with_interval(found, "uar"), found["accuracy"], found["macro_f1"]]
                recalls = [f"{label} {found['recall'][label]:.2f}" for label in labels if label in found["recall"]]
                rows.append((f"{name}, {kind}: {group}", [f"{found['clips']} ({found['speakers']})", *figures, ", ".join(recalls)]))
    head = ["speaker group", "clips (speakers)", "UAR", "accuracy", "macro-F1", "recall per emotion"]
    return _table(head, rows) if rows else ""


def _averages(reports: Mapping[str, Mapping[str, Any]]) -> str:
    if len(reports) < 2:
        return ""
    rows = [(name.replace("macro_f1", "macro-F1").replace("uar", "UAR"), [v["plain"], v["pooled"]])
            for name, v in averages(reports).items()]  # fmt: skip
    return _table(["over all sets", "plain mean of the sets", "all clips pooled"], rows)


def _confusion(name: str, report: Mapping[str, Any]) -> str:
    labels = list(report["confusion"])
    answers = [*labels, *sorted({a for row in report["confusion"].values() for a in row} - {*labels, NO_ANSWER}), NO_ANSWER]
    rows = [(label, [report["confusion"][label].get(answer, 0) for answer in answers]) for label in labels]
    return _table([f"{name}: intended ↓, answered →", *answers[:-1], "no answer"], rows)


def plot(report: Mapping[str, Any], name: str) -> str:
    """One picture of a set as SVG: confusion, recall per speaker group, and how far label scores can be believed."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Ids from a fixed seed and no date, so that the same figures give the same file.
    with rc_context({"svg.hashsalt": "evaluation", "svg.fonttype": "none", "font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, facecolor=INK["paper"], layout="constrained")
        FigureCanvasSVG(figure)
        figure.suptitle(f"{name}: UAR {_with_interval(report, 'uar')}, {report['clips']} clips of {report['speakers']} speakers",
                        color=INK["ink"], fontsize=10)  # fmt: skip
        confusion, groups, scores = figure.subplots(1, 3, width_ratios=(1.1, 1.0, 0.9))
        _draw_confusion(confusion, report)
        _draw_groups(groups, report)
        _draw_calibration(scores, report.get("alone", {}))
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _plain(axes: Any, title: str) -> None:
    axes.set_title(title, color=INK["ink"], fontsize=9, loc="left")
    axes.tick_params(colors=INK["soft"], length=0, labelsize=8)
    axes.set_facecolor(INK["paper"])
    for side in axes.spines.values():
        side.set_color(INK["hair"])


def _draw_confusion(axes: Any, report: Mapping[str, Any]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    labels = list(report["confusion"])
    answers = [*labels, "no answer"]
    shares = np.zeros((len(labels), len(answers)))
    for i, label in enumerate(labels):
        for answer, n in report["confusion"][label].items():
            shares[i, labels.index(answer) if answer in labels else -1] += n
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list("share", [INK["paper"], INK["pitch"]])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(*shares.shape):
        if shares[i, j] >= 0.005:
            axes.text(j, i, f"{shares[i, j]:.0%}", ha="center", va="center", fontsize=8,
                      color=INK["paper"] if shares[i, j] > 0.55 else INK["ink"])  # fmt: skip
    _plain(axes, "intended (rows) and answered")
    axes.set_xticks(range(len(answers)), answers, rotation=40, ha="right")
    axes.set_yticks(range(len(labels)), labels)


def _draw_groups(axes: Any, report: Mapping[str, Any]) -> None:
    rows = [("all", report)]
    for kind in ("sex", "age", "sex and age"):
        rows += list(report.get("groups", {}).get(kind, {}).items())
    for i, (_, found) in enumerate(rows):
        low, high = found["uar_interval"]
        axes.plot([low, high], [i, i], color=INK["faint"], linewidth=3, solid_capstyle="butt")
        axes.plot(found["uar"], i, "o", color=INK["pitch"], markersize=5)
        axes.text(1.02, i, f"{found['uar']:.2f}", va="center", fontsize=8, color=INK["ink"], transform=axes.get_yaxis_transform())
    _plain(axes, "UAR per speaker group, 95 % over speakers")
    axes.set_yticks(range(len(rows)), [f"{name} ({found['speakers']})" for name, found in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)


def _draw_calibration(axes: Any, alone: Mapping[str, Any]) -> None:
    kinds = [("first_impression", "pitch", "before reasoning"), ("label_scores", "energy", "after it")]
    known = [(alone[kind], colour, when) for kind, colour, when in kinds if alone.get(kind)]
    if not known:
        _plain(axes, "label scores: not asked for (--alone)")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.plot([0, 1], [0, 1], color=INK["faint"], linewidth=1)
    for i, (found, colour, when) in enumerate(known):
        mean, share, n = np.array(found["bins"], float).T
        axes.scatter(mean, share, s=12 + 160 * n / n.sum(), color=INK[colour], alpha=0.85, linewidth=0, clip_on=False)
        axes.text(0.03, 0.95 - 0.07 * i, f"{when}: error {found['ece']:.2f}", color=INK[colour], fontsize=8)
    _plain(axes, f"label scores, {known[0][0]['clips']} clips")
    axes.set_xlabel("confidence of the likeliest label", color=INK["soft"], fontsize=8)
    axes.set_ylabel("share right", color=INK["soft"], fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
