"""PR 1218 and its successors: the whole model against its formulas in float64, and what layers that run twice share."""

import copy

import pytest
import torch

from pgolf.core.roles import TABLE, of_role
from pgolf.model import gpt
from pgolf.model.depth import loop_from_step
from pgolf.model.skips import gated_unet_capped
from pgolf.optim.schedule.progress import Progress
from tests.recipes import ONCE, build_model, model_cfg, random_model, tree, value_attention
from tests.recipes import loop_from_step as depth

WIDTH, HEADS, GROUP, HEAD, ROTATED, LAYERS = 64, 4, 2, 16, 8, 11
CAPPED = {"kind": "gated_unet_capped", "slots": 5}
ATTENTION = value_attention(layers=[9, 10])
EARLY, TWO, THREE = [*range(11)], [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10], [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 9, 10]


def cfg_of(depth, skips=CAPPED):
    return model_cfg(layers=LAYERS, attention=ATTENTION, depth=depth, skips=skips)


def ids(rows=2, length=9, seed=1):
    return torch.randint(48, (rows, length), generator=torch.Generator().manual_seed(seed))


def unit_rms(x):
    return x / (x.square().mean(-1, keepdim=True) + 1.1920929e-07).sqrt()


def rotated(x_THD):
    """Angle t * 10000^(-2i/8) between dimensions i and i + 4 of the first eight."""
    half = ROTATED // 2
    angle = torch.arange(len(x_THD)).double()[:, None, None] * 10000.0 ** -(torch.arange(half).double() / half)
    a, b = x_THD[..., :half], x_THD[..., half:ROTATED]
    turned = [a * angle.cos() + b * angle.sin(), b * angle.cos() - a * angle.sin()]
    return torch.cat([*turned, x_THD[..., ROTATED:]], -1)


