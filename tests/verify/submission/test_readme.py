"""READMEs: headline, deviation, per-seed tables, commands, hardware."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.submission.markdown import read_blocks
from verify.submission.model import Readme
from verify.submission.readme import read_readme

README = """# Record: wide layers (val_bpb 1.0541)

**val_bpb: 1.05416** (3-seed mean, std 0.0004) | ~15.98 MB | 8xH100 80GB SXM

| Seed | Steps | Pre-quant BPB | **TTT BPB** | Artifact (bytes) | Train time | Eval (s) |
|------|------:|------|------|------|------|------|
| 42   | 4,550 | 1.0651 | **1.0539** | 15,991,930 | 588.0s | 366.5 |
| 314  | 4,551 | 1.0655 | **1.0542** | 15,992,919 | 588.1s | 365.0 |
| 999  | 4,549 | 1.0653 | **1.0544** | 15,993,232 | 588.0s | 367.1 |
| **Mean** | | **1.0653** | **1.0542** | | | |
| **Std** | | 0.0002 | **0.0003** | | | |

## Run

```bash
pip install brotli sentencepiece
export DATA_DIR=./data
SEED=42 TTT_ENABLED=1 \\
  torchrun --standalone --nproc_per_node=8 train_gpt.py
```
"""


def read(text: str, expected: float | None = None) -> Readme:
    return read_readme("README.md", text, expected)[0]


def test_a_usual_readme_is_read():
    found = read(README)
    assert found.title == "Record: wide layers (val_bpb 1.0541)"
    assert (found.headline_bpb, found.headline_digits, found.headline.line) == (1.0541, 4, 1)
    assert found.hardware == "8xH100 80GB SXM"
    assert [
        (
            claim.seed,
            claim.val_bpb,
            claim.digits,
            claim.artifact_bytes,
            claim.steps,
            claim.train_seconds,
            claim.eval_seconds,
        )
        for claim in found.seed_results
    ] == [
        (42, 1.0539, 4, 15_991_930, 4550, 588.0, 366.5),
        (314, 1.0542, 4, 15_992_919, 4551, 588.1, 365.0),
        (999, 1.0544, 4, 15_993_232, 4549, 588.0, 367.1),
    ]
    assert found.seed_results[0].place.line == 7
    assert found.std_bpb == 0.0003
    assert [(place.line, place.quote) for place in found.commands] == [
        (18, "SEED=42 TTT_ENABLED=1 torchrun --standalone --nproc_per_node=8 train_gpt.py")
    ]
    assert {name: place.quote for name, place in found.environment.items()} == {
        "DATA_DIR": "./data",
        "SEED": "42",
        "TTT_ENABLED": "1",
    }


def test_of_several_scores_the_one_of_the_metadata_is_the_headline():
    found = read(README, expected=1.05416)
    assert (found.headline_bpb, found.headline_digits, found.headline.line) == (1.0541, 4, 1)
    found = read("# X\n\nSliding val_bpb: 1.0653\n\nTTT val_bpb: 1.0542\n", expected=1.05416)
    assert found.headline_bpb == 1.0542


@pytest.mark.parametrize(
    ("line", "score"),
    [
        ("val_bpb = **1.0810** (3-seed mean)", 1.081),
        ("**1.0810 BPB**", 1.081),
        ("Mean: 1.08103 bits per byte", 1.08103),
        ("Score `val_bpb:1.08103`", 1.08103),
        ("final val_loss:1.95946000 val_bpb:1.16050360", 1.1605036),
        ("3-seed mean **1.0810 BPP**", 1.081),
        ("improves on the baseline val_bpb 1.2244", None),
        ("Pre-quant eval at stop: val_loss:2.0592, val_bpb:1.2196", None),
        ("a gain of -0.0193 bpb", None),
        ("bpb 12.5", None),
        ("trained for 1.08 hours", None),
    ],
)
def test_a_score_in_prose_is_the_headline_unless_it_compares(line, score):
    assert read(f"# Title\n\n{line}\n").headline_bpb == score


def test_the_mean_of_the_table_stands_in_where_no_text_has_a_score():
    found = read(README.partition("| Seed")[1] + README.partition("| Seed")[2])
    assert (found.headline_bpb, found.headline_digits) == (1.0542, 4)


def test_the_column_that_gives_the_claim_counts_whatever_it_is_called():
    table = "| Seed | A bpb | B bpb |\n|---|---|---|\n| 1 | 1.2000 | 1.3000 |\n| 2 | 1.2002 | 1.3002 |\n"
    assert [claim.val_bpb for claim in read(table, expected=1.2001).seed_results] == [1.2, 1.2002]
    assert [claim.val_bpb for claim in read(table, expected=1.3001).seed_results] == [1.3, 1.3002]


@pytest.mark.parametrize(
    ("header", "score"),
    [
        ("Sliding BPB | Post-quant BPB", 1.1),
        ("TTT BPB | Sliding BPB", 1.1),
        ("Pre-TTT BPB | Post-TTT BPB", 1.2),
        ("BPB gain | val_bpb", 1.2),
        ("val_bpb | BPB (no TTT)", 1.1),
    ],
)
def test_without_a_claim_the_column_that_sounds_final_counts(header, score):
    assert read(f"| Seed | {header} |\n|---|---|---|\n| 42 | 1.1 | 1.2 |\n").seed_results[0].val_bpb == score


def test_the_total_of_evaluation_counts_and_clocks_are_read():
    table = "| Seed | TTT time | Eval Total | Train |\n|---|---|---|---|\n| 42 | 304.5s | 9:38 | 276.1+292.7=568.8s |\n"
    claim = read(table).seed_results[0]
    assert (claim.eval_seconds, claim.train_seconds, claim.artifact_bytes) == (578.0, None, None)


def test_a_score_column_without_the_word_counts_where_it_gives_the_claim():
    table = "| Seed | Pre-TTT BPB | Post-TTT (s=64) |\n|---|---|---|\n| 42 | 1.1518 | 1.0704 |\n"
    assert read(table, expected=1.0704).seed_results[0].val_bpb == 1.0704


def test_reference_rows_of_named_runs_are_no_claims():
    table = "| Run | Seed | BPB |\n|---|---|---|\n| earlier PR | 1337 | 1.05 |\n| train_seed42.log | 42 | 1.06 |\n"
    assert [(claim.seed, claim.val_bpb) for claim in read(table).seed_results] == [(42, 1.06)]


def test_two_runs_of_one_seed_are_told_apart_by_label():
    table = "| Seed | BPB |\n|---|---|\n| 1337 (run 1) | 1.05 |\n| 1337 (run 2) | 1.06 |\n"
    assert [(claim.seed, claim.label) for claim in read(table).seed_results] == [(1337, "(run 1)"), (1337, "(run 2)")]


def test_of_several_tables_the_one_that_gives_the_claim_counts():
    ablation = "| Seed | val_bpb |\n|---|---|\n| 42 | 1.3 |\n| 314 | 1.4 |\n\n"
    own = "| Seed | val_bpb |\n|---|---|\n| 42 | 1.08 |\n| 314 | 1.09 |\n"
    assert [claim.val_bpb for claim in read(ablation + own, expected=1.085).seed_results] == [1.08, 1.09]


def test_a_table_with_seeds_as_columns_is_turned():
    found = read(
        "| Metric | Seed 42 | Seed 314 | Mean |\n"
        "|---|---|---|---|\n| val_bpb | 1.08 | 1.09 | 1.085 |\n"
        "| Artifact bytes | 15,900,000 | 15,900,100 | |\n"
    )
    assert [(claim.seed, claim.val_bpb, claim.artifact_bytes) for claim in found.seed_results] == [
        (42, 1.08, 15_900_000),
        (314, 1.09, 15_900_100),
    ]


def test_sizes_of_a_second_table_of_the_same_seeds_are_joined():
    found = read(
        "| Seed | BPB |\n|---|---|\n"
        "| 1 | 1.08 |\n| 2 | 1.09 |\n"
        "\n| Seed | Total size (MB) | ms/step |\n"
        "|---|---|---|\n| 1 | 15.93 | 85 |\n"
        "| 2 | 15.94 | 86 |\n"
    )
    assert [(claim.artifact_bytes, claim.artifact_rounding_bytes, claim.steps) for claim in found.seed_results] == [
        (15_930_000, 5000, None),
        (15_940_000, 5000, None),
    ]


def test_a_mean_and_deviation_in_one_cell_are_read():
    assert read("| Seed | val_bpb |\n|---|---|\n| 1 | 1.08 |\n| **Mean** | **1.0810 ± 0.0005** |\n").std_bpb == 0.0005
    assert read("# X\n\nval_bpb 1.0810 ± 0.0007\n").std_bpb == 0.0007


def test_a_table_of_other_things_says_nothing_of_seeds():
    found = read("| Config | val_bpb |\n|---|---|\n| A | 1.08 |\n\n| Seed words | x |\n|---|---|\n| abc | 1 |\n")
    assert found.seed_results == ()
    assert [table.header for table in found.tables] == [("Config", "val_bpb"), ("Seed words", "x")]


def test_inline_marks_and_escapes_are_taken_off():
    blocks = read_blocks(
        "# **A** [b](http://c) `d_e` f\\_g\\|h <b>i</b>\n\n| x\\_y | *z* |\n|---|---|\n| 1\\|2 | [q](r) |\n"
    )
    assert blocks.title == "A b d_e f_g|h i"
    assert blocks.tables[0].header == ("x_y", "z")
    assert blocks.tables[0].rows == (("1|2", "q"),)


def test_html_and_escapes_in_a_readme_stay_text():
    found = read("# <script>alert(1)</script>\x1b[31m\n\n<img src=x onerror=alert(1)> val_bpb 1.08\n")
    assert "<script>" in found.title
    assert found.headline_bpb == 1.08


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "> " * 25_000,
        "- " * 25_000,
        "|" * 50_000,
        "| a " * 10_000 + "\n" + "|---" * 10_000 + "\n" + "| 1 |\n" * 100,
        "`" * 50_000,
        "*" * 50_000,
        "_ *" * 15_000,
        "![](" * 12_500,
        "<b" * 25_000,
        "\\" * 50_000,
        "#" * 50_000,
        "1. " * 15_000,
        "\n" * 50_000,
        "```\n" * 12_500,
        "bpb " * 12_500,
        "1.08 bpb (" * 5_000,
        "std " * 12_500,
        "8xH100 " * 6_250,
        "a" * 50_000,
        "```sh\n" + "python " * 7_000 + "\n```\n",
        "```sh\n" + "A=\\\n" * 10_000 + "```\n",
        "```sh\n" + "export " * 7_000 + "```",
        "| Seed | val_bpb |\n|---|---|\n" + "| 42 | 1.08 |\n" * 3_250,
        "> " * 30 + "a\n" * 15_000,
        ("> " * 20 + "\n") * 4_000,
        ("-" * 300 + "\n") * 600,
        "[a]: b\n" * 6_250,
        "    " * 10_000 + "x",
        "pip -x " * 7_000 + "install",
        "bp" * 25_000,
        "± " * 15_000,
        "| " * 22_500 + "\n" + "--|" * 2,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_quadratic_bait_is_read_in_seconds(text):
    start = time.process_time()
    read_readme("README.md", text, 1.08)
    assert time.process_time() - start < 2


def test_a_readme_without_end_is_cut_and_reported():
    _, problems = read_readme("README.md", "word " * 100_000)
    assert "only read up to" in problems[0].sentence
    assert read("word " * 100_000 + "\n\n# Title\n").title == ""


@patient
@given(st.text(alphabet="|-:> *`#[]()1.08bpSed\n\t\\", max_size=300), st.sampled_from([None, 1.08]))
def test_any_markdown_is_survived(text, expected):
    read_readme("README.md", text, expected)
