"""Tiny parts of resolved recipes, as the runtime gets them: trees of plain objects made by `run.parse`."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import torch

from pgolf.core import ranks, run
from pgolf.model import gpt

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the golden numbers are a CPU's; tests on a GPU name theirs
torch.set_num_threads(1)  # tensors are so small here that a second thread only gets in the way

quick = hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
CPU = torch.device("cpu")
ONCE = {"kind": "once"}
UNTIED = {"kind": "untied", "init_std": 0.005, "width": 24}
XSA = {"kind": "xsa", "last_layers": None}
VALUES = {"layers": [2, 3], "width": 24, "init_std": 0.01, "scale": 0.1}
BIGRAM_HASH = {"kind": "bigram_hash", "buckets": 32, "width": 24, "scale_init": 0.05, "projection": "matrix"}
ENRICHED = {"kind": "enriched", "init_std": 0.005, "inputs": [BIGRAM_HASH, {"kind": "norm"}, {"kind": "smear"}]}
SPARSE_GATE = {"kind": "sparse_gate", "last_layers": None, "channels": 12, "scale": 0.5}
SMEAR_DOCUMENTS = {"kind": "smear_documents", "channels": 12, "bos_token": 1}
# Published name -> ours, where they differ by more than the blocks, which are called alike.
NAMES = {
    "skip_weights": "skips.weights",
    "skip_gates": "skips.gates",
    "tok_emb.weight": "vocabulary.tok_emb",
    "embed_proj.weight": "vocabulary.embed_proj.weight",
    "head_proj.weight": "vocabulary.head_proj.weight",
    "lm_head.weight": "vocabulary.head",
    "bigram.embed.weight": "vocabulary.inputs.0.table",
    "bigram.proj.weight": "vocabulary.inputs.0.proj.weight",
    "bigram.scale": "vocabulary.inputs.0.beta",
    "smear.gate": "vocabulary.inputs.2.gamma",
}


def tree(**fields) -> SimpleNamespace:
    return run.parse(json.dumps(fields))


def rope(**changes) -> dict:
    return {"base": 10000.0, "dims": 8, "train_tokens": 32, **changes}


def attention(**changes) -> dict:
    return {"kind": "gqa", "heads": 4, "kv_heads": 2, "qk_gain": 4.0, "rope": rope(), "outputs": [XSA], **changes}


def value_attention(**changes) -> dict:
    return {**attention(), "kind": "gqa_value_embedding", "value_embedding": {**VALUES, **changes}}


def pr1855(**changes) -> dict:
    """What PR 1855 changes of `model_cfg`: a token 1 begins a document, two lanes in the last layer."""
    outputs, no_growth = [XSA, SPARSE_GATE], rope(train_tokens=None)
    return {
        "output": {"kind": "fused_softcap", "cap": 30.0},
        "vocabulary": {**ENRICHED, "inputs": [SMEAR_DOCUMENTS, {"kind": "norm"}]},
        "attention": {**attention(outputs=outputs, rope=no_growth), "kind": "gqa_documents", "max_tokens": 8},
        "mlp": {"kind": "fused_squared_relu", "hidden": 96, "negative_slope": 0.5},
        "residual": {"kind": "two_lane", "layer_scale": "inverse_sqrt", "lanes_start_layer": 3},
        "skips": {"kind": "gated_unet_lane"},
        **changes,
    }


def loop(first: int, last: int, passes: int) -> dict:
    return {"kind": "loop", "first_layer": first, "last_layer": last, "passes": passes, "from_fraction": 0.5}


def loop_from_step(first: int, last: int, from_step: int = 3000) -> dict:
    """PR 1279's."""
    return {"kind": "loop_from_step", "first_layer": first, "last_layer": last, "passes": 2, "from_step": from_step}


def model_cfg(**changes) -> SimpleNamespace:
    """PR 1394's parts at a width of 64, with whole sections replaced by `changes`."""
    sections = {
        "vocab_size": 48,
        "width": 64,
        "layers": 4,
        "output": {"kind": "softcap", "cap": 30.0},
        "init": "orthogonal",
        "vocabulary": {"kind": "tied", "init_std": 0.005},
        "attention": attention(),
        "mlp": {"kind": "squared_relu", "hidden": 96, "negative_slope": 0.5},
        "residual": {"kind": "serial", "layer_scale": "inverse_sqrt"},
        "skips": {"kind": "gated_unet"},
        "depth": loop(1, 2, 3),
    }
    return tree(**{**sections, **changes})


