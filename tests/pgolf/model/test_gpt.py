import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.model.depth import once
from pgolf.model.gpt import GPT
from pgolf.optim.schedule.progress import Progress
from tests.recipes import ONCE, attention, build_model, loop, model_cfg, quick, random_model, rope


def small(**changes):
    return model_cfg(width=8, attention=attention(heads=1, kv_heads=1, rope=rope(dims=4)), **changes)


@st.composite
def looped(draw):
    layers = draw(st.integers(2, 9))
    first = draw(st.integers(0, layers - 1))
    return layers, first, draw(st.integers(first, layers - 1)), draw(st.integers(2, 4))


@quick
@given(looped())
def test_a_loop_runs_its_layers_again_and_no_others(case):
    layers, first, last, passes = case
    plain, order = GPT(small(layers=layers, depth=loop(first, last, passes))).orders
    assert plain == list(range(layers))
    assert len(order) == layers + (passes - 1) * (last - first + 1)
    assert [order.count(layer) for layer in range(layers)] == [
        passes if first <= layer <= last else 1 for layer in range(layers)
    ]
    # Every layer is followed by the next one, except the loop's last, which goes back to its first until the loop ends.
    steps = {(a, b) for a, b in pairwise(order) if b != a + 1}
    assert steps == {(last, first)}
    assert order[0] == 0 if first else order[0] == first
    assert order[-1] == layers - 1


@quick
@given(looped())
def test_the_first_half_of_the_order_feeds_the_second_and_every_skip_has_a_slot(case):
    layers, first, last, passes = case
    model = GPT(small(layers=layers, depth=loop(first, last, passes)))
    for phase, order in enumerate(model.orders):
        model.phase = phase
        encoder, decoder = model.split()
        assert encoder + decoder == order
        assert len(encoder) == len(order) // 2
        assert len(decoder) - len(encoder) in (0, 1)
        assert len(encoder) <= model.slots
    assert model.slots == len(encoder) == len(model.skips.weights)


def test_the_published_loop_of_eleven_layers_is_ours():
    model = GPT(small(layers=11, depth=loop(4, 5, 3)))
    assert model.split() == ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10])
    model.phase = 1
    assert model.split() == ([0, 1, 2, 3, 4, 5, 4], [5, 4, 5, 6, 7, 8, 9, 10])
    assert model.slots == 7


def test_a_model_without_a_loop_has_one_order_and_never_changes_it():
    model = GPT(small(layers=9, depth=ONCE))
    assert model.orders == [list(range(9))]
    assert model.split() == ([0, 1, 2, 3], [4, 5, 6, 7, 8])
    assert once.phase(None, Progress(99, 100)) == 0


def test_decoder_blocks_take_back_encoder_outputs_in_reverse():
    model = random_model(small(layers=5, depth=ONCE))
    produced, taken = {}, []
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *call, i=i: produced.update({i: call[2]}))
    model.skips.register_forward_pre_hook(lambda _, inputs: taken.append((inputs[0], inputs[2])))
    model.hidden(torch.arange(6)[None])
    assert [slot for slot, _ in taken] == [0, 1]
    assert taken[0][1] is produced[1]
    assert taken[1][1] is produced[0]


def test_a_layer_that_runs_twice_uses_the_same_weights():
    model, looping = random_model(model_cfg(depth=ONCE)), random_model(model_cfg(depth=loop(1, 2, 3)))
    count = [sum(p.numel() for p in m.blocks.parameters()) for m in (model, looping)]
    assert count[0] == count[1]


def test_losses_of_the_last_positions_are_the_last_of_all_losses():
    model = random_model(model_cfg())
    tokens = torch.randint(48, (2, 13))
    nats = model(tokens[:, :-1], tokens[:, 1:])
    assert nats.shape == (2, 12)
    torch.testing.assert_close(model(tokens[:, :-1], tokens[:, -4:]), nats[:, -4:])


def test_losses_are_the_negative_log_of_the_softmax_of_the_capped_logits():
    model = random_model(model_cfg(output={"kind": "softcap", "cap": 3.0}))
    tokens = torch.randint(48, (2, 9))
    logits = model.logits(model.hidden(tokens[:, :-1])).double()
    assert logits.abs().max() <= 3.0
    probability = logits.exp() / logits.exp().sum(-1, keepdim=True)
    expected = -probability.gather(-1, tokens[:, 1:, None])[..., 0].log()
    torch.testing.assert_close(model(tokens[:, :-1], tokens[:, 1:]).double(), expected, rtol=0, atol=1e-5)


def test_the_first_loss_is_near_that_of_a_uniform_guess():
    model = build_model(model_cfg())
    tokens = torch.randint(48, (4, 33), generator=torch.Generator().manual_seed(0))
    assert model(tokens[:, :-1], tokens[:, 1:]).mean().item() == pytest.approx(math.log(48), abs=0.05)
