"""What PR 332 puts together, at its full size: it is described, and never filled."""

from pathlib import Path

import pytest
import torch

from pgolf.core.roles import MATRIX, SCALAR, TABLE, of_role
from pgolf.harness.resolve import as_json, resolve
from pgolf.model.attention_outputs.xsa import Xsa
from pgolf.model.gpt import GPT
from pgolf.model.rope import tables
from tests.recipes import CPU, attention, build_model, model_cfg, random_model, run

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.fixture(scope="module")
def cfg():
    found = run.parse(as_json(resolve(RECIPES / "pr0332.yaml")))
    found.model.init = "zeros"
    return found


@pytest.fixture(scope="module")
def model(cfg):
    with torch.device("meta"):
        return GPT(cfg.model)


def test_exclusive_attention_is_in_the_last_four_layers(model):
    found = [[type(part) for part in block.attn.outputs] for block in model.blocks]
    assert found == [[]] * 8 + [[Xsa]] * 4


def test_the_input_of_layer_3_is_halved(model):
    assert [round(block.scale**-2) for block in model.blocks] == list(range(1, 13))
    assert model.blocks[3].scale == 0.5


def test_six_skips_join_six_encoder_and_six_decoder_blocks(model):
    assert model.split() == (list(range(6)), list(range(6, 12)))
    assert tuple(model.skips.weights.shape) == (6, 512)


def test_the_base_of_the_rotation_is_22_082_at_the_training_length(cfg):
    rope = cfg.model.attention.rope
    assert (rope.dims, cfg.train.sequence_tokens, cfg.evaluation.score.window) == (16, 2048, 2048)
    cos, sin = tables(2048, rope.dims, rope.base, rope.train_tokens, CPU)
    frequency = torch.atan2(sin[1, 0, 1], cos[1, 0, 1]).item()
    assert frequency**-8 == pytest.approx(22_082, abs=1)


def test_the_pairs_projection_goes_with_their_table_and_only_block_matrices_with_muon(model):
    count = {role: sum(p.numel() for p in of_role(model, role)) for role in (TABLE, MATRIX, SCALAR)}
    assert count[TABLE] == 2048 * 128 + 512 * 128
    assert len(of_role(model, MATRIX)) == 72
    assert sum(count.values()) == 27_618_913 - 1024 * 512


def test_of_a_single_token_exclusive_attention_leaves_nothing():
    """It attends to itself alone, and that is what is taken out."""
    model = random_model(model_cfg(attention=attention(outputs=[{"kind": "xsa", "last_layers": None}])))
    attn = model.blocks[0].attn
    heard = []
    attn.proj.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    attn(torch.randn(3, 1, 64, generator=torch.Generator().manual_seed(0)), None)
    torch.testing.assert_close(heard[0], torch.zeros_like(heard[0]), rtol=0, atol=1e-6)
    plain = build_model(model_cfg(attention=attention(outputs=[])))
    plain.load_state_dict(model.state_dict())
    plain.blocks[0].attn.proj.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    plain.blocks[0].attn(torch.randn(3, 1, 64, generator=torch.Generator().manual_seed(0)), None)
    assert heard[1].abs().max() > 0.1
