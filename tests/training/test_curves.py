"""Curves of runs: what is read from a log, what is drawn, and what is no log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training import curves


def write_log(file: Path, accuracies: list[float], reasoning: bool = True) -> Path:
    rows: list[dict[str, object]] = [
        {"stage": "grpo", "step": i, "accuracy": value, "kl": 0.01 * i, "completions/mean_length": 90.0}
        for i, value in enumerate(accuracies, 1)
    ]
    for row in rows if reasoning else ():
        row["rewards/reasoning_reward/mean"] = 0.5
    rows.append({"stage": "grpo", "step": len(accuracies), "train_runtime": 3.0})  # as the Trainer ends a log
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_the_curves_of_two_runs_are_in_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = write_log(tmp_path / "full.jsonl", [0.5, 0.75, 1.0])
    rules = write_log(tmp_path / "rules.jsonl", [0.5, 0.5, 0.75], reasoning=False)
    found = curves.read_curves(full)
    assert found["accuracy"] == [(1, 0.5), (2, 0.75), (3, 1.0)]
    assert found["kl"][-1] == (3, 0.03)
    assert curves.read_curves(rules)["rewards/reasoning_reward/mean"] == []
    output = tmp_path / "pictures" / "curves.svg"
    assert curves.main(["--run", f"GRPO-PTR <1>={full}", "--run", f"rules={rules}", "--output", str(output)]) == 0
    svg = output.read_text(encoding="utf-8")
    assert all(title in svg for title in curves.CURVES.values())
    assert "GRPO-PTR &lt;1&gt;" in svg and ">rules<" in svg
    assert curves.plot({"a": found}) == curves.plot({"a": found})


TWICE = '{"step": 1, "accuracy": 0.5}\n' * 2


@pytest.mark.parametrize(("text", "said"), [("no json", "is no log"), ('{"step": 1}\n', "no step of GRPO"), (None, "is no log"),
                                            (TWICE, "those of several runs")])  # fmt: skip
def test_what_is_no_log_is_told(text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.jsonl"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert curves.main(["--run", f"a={file}", "--output", str(tmp_path / "out.svg")]) == 2
    assert said in capsys.readouterr().err
    for given in ([str(file)], ["a="], [f"a={file}", "--run", f"a={file}"]):
        assert curves.main(["--run", *given, "--output", str(tmp_path / "out.svg")]) == 2
        assert "--run takes NAME=log.jsonl, each name once" in capsys.readouterr().err
    assert not (tmp_path / "out.svg").exists()
