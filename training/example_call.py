"""Make the example of the Timeline tab: a call of a minute and a half between two synthetic voices, one on each channel.

    python -m training.example_call --output_path assets/examples/call.ogg

The voices are flite's, bent as in `training.example_clips`. The left one (slt) is calm, then pressed and loud, then calm again;
the right one (rms) is even, then subdued. Nobody speaks in it, and the turns lie where this file puts them.

Needs the command `flite` (Debian package of that name) and `pyworld`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.example_clips import Recipe, bend

RATE = 16_000
PAUSE_S = (0.25, 0.6)  # between two utterances; the clips bring a quarter of a second of silence on each side
ROOM_DBFS = -66.0
BITS_PER_S = 32_000

CALM = Recipe("calm", "slt", "", -22.0)
PRESSED = Recipe("pressed", "slt", "", -13.0, shift_st=5.0, range_factor=2.2, rate=1.15, end_st=-4.0, tilt_db_per_octave=2.5)
EVEN = Recipe("even", "rms", "", -21.0)
SUBDUED = Recipe("subdued", "rms", "", -30.0, shift_st=-2.5, range_factor=0.45, rate=0.8, end_st=-2.0, tilt_db_per_octave=-2.5)

# (channel, how, what), in turn. Left turns at its fifth and its eleventh utterance, right at its fifth.
CALL = (
    (1, EVEN, "Good morning, you are talking to the service desk."),
    (0, CALM, "Good morning, I am calling about my washing machine."),
    (1, EVEN, "Of course, could you tell me the number of your order?"),
    (0, CALM, "Yes, one moment, it is four seven one two."),
    (1, EVEN, "Thank you, I can see it here on the screen."),
    (0, CALM, "It was meant to arrive on Monday of last week."),
    (1, EVEN, "Let me look where it is at the moment."),
    (0, CALM, "I have the whole morning, so there is no hurry."),
    (1, SUBDUED, "I am afraid that it is still in the warehouse."),
    (0, PRESSED, "That is the third time that you tell me this!"),
    (1, SUBDUED, "I know, and I am really sorry about it."),
    (0, PRESSED, "I have taken two days off work for nothing!"),
    (1, SUBDUED, "There was a mistake with the address on our side."),
    (0, PRESSED, "Nobody ever called me back, not a single time!"),
    (0, PRESSED, "I want to speak to somebody who can decide this!"),
    (1, SUBDUED, "I will see what I can do for you today."),
    (0, PRESSED, "And I want my money back, all of it!"),
    (1, SUBDUED, "I can send it to you with the next van."),
    (0, PRESSED, "You said exactly that the last time!"),
    (1, SUBDUED, "The driver has it on his list now, for tomorrow at nine."),
    (0, CALM, "All right, tomorrow at nine would be fine with me."),
    (1, SUBDUED, "And the delivery will cost you nothing."),
    (0, CALM, "Thank you, that is kind of you."),
    (0, CALM, "I will be at home the whole day."),
    (1, SUBDUED, "Is there anything else that I can do?"),
    (0, CALM, "No, that was all, thank you, and goodbye."),
)


def call() -> tuple[np.ndarray, list[tuple[int, str, float]]]:
    """(n, 2) float32 at 16 kHz, and of each utterance its channel, how it is spoken, and where it starts in seconds."""
    import soxr

    rng = np.random.default_rng(0)
    pieces: list[tuple[int, int, np.ndarray]] = []
    said, at = [], 0
    for channel, how, text in CALL:
        samples, rate = bend(replace(how, text=text))
        samples = soxr.resample(samples, rate, RATE).astype(np.float32)
        pieces.append((at, channel, samples))
        said.append((channel, how.name, at / RATE))
        at += len(samples) + int(rng.uniform(*PAUSE_S) * RATE)
    sound = rng.normal(size=(at, 2)).astype(np.float32) * np.float32(10 ** (ROOM_DBFS / 20))
    for start, channel, samples in pieces:
        sound[start : start + len(samples), channel] += samples
    return np.clip(sound, -0.99, 0.99), said


def write_opus(path: Path, sound: np.ndarray) -> None:
    """(n, 2) float32 at 16 kHz as Ogg Opus."""
    import av

    with av.open(str(path), "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=48_000, layout="stereo", bit_rate=BITS_PER_S)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T, np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        size = stream.codec_context.frame_size
        convert = av.AudioResampler(stream.codec_context.format.name, "stereo", 48_000, frame_size=size)
        for part in [*convert.resample(frame), *convert.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def main() -> None:
    """Make the example call anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, required=True, help="the Ogg file to write")
    path = parser.parse_args().output_path
    sound, said = call()
    write_opus(path, sound)
    for (channel, name, at), how in zip(said, previous(said), strict=True):
        if how not in ("", name):
            print(f"{('left', 'right')[channel]} turns from {how} to {name} at {at:.1f} s")


def previous(said: list[tuple[int, str, float]]) -> list[str]:
    """How the same channel sounded before each utterance; "" where it had said nothing."""
    last = {0: "", 1: ""}
    found = []
    for channel, name, _ in said:
        found.append(last[channel])
        last[channel] = name
    return found


if __name__ == "__main__":
    main()
