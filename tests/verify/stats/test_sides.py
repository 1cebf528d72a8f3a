"""What may be named as a side of a test, and the record a side is held to."""

import pytest

from tests.verify.folders import record_folder
from verify.errors import BadInput
from verify.stats.leaderboard import Leaderboard
from verify.stats.sides import VARIANTS, side

BOARD = Leaderboard.load()


@pytest.mark.parametrize("text", ["1855", "#1855", "pr1855", "PR 1855", " 1855 "])
def test_a_row_is_named_by_its_pull_request(text):
    found = side(text, BOARD)
    assert found.row is BOARD.row(1855)
    assert [group.relation for group in found.groups] == ["own", "reproduction"]


@pytest.mark.parametrize(
    "text", ["1.08,1.081,1.0795", "1.08, 1.081, 1.0795", "1.08 1.081 1.0795", "1.08,1.081,1.0795,"]
)
def test_values_stand_in_a_list(text):
    assert side(text, BOARD).groups[0].sample.values == (1.08, 1.081, 1.0795)


def test_one_value_is_a_side_without_a_spread():
    assert side("1.08", BOARD).groups[0].sample.std is None


@pytest.mark.parametrize("text", ["1.0758±0.0007×3", "1.0758 ± 0.0007 x 3", "1.0758+-0.0007*3", "1.0758+/-0.0007x3"])
def test_a_mean_stands_with_its_deviation_and_number(text):
    sample = side(text, BOARD).groups[0].sample
    assert (sample.mean, sample.std, sample.n) == (1.0758, 0.0007, 3)


@pytest.mark.parametrize("text", ["99999", "no/such/folder", "1.0.0,1.2", "1.08,x", "", "1.0758±0.0007", "1.07±..×3"])
def test_anything_else_is_bad_input_with_a_remedy(text):
    with pytest.raises(BadInput, match="Give"):
        side(text, BOARD)


def test_a_name_with_escapes_is_not_printed_as_it_is():
    with pytest.raises(BadInput) as found:
        side("\x1b[31mred", BOARD)
    assert "\x1b" not in str(found.value)


def test_a_record_folder_is_read_from_its_logs(tmp_path):
    found = side(str(record_folder(tmp_path)), BOARD)
    assert sorted(found.groups[0].sample.values) == sorted((1.05412873, 1.05398214, 1.05437066))
    assert found.bytes_per_token == pytest.approx(VARIANTS["sp8192"], rel=1e-3)


def test_a_folder_without_logs_is_bad_input(tmp_path):
    (tmp_path / "README.md").write_text("# nothing\n")
    with pytest.raises(BadInput, match="no log shows"):
        side(str(tmp_path), BOARD)


def test_the_variants_are_those_of_the_board():
    found = {
        (row.tokenizer or "").split()[-1].lower(): row.bytes_per_token for row in BOARD.rows if row.track == "10min"
    }
    for name in ("sp1024", "sp4096", "sp8192", "caseops"):
        assert VARIANTS[name] == pytest.approx(found[name], rel=2e-4)
