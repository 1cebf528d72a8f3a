"""A seed's run folder without training: random weights of given widths, quantised and packed as the stages do it."""

import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch

from pgolf.codec import artifact
from pgolf.core import run as runtime
from pgolf.core.load import load
from pgolf.core.roles import EMBEDDING, MATRIX, TABLE, has_role
from pgolf.harness import bundle
from pgolf.harness.resolve import as_json
from pgolf.harness.schema.recipe import Recipe
from pgolf.model import gpt
from pgolf.quant import payload


def model_of(cfg, std: Callable[[str], float], seed: int) -> gpt.GPT:
    """The recipe's model; matrices, embeddings and tables ~ N(0, std(name)^2), the rest as it starts."""
    torch.manual_seed(seed)
    model = gpt.build(cfg.model, torch.device("cpu"), torch.float32)
    model.phase = len(model.orders) - 1
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(has_role(parameter, role) for role in (MATRIX, EMBEDDING, TABLE)):
                parameter.normal_(0, std(name))
    return model.eval()


def token_batches(cfg, sequences: int, tokens: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randint(cfg.model.vocab_size, (sequences, tokens), generator=generator)


def write_run(
    place: Path, recipe: Recipe, std: Callable[[str], float] = lambda name: 0.1, seed: int = 1, tokens: int = 128
) -> Path:
    """runs/NAME/SEED with weights.pt, weights.q and model.bin. Calibrates on random tokens."""
    cfg = runtime.parse(bundle.shipped_recipe(recipe))
    folder = place / recipe.name / str(seed)
    for name in ("1_train", "2_quantize", "3_package"):
        (folder / name).mkdir(parents=True)
    script = folder.parent / "train_gpt.py"
    script.write_text(bundle.packed(recipe))
    (folder.parent / "recipe.resolved.json").write_text(as_json(recipe))
    model = model_of(cfg, std, seed)
    torch.save(model.state_dict(), folder / "1_train" / "weights.pt")
    quantizer = load("quant", cfg.quant)
    found = quantizer.calibrate(cfg.quant, model, token_batches(cfg, 2, tokens, seed))
    layout = payload.describe(quantizer.storage.layout(quantizer, cfg.quant, model))
    with mock.patch.object(sys, "argv", [str(script)]):  # a fit counts the bytes of the script
        stored = quantizer.storage.quantize(quantizer, cfg.quant, model, found, cfg.codec)
    data = payload.to_bytes(stored, quantizer.storage.layout(quantizer, cfg.quant, model))
    (folder / "2_quantize" / "weights.q").write_bytes(layout + b"\n" + data)
    (folder / "3_package" / "model.bin").write_bytes(artifact.pack(cfg.codec, layout, data))
    return folder
