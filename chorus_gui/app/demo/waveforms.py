"""A minute of bedside monitoring as a WFDB record: a header and a signal file in format 16 (PhysioNet's header(5), signal(5)).

Drawn, not measured: an ECG (lead II) as a sum of waves a beat, a plethysmogram that follows it, both with breath and noise.
"""

from __future__ import annotations

import random
import sys
from array import array
from datetime import datetime
from math import exp, pi, sin

RATE = 125
SECONDS = 60
GAIN = 1000  # units a millivolt, and a unit of the plethysmogram
_STEPS = 500

# position in the beat (0 to 1), height, width: P, Q, R, S, T
_ECG_WAVES = ((0.18, 0.12, 0.025), (0.365, -0.12, 0.010), (0.39, 1.05, 0.012), (0.415, -0.24, 0.011), (0.66, 0.30, 0.045))
_PLETH_WAVES = ((0.62, 0.80, 0.085), (0.84, 0.28, 0.075))


def _beat(waves: tuple[tuple[float, float, float], ...]) -> list[float]:
    """One beat in ``_STEPS`` steps."""
    return [sum(height * exp(-(((step / _STEPS - at) / width) ** 2) / 2) for at, height, width in waves) for step in range(_STEPS)]


def record(name: str, begun: datetime, rng: random.Random) -> tuple[str, bytes]:
    """The text of ``name``.hea and the bytes of ``name``.dat: two signals, interleaved, 16-bit little endian."""
    beats = _beat(_ECG_WAVES), _beat(_PLETH_WAVES)
    ecg, pleth = array("h"), array("h")
    rate, breath = rng.uniform(62, 104) / 60, rng.uniform(0.2, 0.32)  # beats and breaths a second
    phase, stretch = rng.random(), 1.0
    for sample in range(RATE * SECONDS):
        phase += rate * stretch / RATE
        if phase >= 1:
            phase -= 1
            stretch = rng.gauss(1, 0.03)
        swing = sin(2 * pi * breath * sample / RATE)
        step = int(phase * _STEPS)
        ecg.append(round(GAIN * (beats[0][step] + 0.05 * swing + rng.uniform(-0.012, 0.012))))
        pleth.append(round(GAIN * (beats[1][step] * (1 + 0.08 * swing) + rng.uniform(-0.004, 0.004))))
    both = array("h", (value for pair in zip(ecg, pleth, strict=True) for value in pair))
    if sys.byteorder == "big":
        both.byteswap()
    lines = [
        f"{name} 2 {RATE} {len(ecg)} {begun:%H:%M:%S} {begun:%d/%m/%Y}",
        f"{name}.dat 16 {GAIN}/mV 16 0 {ecg[0]} {_checksum(ecg)} 0 II",
        f"{name}.dat 16 {GAIN}/NU 16 0 {pleth[0]} {_checksum(pleth)} 0 PLETH",
        "# fictitious, from the demo site of CHoRUS Upload",
    ]
    return "\n".join(lines) + "\n", both.tobytes()


def _checksum(samples: array[int]) -> int:
    """The sum of all samples as a signed 16-bit number, as the header needs it."""
    return (sum(samples) + 0x8000) % 0x10000 - 0x8000
