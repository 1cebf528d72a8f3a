"""When a claimed figure and a logged one agree."""

import pytest

from verify.facts.agree import agrees, claimed_fields
from verify.logs.model import Metric, Run, SeedResult
from verify.submission.model import SeedClaim

LOGGED = 1.08056137


def agreement(claimed: float, digits: int | None = None, printed: str = "1.08056137") -> bool:
    text = f"quantized_sliding_window val_loss:2.79123456 val_bpb:{printed}"
    metric = Metric("quantized_sliding_window", "sliding", 2.79123456, float(printed), None, 1, text)
    result = SeedResult(Run("train.log", 0, 1, 1, metrics=[metric]), "claimed", 42, metric=metric)
    (field,) = [
        field
        for field in claimed_fields(SeedClaim(42, val_bpb=claimed, digits=digits), result)
        if field.name == "val_bpb"
    ]
    return agrees(field)


@pytest.mark.parametrize("claimed", [1.08056137, 1.0806, 1.081, 1.0805])
def test_a_claim_agrees_at_its_own_digits_rounded_or_cut_off(claimed):
    assert agreement(claimed)


@pytest.mark.parametrize("claimed", [1.08056139, 1.0807, 1.079])
def test_a_claim_that_differs_in_its_last_digit_does_not(claimed):
    assert not agreement(claimed)


def test_a_claim_may_have_more_decimals_than_the_log_prints():
    assert agreement(1.0805613718254219, digits=16)
    assert agreement(1.0805613718254219, digits=16, printed="1.0806")
    assert not agreement(1.0805613918254219, digits=16)