def by_formula(state, ids_T, order):
    """Logits (T, V) of one row, by the specification: layers in `order`, five skips, a table in the values of layers 9 and 10."""
    p = {name: value.double() for name, value in state.items()}
    length = len(ids_T)
    later = torch.ones(length, length).triu(1).bool()
    own = "blocks.9.attn.value_embedding."
    looked_up = p[own + "scale"] * (p[own + "table"][ids_T] @ p[own + "proj.weight"].T)
    x = x0 = unit_rms(p["vocabulary.tok_emb"][ids_T])
    outputs = []
    for place, layer in enumerate(order):
        b = {name.removeprefix(f"blocks.{layer}."): value for name, value in p.items() if f"blocks.{layer}." in name}
        k = place - len(order) // 2
        if k >= 0 and k < len(order) // 2:
            e, slot = outputs[len(order) // 2 - 1 - k], min(k, 4)
            gate = torch.sigmoid(p["skips.gates"][slot])
            x = gate * x + (1 - gate) * p["skips.weights"][slot] * e
        x = b["resid_mix"][0] * x + b["resid_mix"][1] * x0
        y = unit_rms(x) / (layer + 1) ** 0.5
        q = rotated(unit_rms((y @ b["attn.c_q.weight"].T).view(length, HEADS, HEAD))) * b["attn.q_gain"][:, None]
        key = rotated(unit_rms((y @ b["attn.c_k.weight"].T).view(length, HEADS // GROUP, HEAD)))
        v = y @ b["attn.c_v.weight"].T
        if layer in (9, 10):
            v = v + b["attn.value_gain"] * looked_up
        v = v.view(length, HEADS // GROUP, HEAD)
        heads = []
        for h in range(HEADS):
            weights = torch.softmax((q[:, h] @ key[:, h // GROUP].T / 4).masked_fill(later, -torch.inf), -1)
            out, direction = weights @ v[:, h // GROUP], v[:, h // GROUP]
            direction = direction / direction.norm(dim=-1, keepdim=True)
            heads.append(out - (out * direction).sum(-1, keepdim=True) * direction)
        x = x + b["attn_scale"] * (torch.cat(heads, -1) @ b["attn.proj.weight"].T)
        hidden = (unit_rms(x) / (layer + 1) ** 0.5) @ b["mlp.fc.weight"].T
        hidden = torch.where(hidden > 0, hidden, hidden / 2).square()
        x = x + b["mlp_scale"] * (hidden @ b["mlp.proj.weight"].T)
        outputs.append(x)
    return 30 * torch.tanh(unit_rms(x) @ p["vocabulary.tok_emb"].T / 30)


@pytest.mark.parametrize(
    ("depth", "phase", "order"),
    [(ONCE, 0, EARLY), (depth(4, 5), 0, EARLY), (depth(4, 5), 1, TWO), (depth(3, 5), 1, THREE)],
    ids=["PR 1218", "before the loop", "PR 1279", "PR 1331"],
)
def test_logits_are_those_of_the_formulas(depth, phase, order):
    model = random_model(cfg_of(depth))
    model.phase = phase
    logits = model.logits(model.hidden(ids()))
    expected = torch.stack([by_formula(model.state_dict(), row, order) for row in ids()])
    torch.testing.assert_close(logits.double(), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("first", "encoder", "decoder"),
    [(4, [0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9, 10]), (3, [0, 1, 2, 3, 4, 5, 3], [4, 5, 6, 7, 8, 9, 10])],
)
def test_the_published_layers_run_twice_and_the_halves_are_those_of_the_longer_list(first, encoder, decoder):
    model = build_model(cfg_of(depth(first, 5)))
    assert model.split() == ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10])
    model.phase = 1
    assert model.split() == (encoder, decoder)


def test_the_loop_begins_after_so_many_finished_steps_whatever_the_clock_says():
    cfg = tree(**depth(4, 5))
    phases = [loop_from_step.phase(cfg, Progress(step, 20000, 590.0, 590.0)) for step in (0, 2999, 3000, 9000)]
    assert phases == [0, 0, 1, 1]


def test_decoder_blocks_beyond_the_slots_share_the_last():
    skips = gated_unet_capped.build(tree(width=3, skips=CAPPED), 7)
    assert sum(p.numel() for p in skips.parameters()) == 2 * 5 * 3
    with torch.no_grad():
        skips.weights.copy_(torch.arange(5.0)[:, None].expand(5, 3))
    found = [skips(k, torch.zeros(3), torch.ones(3))[0].item() for k in range(7)]
    assert found == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0]  # half of the slot's weight: gates start at an even blend


def test_before_the_loop_the_model_is_that_without_one():
    loops, plain = random_model(cfg_of(depth(4, 5))), random_model(cfg_of(ONCE, {"kind": "gated_unet"}), seed=1)
    plain.load_state_dict(loops.state_dict())
    assert torch.equal(plain.hidden(ids()), loops.hidden(ids()))


def test_the_table_is_one_parameter_of_one_layer():
    model = build_model(cfg_of(ONCE))
    assert [name for name in model.state_dict() if "table" in name] == ["blocks.9.attn.value_embedding.table"]
    (table,) = of_role(model, TABLE)
    assert table.shape == (48, 24)
    assert model.blocks[10].attn.shared[0].table is table


def test_models_built_one_after_the_other_have_tables_of_their_own_also_as_copies():
    first, second = (random_model(cfg_of(ONCE)) for _ in range(2))
    copied = copy.deepcopy(first)
    expected = first.hidden(ids())
    with torch.no_grad():
        for model in (second, copied):
            assert torch.equal(model.hidden(ids()), expected)
            model.blocks[9].attn.value_embedding.table.normal_()
            assert not torch.allclose(model.hidden(ids()), expected)
    assert torch.equal(first.hidden(ids()), expected)


def test_the_table_is_stored_in_the_type_of_activations_and_every_layer_sees_it_so():
    model = gpt.build(cfg_of(ONCE), torch.device("cpu"), torch.bfloat16)
    assert {model.blocks[i].attn.shared[0].table.dtype for i in (9, 10)} == {torch.bfloat16}
    assert model.hidden(ids()).dtype == torch.bfloat16
