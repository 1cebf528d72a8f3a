"""What a seed's run folder holds of its model: trained weights, what is stored of them, and the kinds of tensors."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from pgolf.core import run as runtime
from pgolf.core.errors import InputError
from pgolf.core.roles import MATRIX, has_role
from pgolf.harness import bundle
from pgolf.harness.run import RECIPE
from pgolf.harness.schema.recipe import Recipe
from pgolf.harness.stage import GIVEN_BY
from pgolf.model import gpt

CODES = "torch.int8"
KEPT = "all else"


@dataclass(frozen=True)
class Tensor:
    """A stored tensor; `row` is its line in the layout: name, type, shape, bytes."""

    row: list[Any]
    data: bytes

    @property
    def name(self) -> str:
        return self.row[0]

    @property
    def is_code(self) -> bool:
        return self.name.endswith(".q") and self.row[1] == CODES and len(self.row[2]) == 2

    @property
    def kind(self) -> str:
        """Its name without numbers; tensors that are no matrices of codes are of one kind."""
        words = [word for word in self.name.removesuffix(".q").split(".") if not word.isdigit()]
        return (
            ".".join(word for word in words if word not in ("blocks", "vocabulary", "weight")) if self.is_code else KEPT
        )

    @cached_property
    def values(self) -> np.ndarray:
        return np.frombuffer(self.data, self.row[1].removeprefix("torch.").replace("bfloat", "uint")).reshape(
            self.row[2]
        )


@dataclass(frozen=True)
class Stored:
    """The payload of a run: everything that the codec compresses."""

    layout: bytes
    payload: bytes

    @cached_property
    def tensors(self) -> list[Tensor]:
        found, at = [], 0
        for row in json.loads(self.layout):
            found.append(Tensor(row, self.payload[at : at + row[3]]))
            at += row[3]
        return found

    @cached_property
    def kinds(self) -> dict[str, list[Tensor]]:
        """By size, the largest first; all that is no matrix of codes comes last."""
        found: dict[str, list[Tensor]] = {}
        for tensor in self.tensors:
            found.setdefault(tensor.kind, []).append(tensor)
        return dict(sorted(found.items(), key=lambda item: (item[0] == KEPT, -sum(t.row[3] for t in item[1]))))

    def part(self, tensors: list[Tensor]) -> "Stored":
        return Stored(json.dumps([t.row for t in tensors]).encode(), b"".join(t.data for t in tensors))


@dataclass(frozen=True)
class SeedRun:
    """A seed's folder, runs/RECIPE/SEED, with at least its quantize stage done."""

    folder: Path
    recipe: Recipe

    @cached_property
    def cfg(self) -> SimpleNamespace:
        return runtime.parse(bundle.shipped_recipe(self.recipe))

    @cached_property
    def stored(self) -> Stored:
        path = self.file("weights.q")
        layout, _, payload = path.read_bytes().partition(b"\n")
        try:
            if sum(row[3] for row in json.loads(layout)) != len(payload):
                raise ValueError
        except (ValueError, TypeError, LookupError):
            raise InputError(f"{path}: damaged, or of another version of pgolf. Run it again with --fresh.") from None
        return Stored(layout, payload)

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """{name: float32} of what training left."""
        state = torch.load(self.file("weights.pt"), map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in state.items()}

    @cached_property
    def matrices(self) -> set[str]:
        """Names of the parameters that are matrices of a block."""
        with torch.device("meta"):
            model = gpt.GPT(self.cfg.model)
        return {name for name, parameter in model.named_parameters() if has_role(parameter, MATRIX)}

    def file(self, name: str) -> Path:
        path = self.folder / GIVEN_BY[name] / name
        if not path.is_file():
            raise InputError(f"{path}: not found. Run the recipe up to its stage {GIVEN_BY[name][2:]} first.")
        return path

    @property
    def model_bytes(self) -> int | None:
        """Of the artifact, where it is there."""
        path = self.folder / GIVEN_BY["model.bin"] / "model.bin"
        return path.stat().st_size if path.is_file() else None


def open_run(folder: Path) -> SeedRun:
    """InputError for anything that is not a seed's folder."""
    where = folder / ".." / RECIPE
    seeds = sorted(path.parent.name for path in folder.glob(f"*/{GIVEN_BY['weights.q']}") if path.is_dir())
    if not (folder / GIVEN_BY["weights.q"]).is_dir() or not where.is_file():
        allowed = f"for example {folder / seeds[0]}" if seeds else "runs/RECIPE/SEED as `pgolf run` leaves it"
        raise InputError(f"{folder}: no folder of a seed that has been quantized; allowed: {allowed}.")
    try:
        return SeedRun(folder, Recipe.model_validate_json(where.read_text(encoding="utf-8")))
    except (ValidationError, ValueError):
        raise InputError(f"{where.resolve()}: no recipe of this version of pgolf. Run it again with --fresh.") from None
