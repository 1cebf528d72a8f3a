"""Axes of charts: where a value lies, and which round values are marked.

Charts are SVG without a viewBox: positions across are percentages of the width, sizes down are pixels. So they fit any screen
while text keeps its size, which a drawing that is scaled as a whole cannot do on a phone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values from `low` to `high` onto positions from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def at(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start), 3)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def ticks(self, count: int, form: str = "") -> list[Tick]:
        """About `count` round values. `form` is a format spec; without one, as many decimals as the step needs."""
        step = nice_step((self.high - self.low) / count)
        decimals = max(0, -floor(log10(step) + 1e-9))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        values = [index * step for index in range(first, last + 1)]
        return [Tick(self.at(value), format(value + 0.0, form or f",.{decimals}f")) for value in values]


def nice_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power = 10.0 ** floor(log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def span(values: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """The range of some values and a little air, never empty."""
    kept = [value for value in values if isfinite(value)]
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    is_flat = high - low < 1e-9 * max(1.0, abs(high))
    air = max(1e-6, 1e-3 * abs(high)) if is_flat else (high - low) * pad
    return low - air, high + air
