"""Speed of pgolf beside the public script of PR 1394, as ratios measured in one run (`make bench`).

    PGOLF_REFERENCE=.../train_gpt_human.py make bench       (without it only pgolf's own figures are printed)

The reference is imported and its model, optimizers and windows are driven with the same tokens as ours, turn by turn, so
that a noisy machine disturbs both alike. On a GPU at full size, compiled, in bf16; on a CPU small, eager, in float32, where
the reference's attention call is given PyTorch's own attention, as ours has.
"""

import importlib.util
import os
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from pgolf.core import ranks, run
from pgolf.core.load import load
from pgolf.data.shuffled import Loader
from pgolf.harness import bundle
from pgolf.harness.dataset.layout import write_shard
from pgolf.harness.resolve import resolve
from pgolf.harness.schema.recipe import Recipe
from pgolf.model import gpt
from pgolf.model.attention.kernel import causal_attention
from pgolf.optim import groups

RECIPE = Path(__file__).parents[1] / "recipes" / "pr1394.yaml"
SMALL = (
    "model.width=256", "model.layers=6", "model.attention.heads=4", "model.attention.kv_heads=2", "model.mlp.hidden=1024",
    "train.sequence_tokens=512", "train.batch_tokens=8192", "evaluation.score.window=512", "evaluation.score.batch_windows=4",
)  # fmt: skip
NEEDED_TOKENS_PER_SECOND = 7.73e6 / 8  # of one of 8 GPUs in the published runs, before looping
Work = Callable[[], object]


class Ours:
    def __init__(self, recipe: Recipe):
        self.cfg = run.parse(bundle.shipped_recipe(recipe))
        self.model = gpt.build(self.cfg.model, ranks.device(), ranks.activation_dtype())
        self.model.phase = 1
        self.forward = ranks.compiled(self.model)
        self.optimizers = groups.build(self.cfg.optim, self.model)
        self.treatment = load("optim.gradients", self.cfg.optim.gradients).build(
            self.cfg.optim.gradients, self.model, 1
        )

    def learn(self, tokens_BT: torch.Tensor) -> None:
        self.treatment.backward(self.forward(tokens_BT[:, :-1], tokens_BT[:, 1:]).mean())

    def update(self) -> None:
        self.treatment.finish(1.0)
        for optimizer in self.optimizers:
            optimizer.update(1.0, 0)
        self.model.zero_grad()

    @torch.no_grad()
    def score(self, tokens_BT: torch.Tensor) -> None:
        self.forward(tokens_BT[:, :-1], tokens_BT[:, -self.cfg.evaluation.score.stride :]).double().sum().item()


class Reference:
    def __init__(self, path: Path, recipe: Recipe):
        model, train = recipe.model, recipe.train
        os.environ |= {
            "VOCAB_SIZE": str(model.vocab_size),
            "NUM_LAYERS": str(model.layers),
            "XSA_LAST_N": str(model.layers),
            "MODEL_DIM": str(model.width),
            "EMBEDDING_DIM": str(model.width),
            "NUM_HEADS": str(model.attention.heads),
            "NUM_KV_HEADS": str(model.attention.kv_heads),
            "TRAIN_SEQ_LEN": str(train.sequence_tokens),
            "ROPE_TRAIN_SEQ_LEN": str(train.sequence_tokens),
        }
        if ranks.device().type == "cpu":
            stand_in = types.ModuleType("flash_attn_interface")
            stand_in.flash_attn_func = lambda q, k, v, causal: causal_attention(q, k, v)  # type: ignore[attr-defined]
            sys.modules["flash_attn_interface"] = stand_in
        spec = importlib.util.spec_from_file_location("reference", path)
        assert spec
        assert spec.loader
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        settings = self.module.Hyperparameters()
        self.clip = settings.grad_clip_norm
        self.model = self.module.GPT(settings).to(ranks.device())
        if ranks.device().type == "cuda":
            self.model = self.model.bfloat16()
            self.module.restore_fp32_params(self.model)
        self.model.looping_active = True
        self.forward = ranks.compiled(self.model)
        self.logits = ranks.compiled(self.model.forward_logits)
        self.optimizers = self.module.Optimizers(settings, self.model)
        self.autocast = torch.autocast("cuda", torch.bfloat16, enabled=ranks.device().type == "cuda")
        self.scored = recipe.evaluation.score.stride  # type: ignore[union-attr]

    def learn(self, tokens_BT: torch.Tensor) -> None:
        with self.autocast:
            self.forward(tokens_BT[:, :-1], tokens_BT[:, 1:]).backward()

    def update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.optimizers.zero_grad_all()

    def score(self, tokens_BT: torch.Tensor) -> None:
        """As its sliding evaluation does: logits of the whole window, losses of all positions, the last ones kept."""
        with torch.inference_mode(), self.autocast:
            logits = self.logits(tokens_BT[:, :-1])
            nats = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.size(-1)).float(), tokens_BT[:, 1:].reshape(-1), reduction="none"
            )
            nats.view(len(tokens_BT), -1)[:, -self.scored :].double().sum().item()


