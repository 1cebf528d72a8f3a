"""Numbers as people write them in JSON and READMEs: "1.0810", "15.9 MB", "~600s", "15,990,006 bytes", "10 min"."""

import math
import re
from dataclasses import dataclass

NUMBER = re.compile(r"(?<![\w.])([-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?|[-+]?\.\d+)")
GOES_ON = re.compile(r"[-+/:.–]\d")  # "9:35", "1.85-1.90", "2.9.1", "276.1+292.7": more than one number
UNIT = re.compile(r"\s*([a-zA-Zµ]+)")
CHARACTERS_MAX = 200  # of a text that is taken for a number
SECONDS = {
    "ms": 0.001, "msec": 0.001, "milliseconds": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
BYTES = {
    "b": 1.0, "byte": 1.0, "bytes": 1.0, "k": 1e3, "kb": 1e3, "kib": 1024.0,
    "m": 1e6, "mb": 1e6, "mib": 1048576.0, "gb": 1e9, "gib": 1073741824.0,
}  # fmt: skip
COUNTS = {"k": 1e3, "m": 1e6}
EXPONENT_MAX = 30  # of a number anybody means


@dataclass(frozen=True, slots=True)
class Number:
    """A number, the decimals it is written with, and the word behind it in lower case ("" if none)."""

    value: float
    digits: int
    unit: str = ""


def decimals(written: str) -> int:
    """How many decimals a number is written with; the exponent moves the point ("1.5e-3": 4)."""
    mantissa, _, exponent = written.lower().partition("e")
    return max(0, len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0))


def number_in(text: str) -> Number | None:
    """The first number of a short text, with its unit. None where there is none, none that is finite, or a sum, range or clock."""
    if len(text) > CHARACTERS_MAX:
        return None
    match = NUMBER.search(text)
    if not match or GOES_ON.match(text, match.end()):
        return None
    written = match[1].replace(",", "")
    value = float(written)
    if not math.isfinite(value) or abs(value) > 10.0**EXPONENT_MAX:
        return None
    unit = UNIT.match(text, match.end())
    return Number(value, decimals(written), unit[1].lower() if unit else "")


def scaled(number: Number, units: dict[str, float], scale: float = 1.0) -> float:
    """The number in the base unit: by the unit written behind it, else by `scale` (what the key's name says)."""
    return round(number.value * units.get(number.unit, scale), 9)


def rounding_bytes(number: Number, scale: float = 1.0) -> int:
    """Half of the last digit a size is written with, in bytes: 50,000 for "15.9 MB"; 0 where it is written to the byte."""
    unit = BYTES.get(number.unit, scale)
    return round(0.5 * 10.0 ** -min(number.digits, EXPONENT_MAX) * unit) if unit > 1 else 0
