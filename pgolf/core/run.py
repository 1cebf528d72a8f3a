"""What the process is told by its environment: seed, data, output folder, and its place among the ranks.

SEED       the run's seed (1337)           DATA_DIR   datasets/ and tokenizers/ (./data)
PGOLF_OUT  where the stages leave their files (.)                 RANK, WORLD_SIZE   set by torchrun
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from pgolf.core.errors import InputError

RANK = int(os.environ.get("RANK", 0))
WORLD = int(os.environ.get("WORLD_SIZE", 1))
OUT = Path(os.environ.get("PGOLF_OUT", "."))
WEIGHTS = OUT / "weights.pt"  # train -> quantize, diagnose
QUANTIZED = OUT / "weights.q"  # quantize -> package
MODEL = OUT / "model.bin"  # package -> evaluate: the artifact
LEDGER = OUT / "ledger.f32"  # evaluate: nats of every scored token, in order


def needed(path: Path) -> Path:
    """`path`, which an earlier stage must have left."""
    if not path.is_file():
        raise InputError(f"{path}: not found. Run the stage that writes it first.")
    return path


def parse(text: str) -> SimpleNamespace:
    """A resolved recipe as a tree of plain objects: cfg.optim.matrix.lr."""
    return json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields))


def seed() -> int:
    return int(os.environ.get("SEED", 1337))


def dataset(cfg) -> Path:
    return data_dir() / "datasets" / f"fineweb10B_{cfg.data.variant}"


def tokenizer(cfg) -> Path:
    return data_dir() / "tokenizers" / cfg.data.tokenizer


def data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR", "data"))
