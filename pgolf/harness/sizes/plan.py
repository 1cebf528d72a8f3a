"""Predicted against real bytes of a run, and what other grids would have cost: `pgolf quant plan`."""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from pgolf.harness.sizes import theory
from pgolf.harness.sizes.codecs import alone, entropy_bytes
from pgolf.harness.sizes.weights import KEPT, SeedRun, Tensor
from pgolf.quant.clip_sd import scales
from pgolf.quant.int_bits import dequantize, round_to

BITS = 4, 5, 6, 7, 8
CLIPS = 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 17.0, 20.0, 26.0
SAMPLE_WEIGHTS = 65_536  # of each matrix, whole rows


@dataclass(frozen=True)
class Kind:
    """One kind of tensor: what the size theory says of its trained weights, and what came out."""

    name: str
    tensors: int
    numbers: int
    steps_per_sigma: float
    """Median over rows of step / standard deviation, delta; 0 where nothing is coded."""
    predicted: float
    """Bytes by the theory, from the deviation and the step of each row; other tensors as they are."""
    entropy: float
    """Bytes by how often each code occurs in each matrix."""
    real: int
    """Bytes of the kind compressed by itself."""


def predicted_bytes(run: SeedRun, tensor: Tensor) -> tuple[float, np.ndarray]:
    """Of a matrix of codes, and delta of its rows; rows that do not vary cost nothing and have none."""
    name = tensor.name.removesuffix(".q")
    scale_O = next(t for t in run.stored.tensors if t.name == f"{name}.scale").values.astype(np.float64)
    sigma_O = run.weights[name].double().std(1).numpy()
    delta_O = scale_O[sigma_O > 0] / sigma_O[sigma_O > 0]
    top = max(int(np.abs(tensor.values).max()), 1)
    return float(theory.bits_at(delta_O, top).sum()) * tensor.row[2][1] / 8, delta_O


def kinds(run: SeedRun) -> list[Kind]:
    found = []
    for name, tensors in run.stored.kinds.items():
        raw = sum(len(t.data) for t in tensors)
        pairs = [predicted_bytes(run, t) for t in tensors] if name != KEPT else []
        deltas = [delta for _, deltas in pairs for delta in deltas]
        found.append(
            Kind(
                name=name,
                tensors=len(tensors),
                numbers=sum(math.prod(t.row[2]) for t in tensors),
                steps_per_sigma=float(np.median(deltas)) if deltas else 0.0,
                predicted=sum(size for size, _ in pairs) if pairs else raw,
                entropy=sum(map(entropy_bytes, tensors)),
                real=alone(run.cfg.codec, run.stored.part(tensors)),
            )
        )
    return found


def sample(w_OI: torch.Tensor) -> torch.Tensor:
    """Evenly spaced whole rows."""
    rows = max(1, min(len(w_OI), SAMPLE_WEIGHTS // w_OI.size(1)))
    return w_OI[torch.linspace(0, len(w_OI) - 1, rows).round().long()]


def trial(w_OI: torch.Tensor, bits: int, clip_sigmas: float) -> tuple[float, float]:
    """Bits a weight, and squared error over the weights' square, of plain rounding with SDClip."""
    scale_O = scales(w_OI, bits, clip_sigmas)
    q_OI = round_to(w_OI, scale_O.float()[:, None], bits)
    counts = torch.bincount(q_OI.flatten().long() + 128, minlength=256).numpy()
    error = (w_OI - dequantize(q_OI, scale_O)).square().sum() / w_OI.square().sum().clamp_min(1e-30)
    return float(theory.entropy(counts / counts.sum())), float(error)


def curves(run: SeedRun) -> dict[int, list[dict[str, float]]]:
    """{bits: [{clip_sigmas, bytes, error}]} of the matrices of all blocks, plainly rounded; all else as the run has it.

    Bytes are entropies times what the run's codec needs over the entropy of what it was given.
    """
    matrices = {t.name.removesuffix(".q"): t for t in run.stored.tensors if t.is_code}
    matrices = {name: t for name, t in matrices.items() if name in run.matrices}
    found = kinds(run)
    overhead = sum(k.real for k in found) / sum(k.entropy for k in found)
    others = sum(k.entropy for k in found) - sum(map(entropy_bytes, matrices.values()))
    samples = [(math.prod(t.row[2]), sample(run.weights[name])) for name, t in matrices.items()]
    power = sum(n * float(w.square().mean()) for n, w in samples)
    result: dict[int, list[dict[str, float]]] = {}
    for bits in BITS:
        for clip_sigmas in CLIPS:
            trials = [(n, w, *trial(w, bits, clip_sigmas)) for n, w in samples]
            size = others + sum(n * h for n, _, h, _ in trials) / 8
            error = sum(n * e * float(w.square().mean()) for n, w, _, e in trials) / power
            result.setdefault(bits, []).append({"clip_sigmas": clip_sigmas, "bytes": overhead * size, "error": error})
    return result


def plan(run: SeedRun) -> dict[str, Any]:
    """Everything `pgolf quant plan` shows."""
    found = kinds(run)
    return {
        "kinds": [vars(kind) for kind in found],
        "predicted": sum(kind.predicted for kind in found),
        "real": sum(kind.real for kind in found),
        "model_bytes": run.model_bytes,
        "limit": run.recipe.budgets.artifact_bytes,
        "grids": grids(run.cfg.quant),
        "curves": curves(run),
    }


def grids(quant: SimpleNamespace) -> list[dict[str, float]]:
    """Every {bits, clip_sigmas} that the recipe's quantiser has."""
    inner = [value for value in vars(quant).values() if isinstance(value, SimpleNamespace)]
    own = [vars(value) for value in inner if hasattr(value, "clip_sigmas")]
    return own + [grid for value in inner for grid in grids(value)]
