"""submission.json in the shapes people gave it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.submission.metadata import read_metadata
from verify.submission.model import Metadata


def read(value: object, **options) -> Metadata:
    return read_metadata("submission.json", value if isinstance(value, str) else json.dumps(value, **options))[0]


def of_seeds(found: Metadata, field: str = "val_bpb") -> dict:
    return {claim.seed: getattr(claim, field) for claim in found.seed_results}


def test_the_plain_shape_is_read_with_lines_keys_and_digits():
    found = read(
        '{\n  "author": "a",\n  "github_id": "b",\n'
        '  "name": "c",\n  "date": "2026-04-01",\n'
        '  "val_bpb": 1.0810,\n  "bytes_total": 15990006,\n'
        '  "bytes_code": 60000\n}'
    )
    assert (found.author, found.github_id, found.name, found.date) == ("a", "b", "c", "2026-04-01")
    assert (found.val_bpb, found.val_bpb_digits, found.lines["val_bpb"]) == (1.081, 4, 6)
    assert (found.artifact_bytes, found.keys["artifact_bytes"], found.code_bytes) == (15990006, "bytes_total", 60000)
    assert found.artifact_rounding_bytes == 0


@pytest.mark.parametrize(
    ("value", "number", "digits"),
    [
        ("1.0810", 1.081, 4),
        ("~1.08 (3 seeds)", 1.08, 2),
        (1, 1.0, 0),
        ("pending", None, None),
        ("TBD", None, None),
        (None, None, None),
        (True, None, None),
        ([], None, None),
    ],
)
def test_a_score_in_quotes_is_a_number_and_a_placeholder_is_none(value, number, digits):
    found = read({"val_bpb": value})
    assert (found.val_bpb, found.val_bpb_digits) == (number, digits)


@pytest.mark.parametrize(
    ("key", "value", "field", "meant"),
    [
        ("bytes_total", "15.9 MB", "artifact_bytes", 15_900_000),
        ("artifact_size_mb", 14.5, "artifact_bytes", 14_500_000),
        ("total_submission_bytes", "15,990,006 bytes", "artifact_bytes", 15_990_006),
        ("artifact_bytes", "15.2 MiB", "artifact_bytes", 15_938_355),
        ("training_time", "~600s", "train_seconds", 600.0),
        ("train_time_ms", 598028, "train_seconds", 598.028),
        ("training_time_minutes", 10, "train_seconds", 600.0),
        ("training_time_hours", 4.5, "train_seconds", 16_200.0),
        ("eval_time_seconds", "8 min", "eval_seconds", 480.0),
        ("eval_time_ms", 118402, "eval_seconds", 118.402),
        ("train_steps_mean", 4931.33, "steps", 4931.33),
        ("step_stop", "9,872", "steps", 9872),
        ("bytes_model_int6_zstd", 15468512, "model_bytes", 15468512),
        ("mean_val_bpb", 1.1, "val_bpb", 1.1),
        ("std_bpb", "0.0005", "val_bpb_std", 0.0005),
        ("gpu", "8xH100 SXM", "hardware", "8xH100 SXM"),
        ("pytorch_version", "2.9.1+cu128", "torch_version", "2.9.1+cu128"),
        ("authors", ["a", "b"], "author", "a, b"),
        ("author", {"name": "a", "github": "g"}, "author", "a"),
    ],
)
def test_other_names_and_units_come_to_the_same(key, value, field, meant):
    assert getattr(read({key: value}), field) == pytest.approx(meant)


def test_a_size_in_megabytes_says_how_far_it_is_rounded():
    assert read({"bytes_total": "15.9 MB"}).artifact_rounding_bytes == 50_000
    assert read({"seed_results": {"42": {"artifact_mb": 15.93}}}).seed_results[0].artifact_rounding_bytes == 5_000


SEEDS = {42: 1.0801, 314: 1.0812}
SHAPES = {
    "object of objects": {"seed_results": {"42": {"val_bpb": 1.0801}, "314": {"val_bpb": 1.0812}}},
    "object of numbers": {"seed_results": {"42": 1.0801, "314": 1.0812}},
    "seed_ in the keys": {
        "results": {"seed_42": {"val_bpb": 1.0801}, "seed_314": {"val_bpb": 1.0812}, "mean_val_bpb": 1.08}
    },
    "list of objects": {"seeds": [{"seed": 42, "val_bpb": 1.0801}, {"seed": 314, "val_bpb": 1.0812}]},
    "seed in quotes": {"per_seed": [{"seed": "42", "final_bpb": "1.0801"}, {"seed": "314", "final_bpb": "1.0812"}]},
    "parallel lists": {"seeds": [42, 314], "val_bpb_seeds": [1.0801, 1.0812]},
    "parallel lists in quotes": {"seeds": ["42", "314"], "per_seed_val_bpb": ["1.0801", "1.0812"]},
    "seed_bpbs": {"seeds": [42, 314], "seed_bpbs": [1.0801, 1.0812]},
    "scores by seed": {"val_bpb_by_seed": {"42": 1.0801, "314": 1.0812}},
    "val_bpb itself": {"val_bpb": {"seed_42": 1.0801, "seed_314": 1.0812, "mean": 1.08065}},
    "flat keys": {"val_bpb_seed42": 1.0801, "val_bpb_seed314": 1.0812},
    "objects at the top": {"seed_42": {"val_bpb": 1.0801}, "seed_314": {"val_bpb": 1.0812}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_seeds_are_read_in_every_form(shape):
    found = read(SHAPES[shape])
    assert of_seeds(found) == SEEDS
    assert found.seeds == (42, 314)
    assert all(claim.digits == 4 and claim.place.line == 1 for claim in found.seed_results)


def test_the_mean_inside_a_dictionary_of_scores_is_the_claim():
    found = read(SHAPES["val_bpb itself"])
    assert (found.val_bpb, found.val_bpb_digits) == (1.08065, 5)


def test_fields_of_seeds_in_different_places_are_joined():
    found = read(
        {
            "seeds": [42, 314],
            "seed_results": {"42": 1.08, "314": 1.09},
            "artifact_bytes_per_seed": {"42": 15, "314": 16},
            "eval_time_seconds": [500, 501.5],
        }
    )
    assert of_seeds(found, "artifact_bytes") == {42: 15, 314: 16}
    assert of_seeds(found, "eval_seconds") == {42: 500, 314: 501.5}
    assert found.eval_seconds is None


def test_a_unit_in_a_per_seed_key_counts():
    found = read({"eval_time_ms_by_seed": {"42": 502131}, "seed_results": {"7": {"eval_time_ms_total": 1000}}})
    assert of_seeds(found, "eval_seconds") == {7: 1.0, 42: 502.131}


def test_variants_of_a_seed_carry_their_label():
    found = read({"seed_results": {"1337_conservative": {"val_bpb": 1.1}, "1337": {"val_bpb": 1.2}}})
    assert [(claim.seed, claim.label, claim.val_bpb) for claim in found.seed_results] == [
        (1337, "conservative", 1.1),
        (1337, "", 1.2),
    ]


def test_scores_without_a_seed_have_none():
    found = read({"seed_results": [1.1, 1.2]})
    assert [(claim.seed, claim.val_bpb) for claim in found.seed_results] == [(None, 1.1), (None, 1.2)]
    assert of_seeds(read({"seeds": {"seed1": {"val_bpb": 1.0}, "seed2": {"val_bpb": 1.1}}})) == {None: 1.1}


def test_superseded_and_ablation_runs_are_no_claims():
    found = read(
        {
            "seed_results": {"42": 1.08},
            "superseded_seeds_v1": {"7": {"val_bpb": 0.85}},
            "seed_9_old": {"val_bpb": 1.2},
        }
    )
    assert of_seeds(found) == {42: 1.08}


def test_metrics_in_a_section_stand_in_for_missing_ones():
    found = read({"metrics": {"val_bpb": 1.08, "val_loss": 2.7}, "val_loss": 2.8})
    assert (found.val_bpb, found.val_loss, found.keys["val_bpb"]) == (1.08, 2.8, "metrics.val_bpb")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"non_record": True}, "non-record"),
        ({"is_record": True}, "record"),
        ({"track": "non-record-16mb"}, "non-record"),
        ({"status": "in-progress"}, "in-progress"),
        ({}, None),
    ],
)
def test_whether_it_is_a_record_is_said_as_far_as_the_file_says_it(value, status):
    assert read(value).status == status


@pytest.mark.parametrize(
    "text",
    [
        '{"val_bpb": NaN}',
        '{"val_bpb": Infinity}',
        '{"val_bpb": 1e999}',
        '{"val_bpb": "1e31"}',
        '{"val_bpb": ' + "9" * 10_000 + "}",
        '{"val_bpb": "9e99999"}',
        '{"val_bpb": "' + "9" * 10_000 + '"}',
    ],
)
def test_nan_infinity_and_huge_numbers_are_no_scores(text):
    found, problems = read_metadata("submission.json", text)
    assert found.val_bpb is None
    assert problems or '"' in text[12:]


@pytest.mark.parametrize("text", ["", "[1,2]", '"text"', "null", "42", "<html>", "\x00\x01"])
def test_what_is_no_object_is_a_problem(text):
    found, problems = read_metadata("submission.json", text)
    assert found.val_bpb is None
    assert any("no JSON object" in problem.sentence for problem in problems)


def test_a_trailing_comma_is_a_problem_and_the_values_are_read():
    found, problems = read_metadata("submission.json", '{\n"val_bpb": 1.08,\n}')
    assert found.val_bpb == 1.08
    assert [problem.line for problem in problems] == [3]


@pytest.mark.parametrize(
    "value",
    [
        {"seed_results": [[[]]]},
        {"seeds": {"42": [1, 2]}},
        {"seeds": [{}, {"seed": {}}]},
        {"seed_results": {"": {}, "x": 1}},
        {"val_bpb": {"42": {}}},
        {"author": [[]], "date": {}, "name": 5},
        {"seeds": [True, None]},
        {"seed_results": {"99999999999999999999": 1.0}},
        {"SEED-RESULTS": {"42": 1.0}},
    ],
)
def test_wrong_types_are_survived(value):
    read(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1.08", "15.9 MB", "~600s", "42", "seed_42"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "val_bpb",
                    "seeds",
                    "seed_results",
                    "42",
                    "seed_7",
                    "seed",
                    "val_bpb_seeds",
                    "artifact_bytes",
                    "results",
                    "mean",
                    "val_bpb_seed42",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=16,
)


@patient
@given(JSON)
def test_any_json_is_survived_and_gives_finite_numbers(value):
    found = read(value)
    for claim in found.seed_results:
        assert claim.seed is None or isinstance(claim.seed, int)
        assert claim.val_bpb is None or abs(claim.val_bpb) <= 1e30
