"""What of PR 1855's recipe must go together."""

import pytest

from pgolf.core.errors import InputError
from pgolf.harness.resolve import resolve
from tests.command import ROOT

PR1855 = ROOT / "recipes" / "pr1855.yaml"
WRONG = {
    "lanes in the loop": (["model.residual.lanes_start_layer=5"], "lanes_start_layer 5 must be in the second half"),
    "lanes before the decoder": (
        ["model.residual.lanes_start_layer=4", "model.depth={kind: once}"],
        "lanes_start_layer 4 must be in the second half",
    ),
    "lanes beyond the layers": (
        ["model.residual.lanes_start_layer=11"],
        "lanes_start_layer 11 must be in the second half",
    ),
    "skips that know one stream": (["model.skips.kind=gated_unet"], "two_lane needs skips.kind gated_unet_lane"),
    "documents that attention does not know": (
        ["data.loader={kind: sequential}"],
        "documents and gqa_documents need one another",
    ),
    "segments longer than attention looks": (["model.attention.max_tokens=1024"], "max_tokens 1024 is below"),
    "steps across rows": (["quant.group=100"], "quant.group 100 does not divide"),
    "more steps than coefficients": (["optim.matrix.newton_schulz_steps=6"], "newton_schulz_steps"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_go_together_is_refused(case):
    settings, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        resolve(PR1855, settings)


@pytest.mark.parametrize("layer", [6, 10])
def test_two_lanes_may_begin_anywhere_after_the_loop(layer):
    assert resolve(PR1855, [f"model.residual.lanes_start_layer={layer}"]).model.layers == 11


def test_a_shrink_leaves_alone_what_the_recipe_does_not_want():
    assert resolve(PR1855, scale="tiny").model.attention.rope.train_tokens is None
