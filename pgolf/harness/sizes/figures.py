"""Pictures of `pgolf quant plan`: what grids cost and what they lose, and what quantised weights look like."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from pgolf.harness.sizes import theory
from pgolf.harness.sizes.plan import sample
from pgolf.harness.sizes.weights import SeedRun

COLOURS = {4: "tab:purple", 5: "tab:blue", 6: "tab:green", 7: "tab:orange", 8: "tab:red"}
HISTOGRAM_WEIGHTS = 1_000_000


def trade_off(plan: dict[str, Any], title: str, path: Path) -> None:
    """Bytes and error against k for each number of bits; error against bytes; predicted against real bytes."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    figure.suptitle(title)
    (sizes, errors), (trade, kinds) = figure.subplots(2, 2)
    for bits, points in plan["curves"].items():
        k, size, error = ([point[field] for point in points] for field in ("clip_sigmas", "bytes", "error"))
        style = {"color": COLOURS[bits], "marker": "o", "ms": 3, "lw": 1.3, "label": f"int{bits}"}
        sizes.plot(k, size, **style)
        errors.plot(k, error, **style)
        trade.plot(size, error, **style)
    for grid in plan["grids"]:
        sizes.axvline(grid["clip_sigmas"], color="0.6", lw=0.8, ls=":")
        errors.axvline(grid["clip_sigmas"], color="0.6", lw=0.8, ls=":")
    largest = max(point["bytes"] for points in plan["curves"].values() for point in points)
    if plan["limit"] < 1.5 * largest:
        sizes.axhline(plan["limit"], color="crimson", lw=1, ls="--", label=f"limit {plan['limit']:,}")
        trade.axvline(plan["limit"], color="crimson", lw=1, ls="--")
    if plan["model_bytes"]:
        sizes.axhline(plan["model_bytes"], color="0.3", lw=1, label=f"this run {plan['model_bytes']:,}")
        trade.axvline(plan["model_bytes"], color="0.3", lw=1)
    k_label = "k: the grid ends at k standard deviations of a row"
    sizes.set(
        xscale="log", xlabel=k_label, ylabel="bytes of the model", title="One bit more, or half of k: the same step"
    )
    errors.set(xscale="log", yscale="log", xlabel=k_label, ylabel="squared error / squared weights")
    errors.set_title("Error of plain rounding: small k clips, large k is coarse")
    trade.set(yscale="log", xlabel="bytes of the model", ylabel="squared error / squared weights")
    trade.set_title("What a byte buys: the step counts, hardly the bits")
    clips = sorted({point["clip_sigmas"] for points in plan["curves"].values() for point in points})
    for axes in (sizes, errors):
        axes.set_xticks(clips, [f"{k:g}" for k in clips])
        axes.minorticks_off()
    sizes.yaxis.set_major_formatter(EngFormatter())
    trade.xaxis.set_major_formatter(EngFormatter())
    for axes in (sizes, errors, trade):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    difference_of_kinds(kinds, plan["kinds"])
    figure.savefig(path, dpi=110)


def difference_of_kinds(axes: Any, kinds: list[dict[str, Any]]) -> None:
    """Entropy and compressed bytes of each kind of matrix, in per cent of what the theory says."""
    kinds = [kind for kind in kinds if kind["steps_per_sigma"]]
    names = [kind["name"] for kind in kinds]
    place = np.arange(len(names))
    for shift, field, label in ((-0.2, "entropy", "entropy of the codes"), (0.2, "real", "compressed by itself")):
        share = [kind[field] / kind["predicted"] - 1 for kind in kinds]
        bars = axes.barh(place + shift, share, 0.38, label=label)
        axes.bar_label(bars, [f"{s:+.1%}" for s in share], padding=3, fontsize=7)
    axes.set_yticks(place, names, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.axvline(0, color="0.2", lw=0.8)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set(title="Real bytes of this run against the prediction", xlabel="above the prediction")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def histograms(run: SeedRun, path: Path) -> None:
    """The matrices' weights, and three ways to put them on a grid (the figure of PR 1394), from a run's own weights."""
    names = sorted(run.matrices & run.weights.keys())
    rows = [sample(run.weights[name]) for name in names]
    w_N = torch.cat([w.flatten() for w in rows])
    w_N = w_N[:: max(1, len(w_N) // HISTOGRAM_WEIGHTS)].double()
    sigma = float(w_N.std())
    clip = sigma / 0.15  # the figure has weights of deviation 0.15, clipped at 1 and at 1/2
    figure = Figure(figsize=(12, 7), layout="constrained")
    figure.suptitle(
        f"{len(names)} matrices of {run.recipe.name}, seed {run.folder.name}: standard deviation {sigma:.4f}"
    )
    panels = figure.subplots(2, 2).flat
    panels[0].hist(w_N.numpy(), bins=200, range=(-clip, clip), color="0.5", density=True)
    panels[0].set(title="Weights", xlabel="weight", ylabel="density")
    for axes, bits, width in ((panels[1], 5, clip), (panels[2], 4, clip / 2)):
        top = 2 ** (bits - 1) - 1
        q_N = (w_N * (top + 0.5) / width).round().clamp(-top, top).long()
        share = np.bincount(q_N.numpy() + top, minlength=2 * top + 1) / len(q_N)
        axes.bar(np.arange(-top, top + 1), share, 0.9, color=COLOURS[bits])
        what = f"int{bits}, clipped at {width / sigma:.3g} deviations: {theory.entropy(share):.3f} bits a weight"
        axes.set(title=what, xlabel="code", ylabel="share")
    edges = torch.quantile(w_N, torch.linspace(0, 1, 16, dtype=torch.float64)[1:-1])
    share = np.bincount(torch.bucketize(w_N, edges).numpy(), minlength=15) / len(w_N)
    panels[3].bar(np.arange(15), share, 0.9, color="tab:brown")
    panels[3].set(title=f"15 codes of equal share, as NF4: {theory.entropy(share):.3f} bits a weight", xlabel="code")
    figure.savefig(path, dpi=110)
