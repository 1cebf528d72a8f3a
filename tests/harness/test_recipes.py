"""Every recipe, at a size for seconds: its bundle alone runs from training to a score, on the demo data."""

import math
import re
import shutil
from pathlib import Path

import pytest

from pgolf.harness import bundle
from pgolf.harness.resolve import RECIPES, resolve
from tests.harness.test_bundle import alone

FILES = sorted(RECIPES.glob("*.yaml"))
assert len(FILES) >= 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_trains_quantizes_packs_and_scores(path, tmp_path, request):
    shutil.copytree(Path(__file__).parent / "scales", tmp_path / "scales")
    (tmp_path / "recipe.yaml").write_text(f"base: {path}\nscale: tiny\n")
    recipe = resolve(tmp_path / "recipe.yaml", scale="micro")
    data_dir = request.getfixturevalue("caseops_dir" if recipe.data.bytes.kind == "sidecar" else "demo_dir")
    output = alone(bundle.packed(recipe), tmp_path / "run", data_dir)["output"]
    curve = [float(loss) for loss in re.findall(r"train_loss: (\S+)", output)]
    assert len(curve) == 4
    assert all(map(math.isfinite, curve))
    scores = [(label, float(bpb)) for label, bpb in re.findall(r"^(.*) val_loss:\S+ val_bpb:(\S+)", output, re.M)]
    assert len(scores) == 3  # before quantisation, after it, and the score
    assert all(1 < bpb < 6 for _, bpb in scores)
    assert output.splitlines()[-1].startswith("peak memory")
