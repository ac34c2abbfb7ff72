"""An axis: which numbers stand at it, and where a value lies between two pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps `low`..`high` to the pixels `begin`..`end`; both differ."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def scale_of(values: list[float], begin: float, end: float, margin: float = 0.0) -> Scale:
    """The scale that holds all values, which are finite; equal ones get room on both sides."""
    low, high = min(values), max(values)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-280):
        room = 0.05 * abs(low) if abs(low) > 1e-280 else 0.5
        return Scale(low - room, high + room, begin, end)
    room = margin * (high - low)
    return Scale(low - room, high + room, begin, end)


def ticks(scale: Scale, least: float = 0.0, about: int = 5) -> list[tuple[float, str]]:
    """Round numbers within the scale, at least so far apart, with their texts, all different."""
    step = round_step(max(least, (scale.high - scale.low) / about))
    first = math.ceil(scale.low / step)
    found = [(first + at) * step for at in range(about * 3) if (first + at) * step <= scale.high]
    return [(value, label(value, step)) for value in found]


def round_step(rough: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def label(value: float, step: float) -> str:
    """A number with the digits that tell it from its neighbours."""
    if abs(value) < step / 2:
        return "0"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if places <= 6 and abs(value) < 1e7:
        return f"{value:.{places}f}"
    digits = math.ceil(math.log10(abs(value) / step) + 1e-9) + 1
    return f"{value:.{min(17, max(1, digits))}g}"