def published_model_cfg(settings) -> SimpleNamespace:
    """The model of a golden file: PR 1394 when its settings name skip gates, PR 162 when they name pairs, else the baseline."""
    s, head_dim = settings, settings.model_dim // settings.num_heads
    later = hasattr(s, "skip_gates_enabled")
    loops = later and s.num_loops
    pairs = hasattr(s, "bigram_vocab_size")
    return model_cfg(
        vocab_size=s.vocab_size,
        width=s.model_dim,
        layers=s.num_layers,
        output={"kind": "softcap", "cap": s.logit_softcap},
        init="uniform",
        vocabulary={
            "kind": "tied" if s.tie_embeddings else "untied",
            "init_std": s.tied_embed_init_std,
            "width": getattr(s, "embedding_dim", s.model_dim),
        }
        if not pairs
        else {
            **ENRICHED,
            "inputs": [
                {**BIGRAM_HASH, "buckets": s.bigram_vocab_size, "width": s.bigram_dim},
                *ENRICHED["inputs"][1:],
            ],
        },
        attention=attention(
            heads=s.num_heads,
            kv_heads=s.num_kv_heads,
            qk_gain=s.qk_gain_init,
            rope={
                "base": s.rope_base,
                "dims": (later and s.rope_dims) or head_dim,
                "train_tokens": s.train_seq_len if later else None,
            },
            outputs=[{"kind": "xsa", "last_layers": s.xsa_last_n}] if later and s.xsa_last_n else [],
        ),
        mlp={
            "kind": "squared_relu",
            "hidden": int(s.mlp_mult * s.model_dim),
            "negative_slope": 0.5 if later else 0.0,
        },
        residual={"kind": "serial", "layer_scale": "inverse_sqrt" if later and s.ln_scale else "none"},
        skips={"kind": "gated_unet" if later and s.skip_gates_enabled else "unet"},
        depth=loop(s.loop_start, s.loop_end, s.num_loops + 1) if loops else ONCE,
    )


def muon_cfg(kind: str = "muon", **changes) -> SimpleNamespace:
    ramp = {"first": 0.95, "last": 0.95, "steps": 0}
    fields = {"kind": kind, "lr": 0.02, "momentum": ramp, "newton_schulz_steps": 5, "weight_decay": 0.0}
    return tree(**{**fields, **changes})


def build_model(cfg: SimpleNamespace, dtype: torch.dtype = torch.float32, seed: int = 0) -> gpt.GPT:
    torch.manual_seed(seed)
    return gpt.build(cfg, CPU, dtype)


def random_model(cfg: SimpleNamespace, seed: int = 0) -> gpt.GPT:
    """Every parameter moved away from its first value, so that no path is dead at zero."""
    model = build_model(cfg, seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter.size(-1) if parameter.dim() == 2 else 1
            parameter.add_(0.3 * torch.randn_like(parameter) / fan_in**0.5)
    return model


def by_published_name(model: gpt.GPT, published: list[str]) -> dict[str, torch.nn.Parameter]:
    """The model's parameters under the names of the published script: all of them, or an error."""
    own = dict(model.named_parameters())
    assert sorted(NAMES.get(name, name) for name in published) == sorted(own)
    return {name: own[NAMES.get(name, name)] for name in published}


@torch.no_grad()
def fill(model: gpt.GPT, state: dict[str, torch.Tensor]) -> gpt.GPT:
    """Put a published state dict into `model`, each tensor in the parameter's own type."""
    for name, parameter in by_published_name(model, list(state)).items():
        assert parameter.shape == state[name].shape, name
        parameter.copy_(state[name])
    return model


def stand_for(monkeypatch, rank: int, world: int) -> None:
    """Let this process divide work as rank `rank` of `world` does. Nothing is exchanged."""
    monkeypatch.setattr(ranks, "RANK", rank)
    monkeypatch.setattr(ranks, "WORLD", world)


def write_shard(folder: Path, split: str, number: int, tokens_N) -> Path:
    """A shard in the official format, by the definition of the format and not by pgolf."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"fineweb_{split}_{number:06d}.bin"
    header = np.zeros(256, "<i4")
    header[:3] = 20240520, 1, len(tokens_N)
    path.write_bytes(header.tobytes() + np.asarray(tokens_N).astype("<u2").tobytes())
    return path
