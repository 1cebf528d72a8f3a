"""The bundle: one file that is the whole program."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from tests.command import MICRO, ROOT, SMOKE, finished

RECIPES = sorted(path for path in (ROOT / "recipes").glob("*.yaml"))
PR1394_CODE_BYTES = 15_516  # the record's own script


@pytest.fixture(scope="module")
def micro():
    return resolve(SMOKE, MICRO)


def alone(script: str, folder: Path, data_dir: Path, *stages: str, ranks: int = 1, seed: int = 1) -> dict[str, str]:
    """Run a script in an empty folder, in a Python that has no pgolf; digests of what it left, and its output."""
    folder.mkdir()
    (folder / "train_gpt.py").write_text(script)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}"] if ranks > 1 else []
    # -S and a path of our own: the packages are there, the editable install of pgolf is not.
    site = next(path for path in sys.path if path.endswith("site-packages"))
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": site,
        "SEED": str(seed),
        "DATA_DIR": str(data_dir),
        "OMP_NUM_THREADS": "1",
    }
    env |= {"PGOLF_EVENTS": str(folder / "events.jsonl"), "CUDA_VISIBLE_DEVICES": "", "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-S", *launcher, "train_gpt.py", *stages], cwd=folder, env=env, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    left = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.iterdir()
        if p.suffix in (".q", ".bin", ".f32")
    }
    return left | {"output": done.stdout}


def losses(folder: Path) -> list[float]:
    lines = (folder / "events.jsonl").read_text().splitlines()
    return [e["loss_nats_per_token"] for e in map(json.loads, lines) if e["event"] == "train_step"]


def test_packed_and_readable_bundles_compute_bit_identical_results(micro, demo_dir, tmp_path):
    packed = alone(bundle.packed(micro), tmp_path / "packed", demo_dir)
    readable = alone(bundle.readable(micro), tmp_path / "readable", demo_dir)
    assert set(packed) == {"weights.q", "model.bin", "ledger.f32", "output"}
    assert losses(tmp_path / "packed") == losses(tmp_path / "readable")
    for outputs in (packed, readable):
        outputs["output"] = ""  # times and code bytes differ
    assert packed == readable


def test_alone_in_an_empty_folder_it_does_all_stages_and_prints_the_final_lines(micro, demo_dir, tmp_path):
    output = alone(bundle.packed(micro), tmp_path / "alone", demo_dir)["output"].splitlines()
    starts = ("Hyperparameters:", "train_shards: 8", "model_params:", "Serialized model quantized+brotli: ")
    starts += ("Total submission size quantized+brotli: ", "pre-quantization post-ema val_loss:")
    for start in starts:
        assert any(line.startswith(start) for line in output), start
    final = next(line for line in reversed(output) if "val_bpb" in line)
    assert final.startswith("quantized_sliding_window val_loss:")


def test_two_processes_see_and_learn_what_one_does(micro, demo_dir, tmp_path):
    alone(bundle.packed(micro), tmp_path / "one", demo_dir)
    alone(bundle.packed(micro), tmp_path / "two", demo_dir, ranks=2)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 6
    assert two == pytest.approx(one, rel=2e-5)
    scores = [
        json.loads(line) for d in ("one", "two") for line in (tmp_path / d / "events.jsonl").read_text().splitlines()
    ]
    final = [e for e in scores if e["event"] == "score" and e["phase"] == "evaluate"]
    assert final[0]["tokens"] == final[1]["tokens"]
    assert final[0]["val_bpb"] == pytest.approx(final[1]["val_bpb"], rel=1e-3)  # quantisation magnifies rounding


def test_two_runs_of_the_same_seed_are_bit_identical_and_another_seed_is_not(micro, demo_dir, tmp_path):
    first, again, other = (
        alone(bundle.packed(micro), tmp_path / name, demo_dir, "train", "quantize", "package", seed=seed)["model.bin"]
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert (first == again, first == other) == (True, False)


def test_the_sequential_loader_and_the_int8_export_run_from_their_bundle(demo_dir, tmp_path):
    recipe = resolve(ROOT / "recipes" / "baseline.yaml", ["train.stop.steps=3", "train.batch_tokens=512"], "tiny")
    output = alone(bundle.packed(recipe), tmp_path / "baseline", demo_dir)["output"]
    assert "\nquantized val_loss:" in output


def test_only_modules_of_the_recipe_are_in_it():
    smoke, baseline = (
        set(bundle.modules(resolve(ROOT / "recipes" / f"{name}.yaml"))) for name in ("smoke", "baseline")
    )
    assert {"pgolf.quant.gptq", "pgolf.model.attention_outputs.xsa", "pgolf.codec.brotli"} <= smoke - baseline
    assert {"pgolf.quant.int8_rows", "pgolf.data.sequential", "pgolf.codec.zlib"} <= baseline - smoke
    assert not any("harness" in name or "commands" in name for name in smoke | baseline)


def test_the_pr1394_bundle_is_no_larger_than_that_record():
    assert len(bundle.packed(resolve(ROOT / "recipes" / "pr1394.yaml")).encode()) <= PR1394_CODE_BYTES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_bundles_are_text_that_compiles_and_the_same_each_time(path):
    recipe = resolve(path)
    for make in (bundle.packed, bundle.readable):
        text = make(recipe)
        assert text == make(recipe)
        ast.parse(text)
        assert text.isascii() or make is bundle.readable


def test_a_traceback_shows_lines_of_the_bundled_module(micro, tmp_path):
    (tmp_path / "train_gpt.py").write_text(bundle.packed(micro))
    (tmp_path / "weights.q").mkdir()  # not a file: the package stage says so in one line
    done = finished([sys.executable, "train_gpt.py", "package"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "error: weights.q: not found. Run the stage that writes it first.\n")
    (tmp_path / "weights.q").rmdir()
    (tmp_path / "weights.q").write_bytes(b"[]\n")
    (tmp_path / "model.bin").mkdir()  # a folder in the way is nothing the program expects
    done = finished([sys.executable, "train_gpt.py", "package"], cwd=tmp_path)
    assert done.returncode == 3
    assert "pgolf.stages.package.py" in done.stderr
    assert re.search(r"line \d+, in run_stage\n    .*\w+\(run\.\w+,", done.stderr), done.stderr


def test_an_unknown_stage_is_refused(micro, tmp_path):
    (tmp_path / "train_gpt.py").write_text(bundle.packed(micro))
    done = finished([sys.executable, "train_gpt.py", "trian"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        2,
        "error: found stages trian; allowed: train quantize package diagnose evaluate.\n",
    )


def test_the_package_stage_needs_no_torch(micro, demo_dir, tmp_path):
    alone(bundle.packed(micro), tmp_path / "a", demo_dir, "train", "quantize")
    code = "import sys; sys.modules['torch'] = None; sys.argv = ['train_gpt.py', 'package']; exec(open('train_gpt.py').read())"
    done = finished([sys.executable, "-c", code], cwd=tmp_path / "a")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Total submission size quantized+brotli: " in done.stdout


def test_a_kind_without_a_module_is_refused(micro):
    from pgolf.core.errors import InputError

    with pytest.raises(InputError, match=r"pgolf\.model\.nothing: there is no file"):
        bundle.file_of("pgolf.model.nothing")


def test_module_sizes_add_up_to_about_the_bundle(micro):
    rows = bundle.sizes(micro)
    total = len(bundle.packed(micro).encode())
    assert {name for name, *_ in rows} == set(bundle.modules(micro))
    assert 0.6 * total < sum(row[3] for row in rows) <= total


def test_everybody_means_the_same_stages():
    from pgolf.harness import record, stage
    from pgolf.stages import main

    names = {one.name for one in stage.STAGES}
    assert names == set(main.STAGES) == set(record.LOG_ORDER) == set(bundle.STAGES) - {"main"}
