"""How often the stressed words are the emphasised ones, on sentences and voices that the model never met.

    python -m benchmarks.stress

The speech is synthetic: espeak-ng with emphasis marks, and flite with words made longer, louder and higher (see
`training/stress_speech.py`), a quarter of it without emphasis. People's speech is harder, and people agree with each other
only to κ .23–.45 on where the emphasis is; take these figures as proof that the cues work, not as accuracy on people.
"""

from __future__ import annotations

import numpy as np

from emotionthinker.prosody.stress import word_stress
from training.stress_model import Measured, measure, scores
from training.stress_speech import make_clips

N_ESPEAK, N_FLITE, SEED = 300, 150, 4


def stress_scores(clips: list[Measured]) -> dict[str, float]:
    """Precision, recall, F1 over the words of the clips, and the share of unemphasised sentences left unmarked."""
    said = [np.array([w.stressed for w in word_stress(clip.words, clip.energy, clip.f0)]) for clip in clips]
    truth = [clip.emphasised for clip in clips]
    plain = [not marks.any() for marks, true in zip(said, truth, strict=True) if not true.any()]
    return scores(np.concatenate(said), np.concatenate(truth)) | {"plain_unmarked": float(np.mean(plain))}


def main() -> None:
    """Print one row for each synthesiser and one for both."""
    clips, lost = measure(make_clips("test", N_ESPEAK, N_FLITE, SEED))
    print("Synthetic speech, held-out sentences and voices; words emphasised by us.")
    print(f"{'source':12}{'clips':>6}{'words':>7}{'precision':>11}{'recall':>8}{'F1':>7}  plain sentences left unmarked")
    for source in ("espeak-ng", "flite", "both"):
        chosen = [clip for clip in clips if source in (clip.source, "both")]
        row = stress_scores(chosen)
        n_words = sum(len(clip.words) for clip in chosen)
        print(
            f"{source:12}{len(chosen):6}{n_words:7}{row['precision']:11.2f}{row['recall']:8.2f}{row['f1']:7.2f}"
            f"  {row['plain_unmarked']:.0%}"
        )
    print(f"{lost} clips could not be aligned and are left out.")


if __name__ == "__main__":
    main()
