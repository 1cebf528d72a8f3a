"""pgolf quant plan and codecs, on a run whose weights are random and therefore known."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pgolf.codec import artifact
from pgolf.core.errors import InputError
from pgolf.harness.resolve import resolve
from pgolf.harness.sizes import plan, theory
from pgolf.harness.sizes.codecs import CODECS, entropy_bytes, gaussian_bytes
from pgolf.harness.sizes.weights import KEPT, Tensor, open_run
from tests.command import MICRO, SMOKE, pgolf, refused
from tests.synthetic import write_run

STD = {"attn": 0.05, "mlp": 0.1, "tok_emb": 0.02}
ONLY = ("zlib", "brotli", "constriction table", "grouped brotli")


def std(name):
    return next(value for part, value in STD.items() if part in name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    recipe = resolve(SMOKE, [*MICRO, "quant.keep_elements=1000"])
    return write_run(tmp_path_factory.mktemp("runs"), recipe, std)


@pytest.fixture(scope="module")
def planned(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    done = pgolf("quant", "plan", folder, "--json", "-o", place)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), place


@pytest.fixture(scope="module")
def compared(folder):
    done = pgolf("quant", "codecs", folder, "--json", *(part for name in ONLY for part in ("--only", name)))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_random_weights_cost_what_the_theory_says(planned):
    kinds = {kind["name"]: kind for kind in planned[0]["kinds"]}
    assert set(kinds) == {"tok_emb", "attn.c_q", "attn.c_k", "attn.c_v", "attn.proj", "mlp.fc", "mlp.proj", KEPT}
    for name, kind in kinds.items():
        if name != KEPT:
            bits, k = (8, 20.0) if name == "tok_emb" else (6, 12.85)
            assert kind["steps_per_sigma"] == pytest.approx(k / (2 ** (bits - 1) - 1), rel=0.01)
            assert 8 * kind["predicted"] / kind["numbers"] == pytest.approx(theory.exact_bits(bits, k), abs=0.01)
            assert 8 * kind["entropy"] / kind["numbers"] == pytest.approx(theory.exact_bits(bits, k), abs=0.06)
            assert kind["entropy"] < kind["real"] < 1.06 * kind["entropy"]


def test_the_parts_of_a_plan_add_up(planned, folder):
    found = planned[0]
    for total, part in (("predicted", "predicted"), ("real", "real")):
        assert found[total] == pytest.approx(sum(kind[part] for kind in found["kinds"]))
    assert found["model_bytes"] == (folder / "3_package" / "model.bin").stat().st_size
    assert found["model_bytes"] == pytest.approx(found["real"], rel=0.02)
    assert sum(kind["numbers"] for kind in found["kinds"]) == sum(
        np.prod(tensor.row[2]) for tensor in open_run(folder).stored.tensors
    )
    assert found["grids"] == [{"bits": 6, "clip_sigmas": 12.85}, {"bits": 8, "clip_sigmas": 20.0}]


def test_curves_fall_with_k_and_grow_with_bits_and_pass_through_the_run(planned):
    found = planned[0]
    curves = {int(bits): points for bits, points in found["curves"].items()}
    for bits, points in curves.items():
        sizes = [point["bytes"] for point in points]
        assert sizes == sorted(sizes, reverse=True)
        if bits < 8:
            assert all(more["bytes"] > less["bytes"] for less, more in zip(points, curves[bits + 1], strict=True))
            assert all(more["error"] < less["error"] for less, more in zip(points, curves[bits + 1], strict=True))
    at = np.interp(np.log(12.85), np.log(plan.CLIPS), [point["bytes"] for point in curves[6]])
    assert at == pytest.approx(found["model_bytes"], rel=0.02)
    errors = {point["clip_sigmas"]: point["error"] for point in curves[6]}
    assert errors[12.0] == pytest.approx(theory.relative_error(6, 12.0), rel=0.1)


def test_a_plan_writes_its_pictures_where_it_is_told_and_prints_a_table(planned, folder, tmp_path):
    for path in planned[0]["pictures"]:
        with Image.open(path) as image:
            assert image.size[0] > 1000
    assert {path.name for path in planned[1].iterdir()} == {"quant_plan.png", "quant_histograms.png"}
    done = pgolf("quant", "plan", folder, "-o", tmp_path, COLUMNS="60")
    assert done.returncode == 0, done.stderr
    for word in (
        "attn.c_q",
        "mlp.proj",
        "sum",
        f"{planned[0]['model_bytes']:,} bytes",
        str(tmp_path / "quant_plan.png"),
    ):
        assert word in done.stdout
    assert "…" not in done.stdout, "a table cut off at the edge of the terminal"


def test_codecs_are_measured_on_the_whole_and_on_every_kind(compared, folder):
    assert set(compared["codecs"]) == set(ONLY)
    stored = open_run(folder).stored
    bounds = compared["bounds"]
    assert sum(bound["raw"] for bound in bounds.values()) == len(stored.payload)
    for name, one in compared["codecs"].items():
        assert set(one["kinds"]) == set(bounds)
        assert 0.93 < sum(one["kinds"].values()) / one["bytes"] < 1.07, name
        assert one["pack_seconds"] > 0 < one["unpack_seconds"]
    assert compared["smallest"] == min(ONLY, key=lambda name: compared["codecs"][name]["bytes"])
    sizes = {name: one["bytes"] for name, one in compared["codecs"].items()}
    assert max(sizes["constriction table"], sizes["brotli"]) < sizes["zlib"]


def test_no_order_free_codec_is_below_the_entropy_of_the_codes(compared):
    entropy = {kind: bound["entropy"] for kind, bound in compared["bounds"].items() if kind != KEPT}
    for kind, bound in entropy.items():
        assert bound < compared["codecs"]["constriction table"]["kinds"][kind]
        assert bound == pytest.approx(compared["bounds"][kind]["gaussian"], rel=0.03)


def test_the_table_of_codecs_names_the_smallest(folder):
    done = pgolf("quant", "codecs", folder, "--only", "zlib", "--only", "constriction gaussian")
    assert done.returncode == 0, done.stderr
    assert "smallest here: constriction gaussian, " in done.stdout
    assert "over the entropy" in done.stdout


def tensor(values, name="a.q"):
    kind = "torch." + str(values.dtype)
    return Tensor([name, kind, list(values.shape), values.nbytes], values.tobytes())


def test_entropies_of_known_shares():
    four = np.tile(np.array([0, 1, 2, 3], np.int8), (8, 16))
    assert entropy_bytes(tensor(four)) == pytest.approx(8 * 64 * 2 / 8)
    assert entropy_bytes(tensor(np.zeros((4, 4), np.int8))) == 0
    assert entropy_bytes(tensor(np.array([1.0, 1.0, 2.0, 2.0], np.float16), "b")) == pytest.approx(4 / 8)
    q = np.rint(np.random.default_rng(0).normal(0, 5, (50, 4000))).astype(np.int8)
    assert gaussian_bytes(tensor(q)) == pytest.approx(entropy_bytes(tensor(q)), rel=2e-3)


# What is refused


@pytest.mark.parametrize("command", ["plan", "codecs"])
def test_a_folder_that_is_no_seed_is_refused_in_one_line_with_one_that_is(command, folder):
    message = refused(pgolf("quant", command, folder.parent), 2)
    assert (
        message
        == f"pgolf: {folder.parent}: no folder of a seed that has been quantized; allowed: for example {folder}.\n"
    )


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no folder of a seed .* allowed: runs/RECIPE/SEED"):
        open_run(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"rubbish", b"[]\nmore", b'[["a.q", "torch.int8", [2, 2], 4]]\nabc'])
def test_damaged_weights_are_refused(content, folder, tmp_path):
    shutil.copytree(folder.parent, tmp_path / "smoke")
    (tmp_path / "smoke" / "1" / "2_quantize" / "weights.q").write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.q: damaged, or of another version of pgolf"):
        assert open_run(tmp_path / "smoke" / "1").stored


def test_a_plan_needs_the_trained_weights(folder, tmp_path):
    shutil.copytree(folder.parent, tmp_path / "smoke")
    shutil.rmtree(tmp_path / "smoke" / "1" / "1_train")
    with pytest.raises(InputError, match=r"weights\.pt: not found"):
        plan.plan(open_run(tmp_path / "smoke" / "1"))


def test_a_recipe_of_another_version_is_refused(folder, tmp_path):
    shutil.copytree(folder.parent, tmp_path / "smoke")
    (tmp_path / "smoke" / "recipe.resolved.json").write_text("{}")
    with pytest.raises(InputError, match="no recipe of this version of pgolf"):
        open_run(tmp_path / "smoke" / "1")


def test_an_unknown_codec_is_refused_with_those_there_are(folder):
    message = refused(pgolf("quant", "codecs", folder, "--only", "zip"), 2)
    assert "--only zip: no codec of that name here; allowed: zlib, zstd, xz, brotli" in message


def test_every_codec_setting_is_one_a_recipe_can_have():
    for text in CODECS.values():
        assert resolve(SMOKE, [f"codec={text}"]).codec.model_dump(mode="json") == json.loads(text)


def test_the_artifact_of_a_written_run_is_readable(folder):
    run = open_run(folder)
    blob = (folder / "3_package" / "model.bin").read_bytes()
    assert artifact.unpack(run.cfg.codec, run.stored.layout, blob) == run.stored.payload
