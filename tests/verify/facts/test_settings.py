"""Which settings of runs are compared, and as what."""

import pytest

from verify.facts.settings import comparable, differences, kind_of, rules
from verify.logs.model import Event, Metric, Run, SeedResult, Value


def result(seed, settings, family="sliding", **fields):
    run = Run(f"train_seed{seed}.log", 0, 1, 99)
    run.settings = {name: Value(value, 2, f"{name}: {value}") for name, value in settings.items()}
    for name, value in fields.items():
        setattr(run, name, Value(value, 3, str(value)))
    metric = Metric("score", family, 2.7, 1.05, 90.0, 90, "score")
    return SeedResult(run, "claimed", seed, metric=metric, metric_run=run)


def test_names_of_runs_and_places_are_no_setting():
    one = result(1, {"seed": "1", "run_id": "a", "logfile": "x", "rank": "0", "lr": "0.02"})
    assert set(comparable(one)) == {"lr"}


def test_paths_are_compared_by_their_last_part():
    one = result(1, {"datasets_dir": "/a/fineweb10B_sp8192"})
    two = result(2, {"datasets_dir": "./data/fineweb10B_sp8192/"})
    assert differences([one, two]) == []
    other = result(3, {"datasets_dir": "./data/fineweb10B_sp1024"})
    assert [difference.name for difference in differences([one, other])] == ["datasets_dir"]


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("1", "42", []),  # the seed under a name of its own
        ("out/base_seed1/model.pt", "out/base_seed42/model.pt", []),
        ("out/wide_seed1/model.pt", "out/deep_seed42/model.pt", ["x"]),
        ("0.1", "0.42", ["x"]),
        ("1e-3", "42e-3", ["x"]),
        ("2", "42", ["x"]),
    ],
)
def test_values_that_differ_by_the_seed_alone_are_no_difference(one, other, names):
    found = differences([result(1, {"x": one}), result(42, {"x": other})])
    assert [difference.name for difference in found] == names


def test_a_seed_that_is_not_known_explains_nothing():
    assert len(differences([result(None, {"x": "a1"}), result(42, {"x": "a42"})])) == 1


@pytest.mark.parametrize(
    "name", ["batch_stride", "code_bytes", "hypothesis", "load_checkpoint_path", "run_kind", "test_date", "test_id"]
)
def test_what_is_drawn_from_the_seed_or_says_what_a_run_is_for_is_no_setting(name):
    assert differences([result(1, {name: "63"}), result(2, {name: "47"}), result(3, {name: "47"})]) == []


def test_only_what_all_runs_print_is_compared():
    assert differences([result(1, {"lr": "0.02"}), result(2, {})]) == []


def test_a_setting_of_the_claimed_evaluation_counts_and_of_another_does_not():
    assert kind_of("ttt_epochs", "ttt") == "training"
    assert kind_of("ttt_epochs", "sliding") == "evaluation"
    assert kind_of("matrix_lr", "sliding") == "training"
    assert kind_of("train_shards", "ttt") == "shards"


def test_counts_of_tokens_that_differ_by_a_window_are_told_apart():
    found = differences([result(1, {}, val_tokens=40_540_160), result(2, {}, val_tokens=40_546_304)])
    assert [difference.kind for difference in found] == ["window"]


def test_settings_of_the_evaluation_are_those_of_the_run_that_scores():
    trained, scored = (
        result(1, {"ttt_lr": "0.1", "lr": "0.02"}, "ttt"),
        result(1, {"ttt_lr": "0.2", "lr": "0.03"}, "ttt"),
    )
    trained.metric_run = scored.run
    found = comparable(trained)
    assert found["ttt_lr"][0].value == "0.2"
    assert found["lr"][0].value == "0.02"


def test_a_printed_reserve_is_a_setting():
    one, two = result(1, {}), result(2, {})
    for made, seconds in ((one, 586.0), (two, 591.0)):
        made.run.events = [Event("reserve", {"effective_seconds": seconds}, 5, "gptq:reserving")]
    assert [str(difference) for difference in differences([one, two])] == ["training_seconds_left 586.0 / 591.0"]


def test_no_name_is_in_two_lists():
    lists = [rules()["per_run"], rules()["harmless"], rules()["data"]]
    assert sum(map(len, lists)) == len({name for names in lists for name in names})
