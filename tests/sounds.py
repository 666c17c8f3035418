"""Sounds with a known answer, and files in every format, made when a test asks for them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import soundfile

SAMPLE_RATE = 16_000


def glide(
    hz: Callable[[np.ndarray], np.ndarray] | float,
    seconds: float,
    *,
    tilt_db_per_octave: float = -6.0,
    first_harmonic: int = 1,
    level_dbfs: float = -20.0,
) -> np.ndarray:
    """A harmonic tone, (n,) float32 at 16 kHz, whose pitch is `hz` of time in seconds (or constant).

    tilt_db_per_octave: how much weaker each octave of harmonics is. first_harmonic: 2 leaves the fundamental out.
    """
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = np.broadcast_to(hz(t) if callable(hz) else hz, t.shape)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    x = np.zeros(len(t))
    for k in range(first_harmonic, 41):
        # Harmonics fade out below the Nyquist frequency; random-like phases keep the wave from being one spike a period.
        gain = 10 ** (tilt_db_per_octave * np.log2(k) / 20) * np.clip((7000 - k * pitch) / 500, 0, 1)
        x += gain * np.sin(k * phase + 2.4 * k * k)
    return (x / np.sqrt(np.mean(x**2)) * 10 ** (level_dbfs / 20)).astype(np.float32)


def speech_like(seconds: float = 2.0, hz: Callable[[np.ndarray], np.ndarray] | float = 150.0) -> np.ndarray:
    """A vowel-coloured voice in syllables of 0.25 s, (n,) float32 at 16 kHz, which speech detection takes for speech."""
    x = glide(hz, seconds, tilt_db_per_octave=-3).astype(np.float64)
    t = np.arange(len(x)) / SAMPLE_RATE
    spectrum, f = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / SAMPLE_RATE)
    formants_hz = {"open": ((700, 110), (1220, 130), (2600, 200)), "close": ((300, 80), (2200, 150), (3000, 200))}
    vowels = {
        name: np.fft.irfft(spectrum * sum(np.exp(-0.5 * ((f - centre) / width) ** 2) for centre, width in bands), len(x))
        for name, bands in formants_hz.items()
    }
    openness = 0.5 + 0.5 * np.sin(2 * np.pi * 2 * t)
    voice = openness * vowels["open"] + (1 - openness) * vowels["close"]
    voice *= 0.15 + 0.85 * np.abs(np.sin(np.pi * 4 * t)) ** 0.7
    return (voice / np.abs(voice).max() * 0.4).astype(np.float32)


def encode(samples: np.ndarray, rate: int, container: str, codec: str, tags: dict[str, str] | None = None,
           **options: str) -> bytes:
    """Samples (n,) or (n, channels), float, as a file in memory; no frames give a file without any.

    container: wav, flac, mp3, ogg, ipod (m4a) or webm. tags: of the whole file; not with the codec vorbis.
    """
    import av

    block = samples if samples.ndim == 2 else samples[:, None]
    if codec == "vorbis":  # the encoder that FFmpeg itself has is experimental
        buffer = io.BytesIO()
        soundfile.write(buffer, block, rate, format="OGG", subtype="VORBIS")
        return buffer.getvalue()
    layout = {1: "mono", 2: "stereo"}[block.shape[1]]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        file.metadata.update(tags or {})
        stream = file.add_stream(codec, rate=rate, options=options, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        size = stream.codec_context.frame_size or None
        convert = av.AudioResampler(stream.codec_context.format.name, layout, rate, frame_size=size)
        for part in convert.resample(frame) + convert.resample(None) if len(block) else ():
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def hours_of_silence(hours: float, container: str, codec: str, rate: int) -> bytes:
    """A long silent file, made quickly: one encoded packet of silence, written again and again with its time moved on."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        if codec == "libopus":
            stream.codec_context.options = {"frame_duration": "120"}
        if codec == "libmp3lame":
            stream.bit_rate = 8000  # the least there is; at 64 kbit/s three hours are over the upload limit
        stream.codec_context.open()
        size = stream.codec_context.frame_size
        form = stream.codec_context.format.name
        frame = av.AudioFrame(form, "mono", size)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = rate
        packets: list = []
        while not packets:
            packets = [p for p in stream.codec_context.encode(frame) if p.size]
        body = bytes(packets[0])
        if container == "mp3":  # is packets one after another, without a container
            return body * int(hours * 3600 * rate / size)
        for i in range(int(hours * 3600 * rate / size)):
            packet = av.Packet(body)
            packet.stream, packet.pts, packet.dts, packet.duration = stream, i * size, i * size, size
            packet.time_base = stream.codec_context.time_base
            file.mux(packet)
    return buffer.getvalue()


def wav_bytes(samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format="WAV")
    return buffer.getvalue()
