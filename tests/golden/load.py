"""A golden file's tensors, settings and tolerances, all as they are stored: tests retype none of them."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file

FOLDER = Path(__file__).parent
INDEX = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))


def tensors(file: str) -> dict[str, torch.Tensor]:
    return load_file(FOLDER / f"{file}.safetensors")


def settings(file: str) -> SimpleNamespace:
    text = json.dumps(INDEX["files"][file]["settings"])
    return json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields))


def below(prefix: str, stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose name begins with `prefix.`, without it."""
    return {name.removeprefix(prefix + "."): value for name, value in stored.items() if name.startswith(prefix + ".")}


def numbers(file: str, key: str) -> list[float]:
    """Every number in a tolerance, in order."""
    return [float(number) for number in re.findall(r"\d[\d.]*(?:e-?\d+)?", INDEX["files"][file]["tolerance"][key])]


def tolerance(file: str, key: str) -> dict[str, float]:
    """The first rtol and atol that a tolerance names; what it does not name is 0, and so is "exact"."""
    text = INDEX["files"][file]["tolerance"][key]
    found = {kind: re.search(rf"{kind} ([\d.]+(?:e-?\d+)?)", text) for kind in ("rtol", "atol")}
    assert any(found.values()) or text.startswith("exact"), f"{file}.{key}: no tolerance in {text!r}"
    return {kind: float(match[1]) if match else 0.0 for kind, match in found.items()}


def assert_close(actual, expected: torch.Tensor, file: str, key: str) -> None:
    """Equal shapes, and equal values within the tolerance that `file` states for `key`."""
    assert_within(actual, expected, **tolerance(file, key))


def assert_within(actual, expected: torch.Tensor, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    actual, expected = torch.as_tensor(actual).detach().double(), expected.double()
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def assert_codes(actual: torch.Tensor, expected: torch.Tensor, file: str) -> None:
    """Integer codes: a stated share of them may differ, by a stated amount."""
    percent, most = numbers(file, "q")
    difference = (actual.int() - expected.int()).abs()
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert difference.max() <= most
    assert (difference > 0).float().mean() <= percent / 100