def seconds(work: Work) -> float:
    ranks.synchronize()
    start = time.perf_counter()
    work()
    ranks.synchronize()
    return time.perf_counter() - start


def in_turns(works: list[Work], rounds: int) -> list[list[float]]:
    """Seconds of each round of each work, one after the other in every round."""
    for work in works:
        work()
    return [list(times) for times in zip(*([seconds(work) for work in works] for _ in range(rounds)), strict=True)]


def loader_rate(recipe: Recipe) -> float:
    """Tokens per second that the shuffled loader gives to one logical rank."""
    train = recipe.train
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fineweb_train_000000.bin"
        write_shard(path, np.random.default_rng(0).integers(0, recipe.model.vocab_size, 20_000_000))
        loader = Loader([path], train.sequence_tokens, 1)
        sequences = train.batch_tokens // (8 * train.sequence_tokens)
        times = [seconds(lambda: loader.next_batch(0, sequences)) for _ in range(50)]
    return sequences * train.sequence_tokens / statistics.median(times)


def main() -> None:
    gpu = ranks.device().type == "cuda"
    recipe = resolve(RECIPE, () if gpu else SMALL)
    train, score = recipe.train, recipe.evaluation.score
    rounds = int(os.environ.get("PGOLF_ROUNDS", 50 if gpu else 5))
    sequences = train.batch_tokens // (8 * train.sequence_tokens)

    def random_tokens(rows: int, length: int) -> torch.Tensor:
        return torch.randint(0, recipe.model.vocab_size, (rows, length + 1), device=ranks.device())

    batch_BT, windows_BT = (
        random_tokens(sequences, train.sequence_tokens),
        random_tokens(score.batch_windows, score.window),
    )
    reference = os.environ.get("PGOLF_REFERENCE")
    sides: list = [Ours(recipe)] + ([Reference(Path(reference), recipe)] if reference else [])
    table = Table("what", "pgolf ms", "reference ms", "ratio (median of pairs)")

    def row(name: str, works: list[Work]) -> None:
        times = in_turns(works, rounds)
        medians = [f"{1000 * statistics.median(one):.1f}" for one in times]
        ratio = f"{statistics.median(a / b for a, b in zip(*times, strict=True)):.3f}" if len(times) > 1 else "-"
        table.add_row(name, medians[0], medians[1] if len(times) > 1 else "-", ratio)

    def whole_step(side) -> Work:
        def work() -> None:
            for _ in range(8):
                side.learn(batch_BT)
            side.update()

        return work

    row("training step, 8 micro-batches, looped", [whole_step(side) for side in sides])
    row("forward and backward of a micro-batch", [lambda side=side: side.learn(batch_BT) for side in sides])  # type: ignore[misc]
    row("a batch of sliding windows", [lambda side=side: side.score(windows_BT) for side in sides])  # type: ignore[misc]
    rate = loader_rate(resolve(RECIPE))
    console = Console()
    console.print(table)
    console.print(
        f"loader: {rate / 1e6:.1f} M tokens/s for one rank, {rate / NEEDED_TOKENS_PER_SECOND:.1f} times what one H100 eats"
    )


if __name__ == "__main__":
    main()
