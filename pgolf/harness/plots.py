"""Pictures of a record: training loss of every seed, and where the bytes go."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from pgolf.core import run as runtime
from pgolf.core.load import load
from pgolf.harness import bundle
from pgolf.harness.schema.recipe import Recipe
from pgolf.model import gpt


def training_loss(runs: list[dict[str, Any]], path: Path) -> None:
    """Loss in nats per token against steps, one line a seed."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for run in runs:
        axes.plot(
            *zip(*[point[:2] for point in run["train"]["curve"]], strict=True), lw=1.5, label=f"seed {run['seed']}"
        )
    axes.set(xlabel="step", ylabel="training loss, nats per token", title="Training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def byte_groups(recipe: Recipe) -> dict[str, int]:
    """Bytes before compression of each kind of tensor that is stored: codes, scales, tensors kept as they are."""
    import torch

    cfg = runtime.parse(bundle.shipped_recipe(recipe))
    with torch.device("meta"):
        model = gpt.GPT(cfg.model)
    groups: dict[str, int] = {}
    quantizer = load("quant", cfg.quant)
    for name, (dtype, shape) in quantizer.storage.layout(quantizer, cfg.quant, model).items():
        words = [word for word in name.split(".") if not word.isdigit() and word not in ("blocks", "weight", "q")]
        kind = "row scales" if words[-1] == "scale" and name.endswith(".scale") else ".".join(words)
        if not name.endswith((".q", ".scale")):
            kind = "kept as they are"
        groups[kind] = groups.get(kind, 0) + dtype.itemsize * torch.Size(shape).numel()
    return groups


def where_bytes_go(recipe: Recipe, run: dict[str, Any], path: Path) -> None:
    """Left: stored bytes by kind of tensor before compression. Right: what is judged, against the limit."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    groups = sorted(byte_groups(recipe).items(), key=lambda item: item[1])
    bars = left.barh([name for name, _ in groups], [size for _, size in groups])
    left.bar_label(bars, [f"{size:,}" for _, size in groups], padding=3, fontsize=8)
    left.margins(x=0.25)
    left.set(title=f"Model before compression: {sum(dict(groups).values()):,} bytes", xlabel="bytes")
    limit, sizes = recipe.budgets.artifact_bytes, run["bytes"]
    bottom = 0
    for name in ("model", "code"):
        right.bar(["artifact"], [sizes[name]], bottom=bottom, label=f"{name} {sizes[name]:,}", width=0.5)
        bottom += sizes[name]
    if bottom > limit / 20:
        right.axhline(limit, color="crimson", ls="--", lw=1, label=f"limit {limit:,}")
    for axis in (left.xaxis, right.yaxis):
        axis.set_major_formatter(EngFormatter())
        axis.set_major_locator(MaxNLocator(5))
    right.set(title=f"Judged: {bottom:,} bytes\n{bottom / limit:.1%} of {limit:,}", ylabel="bytes")
    right.legend(loc="lower center")
    figure.savefig(path, dpi=120)
