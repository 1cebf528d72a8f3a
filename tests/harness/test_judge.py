import pytest

from pgolf.harness.judge import faults, missing_seeds, mixed
from pgolf.harness.resolve import resolve
from tests.command import ROOT

RECIPE = resolve(ROOT / "recipes" / "pr1394.yaml")  # 600 s, 600 s, 16,000,000 bytes; seeds 1 42 1234 1337 2025


def run(seed=1, **changes):
    """A run that is just within every budget, with values at dotted paths changed: bytes__model=1."""
    record = {
        "seed": seed,
        "recipe_digest": "d1",
        "script_sha256": "s1",
        "script_bytes": 20_000,
        "world_size": 8,
        "parameters": 100,
        "data": {"variant": "sp8192", "sha256": {"a.bin": "f1"}},
        "train": {"outside_seconds": 588.0},
        "calibration": {"outside_seconds": 12.0},
        "bytes": {"code": 20_000, "model": 15_980_000, "total": 16_000_000},
        "scores": {"final": {"outside_seconds": 600.0, "val_bpb": 1.08, "tokens": 40_540_160, "bytes": 151_078_221}},
    }
    for name, value in changes.items():
        *path, last = name.split("__")
        part = record
        for key in path:
            part = part[key]
        part[last] = value
    return record


FAULTS = {
    "a byte too many": (
        {"bytes__model": 15_980_001, "bytes__total": 16_000_001},
        "16,000,001 bytes (code 20,000, model 15,980,001) are 1 over 16,000,000. Lower quant bits, raise clip_sigmas, or make "
        "the model smaller.",
    ),
    "another script than the one that was measured": (
        {"script_bytes": 19_999},
        "the script that was measured has 20,000 bytes, the one that ships 19,999.",
    ),
    "training too long": (
        {"train__outside_seconds": 588.04},
        "training 588.0 s + calibration 12.0 s is 0.040 s over 600 s. Raise budgets.calibration_reserve_seconds or lower "
        "train.stop.steps.",
    ),
    "calibration too long": (
        {"calibration__outside_seconds": 30.5},
        "training 588.0 s + calibration 30.5 s is 18.500 s over 600 s. Raise budgets.calibration_reserve_seconds or lower "
        "train.stop.steps.",
    ),
    "a validation stream that is cut short": (
        {"scores__final__tokens": 40_000_000},
        "40,000,000 targets of 151,078,221 bytes were scored; sp8192 has 40,540,160 targets of 151,070,000 to 151,090,000 bytes. "
        "Run `pgolf data check`.",
    ),
    "evaluation too long": ({"scores__final__outside_seconds": 600.25}, "evaluation took 600.2 s, 0.250 s over 600 s."),
}
DIFFERENT = {
    "recipe_digest": "d2",
    "script_sha256": "s2",
    "world_size": 4,
    "parameters": 101,
    "data": {"variant": "sp8192", "sha256": {"a.bin": "f2"}},
}
assert (len(FAULTS), len(DIFFERENT)) == (6, 5)


def test_a_run_just_within_its_budgets_has_no_fault():
    assert faults(run(), RECIPE) == []


@pytest.mark.parametrize(("changes", "sentence"), FAULTS.values(), ids=FAULTS)
def test_each_fault_alone_is_found_and_is_one_sentence(changes, sentence):
    assert faults(run(**changes), RECIPE) == [sentence]


def test_a_caseops_run_is_judged_by_the_counts_of_its_own_export():
    variant = {"data__variant": "sp8192_lossless_caps_caseops_v1_reserved", "scores__final__bytes": 151_074_499}
    assert faults(run(**variant, scores__final__tokens=47_851_520), RECIPE) == []
    (fault,) = faults(run(**variant), RECIPE)
    assert "40,540,160 targets of 151,074,499 bytes were scored" in fault
    (fault,) = faults(run(**variant | {"scores__final__bytes": 144_000_000}, scores__final__tokens=47_851_520), RECIPE)
    assert "144,000,000 bytes" in fault


def test_all_faults_together_are_all_found():
    changes = {name: value for change, _ in FAULTS.values() for name, value in change.items()}
    assert len(faults(run(**changes), RECIPE)) == 5


def test_the_budgets_are_those_of_the_recipe():
    short = resolve(ROOT / "recipes" / "pr1394.yaml", ["budgets.eval_seconds=59.0"])
    assert faults(run(), short) == ["evaluation took 600.0 s, 541.000 s over 59 s."]


@pytest.mark.parametrize(("seeds", "missing"), [((), [1, 42, 1234, 1337, 2025]), ((1337, 1, 42), [1234, 2025])])
def test_seeds_that_have_not_been_run_are_named(seeds, missing):
    assert missing_seeds([run(seed) for seed in seeds], RECIPE) == missing


def test_with_all_seeds_none_is_missing():
    assert missing_seeds([run(seed) for seed in RECIPE.seeds], RECIPE) == []


def test_runs_of_the_same_thing_are_not_mixed():
    assert mixed([run(seed, train__outside_seconds=float(seed)) for seed in RECIPE.seeds]) == []


@pytest.mark.parametrize(("name", "value"), DIFFERENT.items(), ids=DIFFERENT)
def test_one_seed_that_ran_another_thing_is_found(name, value):
    assert mixed([run(1), run(42, **{name: value}), run(1337)]) == [name]


def test_everything_in_which_seeds_differ_is_told():
    assert mixed([run(1), run(42, **DIFFERENT)]) == list(DIFFERENT)
