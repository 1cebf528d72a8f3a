"""Full-size packages on a CPU, from random weights: code and model bytes as the recipe has them, and with a fit.

With SDClip the size does not depend on the weights' widths. With the 1/31 floor of PR 1218 and its followers it does, and they were
not published: here all matrices of a block have one width, MLP outputs half of it (as their updates have), chosen so that the size
theory gives the published number of bytes. Then packing and fitting work at the sizes that the published runs had.
"""

import json
import re
import time

import pytest

from pgolf.core.run import parse
from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from pgolf.harness.sizes import theory
from tests.command import ROOT
from tests.synthetic import model_of, write_run

GPTQ = "calibration_batches: 1, damping: 0.01, block: 128, keep_elements: 65536"
LIMIT = "artifact_bytes: 16000000, packs: 6"
CLIP = (
    f"quant={{kind: fit_clip, {LIMIT}, slack_bytes: 3000, scale_range: [0.5, 2.0], inner: {{kind: gptq, {GPTQ}, "
    "matrix: {bits: 6, clip_sigmas: 12.85}, embedding: {bits: 8, clip_sigmas: 20.0}}}"
)
BITS = (
    f"quant={{kind: fit_bits, {LIMIT}, slack_bytes: 0, inner: {{kind: gptq_search, {GPTQ}, row_quantile: 0.9999984, "
    "clip_quantiles: [0.9990, 0.9995, 0.9999, 0.99999, 1.0], int5_matrices: %d}}}"
)
EMBEDDING_WIDTH = 0.08
COMPRESSION_OVERHEAD = 1.009
# recipe: its fit, what a fit changes, bytes of the model with the recipe's own grid, published (mean of the seeds)
CASES = {
    "pr1279": (BITS % 5, "int5 matrices", 15_963_072),
    "pr1331": (BITS % 0, "int5 matrices", 15_939_636),
    "pr1394": (CLIP, "clip_sigmas times", 15_970_162),
}


def width_of(name, matrix_width):
    if "blocks" not in name:
        return EMBEDDING_WIDTH
    return matrix_width / 2 if "mlp.proj" in name else matrix_width


def matrix_width(cfg, target):
    """Where the size theory gives `target` bytes for steps of 1/31 (int5: 1/15) and, outside of blocks, 1/127."""
    shapes = {
        name: p.numel() for name, p in model_of(cfg, lambda name: 1.0, 0).named_parameters() if p.numel() > 65_536
    }
    names = sorted(name for name in shapes if "blocks" in name)
    low = set(names[-cfg.quant.inner.int5_matrices :]) if cfg.quant.inner.int5_matrices else set()

    def size(width):
        total = 0.0
        for name, n in shapes.items():
            bits = 8 if "blocks" not in name else 5 if name in low else 6
            total += n * theory.exact_bits(bits, 1 / width_of(name, width)) / 8
        return COMPRESSION_OVERHEAD * total

    small, large = 0.01, 1.0
    for _ in range(30):
        middle = (small * large) ** 0.5
        small, large = (middle, large) if size(middle) < target else (small, middle)
    return small


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_package_of_full_size_fills_the_limit_and_never_exceeds_it(name, tmp_path, capsys):
    quant, what, published = CASES[name]
    recipe = resolve(ROOT / "recipes" / f"{name}.yaml", [quant])
    plain_code = len(bundle.packed(resolve(ROOT / "recipes" / f"{name}.yaml")))
    cfg = parse(bundle.shipped_recipe(recipe))
    width = matrix_width(cfg, published) if cfg.quant.kind == "fit_bits" else 0.1
    started = time.perf_counter()
    folder = write_run(tmp_path, recipe, lambda tensor: width_of(tensor, width), tokens=1024)
    lines = re.findall(rf"fit: {what} ([\d.]+): (\d+) of 16000000 bytes", capsys.readouterr().out)
    attempts = [(float(x), int(total)) for x, total in lines]
    code = (folder.parent / "train_gpt.py").stat().st_size
    model = (folder / "3_package" / "model.bin").stat().st_size
    plain_model = attempts[0][1] - code
    with capsys.disabled():
        print(f"\n{name}: width {width:.4f}; the recipe's own grid: {plain_code:,} code + {plain_model:,} model = "
              f"{plain_code + plain_model:,}; with a fit: {code:,} + {model:,} = {code + model:,}; "
              f"{what} {json.dumps(attempts)}; {time.perf_counter() - started:.0f} s")  # fmt: skip
    assert plain_model == pytest.approx(published, rel=0.005)
    assert 16_000_000 - (3000 if what.startswith("clip") else 150_000) <= code + model <= 16_000_000
    assert len(attempts) <= 4
    if what.startswith("int5"):
        neighbours = dict(attempts)
        chosen = next(x for x, total in attempts if total == code + model)
        assert chosen == 0 or neighbours[chosen - 1] > 16_000_000
