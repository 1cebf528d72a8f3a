"""What is illegal cannot be said in a recipe, and trying says why."""

import re

import pytest

from pgolf.core.errors import InputError
from pgolf.harness.resolve import kinds_of, parts_in, resolve
from pgolf.harness.ruled_out import ruling
from pgolf.harness.schema.base import Part
from pgolf.harness.schema.recipe import Recipe
from tests.command import ROOT

PR1394 = ROOT / "recipes" / "pr1394.yaml"
ILLEGAL = {  # what somebody may write: the ruling that the refusal names
    "evaluation.score={kind: pre_quant_ttt, epochs: 6}": "PR 1376",
    "evaluation.score={kind: slot}": "PRs 1229",
    "evaluation.score={kind: ttt_two_pass}": "PRs 846",
    "evaluation.score={kind: ttt_best_of_epochs}": "PRs 846",
    "evaluation.score={kind: hashed_ngram_mix}": "PR 982",
    "evaluation.score={kind: ppm}": "announcement 1902",
    "evaluation.score={kind: etlb}": "issue 1336",
    "evaluation.score.word_start_hints=true": "PR 1420",
    "evaluation.validation_documents=10000": "issue 2127",
    "quant.calibration_val=true": "PR 728",
    "train.prequant_ttt_epochs=6": "announcement 1902",
}
assert len(ILLEGAL) == 11


def names_in(part: type[Part]) -> set[str]:
    """Every kind and field that a recipe can say below `part`."""
    names = set(kinds_of(part)) | set(part.model_fields)
    for field in part.model_fields.values():
        for inner in parts_in(field.annotation):
            names |= names_in(inner)
    return names


@pytest.mark.parametrize(("setting", "precedent"), ILLEGAL.items(), ids=ILLEGAL)
def test_trying_an_illegal_technique_names_the_public_ruling(setting, precedent):
    with pytest.raises(InputError) as refused:
        resolve(PR1394, [setting])
    assert precedent in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_no_technique_and_no_field_has_a_name_that_is_ruled_out():
    names = names_in(Recipe)
    assert len(names) >= 80
    assert {name for name in names if ruling(name)} == set()


def test_a_name_that_is_merely_unknown_gets_the_list_of_those_that_are_known():
    with pytest.raises(InputError, match=re.escape("allowed: ")):
        resolve(PR1394, ["evaluation.score={kind: slidin}"])
