import pytest
import torch

from pgolf.core.load import load
from pgolf.model.attention.kernel import causal_attention
from pgolf.model.attention_outputs import xsa
from tests.recipes import attention, model_cfg, rope

XSA = xsa.Xsa()
GROUPS = [(4, 4), (4, 2), (6, 2), (4, 1)]


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def attention_by_loops(q_BTHD, k_BTKD, v_BTKD):
    """One row, one head and one position at a time, in float64."""
    batch, length, heads, width = q_BTHD.shape
    group = heads // k_BTKD.size(2)
    out = torch.zeros(q_BTHD.shape, dtype=torch.float64)
    for b in range(batch):
        for h in range(heads):
            k, v = k_BTKD[b, :, h // group].double(), v_BTKD[b, :, h // group].double()
            for t in range(length):
                weight = torch.softmax(k[: t + 1] @ q_BTHD[b, t, h].double() / width**0.5, 0)
                out[b, t, h] = weight @ v[: t + 1]
    return out


def layer(kv_heads=2, i=0, **changes):
    cfg = model_cfg(attention=attention(kv_heads=kv_heads, **changes))
    built = load("model.attention", cfg.attention).build(cfg, i)
    torch.nn.init.orthogonal_(built.proj.weight)
    return built


def test_there_are_groups_of_one_two_three_and_four():
    assert [heads // kv_heads for heads, kv_heads in GROUPS] == [1, 2, 3, 4]


@pytest.mark.parametrize(("heads", "kv_heads"), GROUPS)
def test_the_kernel_is_softmax_attention_over_positions_up_to_ones_own(heads, kv_heads):
    q, k, v = random(2, 7, heads, 8), random(2, 7, kv_heads, 8, seed=1), random(2, 7, kv_heads, 8, seed=2)
    torch.testing.assert_close(causal_attention(q, k, v).double(), attention_by_loops(q, k, v), rtol=0, atol=1e-5)


def test_queries_and_keys_do_not_feel_the_size_of_their_input():
    """They are normalised; with values scaled alone, the output is scaled with them."""
    gqa, x = layer(outputs=[]), random(2, 9, 64)
    torch.testing.assert_close(gqa(3 * x, None), 3 * gqa(x, None), rtol=1e-4, atol=1e-4)


def test_a_gain_of_zero_gives_every_earlier_position_the_same_weight():
    gqa, x = layer(outputs=[], kv_heads=4), random(1, 6, 64)
    with torch.no_grad():
        gqa.q_gain.zero_()
        means = gqa.c_v(x).cumsum(1) / torch.arange(1, 7)[None, :, None]
        torch.testing.assert_close(gqa(x, None), gqa.proj(means), rtol=0, atol=1e-5)


def test_without_rotation_the_order_of_earlier_tokens_does_not_matter_and_with_it_it_does():
    x = random(1, 6, 64)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    gqa = layer(outputs=[])
    assert not torch.allclose(gqa(x, None)[:, 2:], gqa(swapped, None)[:, 2:], atol=1e-4)
    gqa.rope.base = 1e30  # all frequencies but the first are next to 0, and the first is silenced below
    with torch.no_grad():
        for linear, heads in ((gqa.c_q, 4), (gqa.c_k, 2)):
            rows = linear.weight.view(heads, 16, 64)
            rows[:, [0, 4]] = 0
    torch.testing.assert_close(gqa(x, None)[:, 2:], gqa(swapped, None)[:, 2:], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("last_layers", "expected"), [(None, [1, 1, 1, 1]), (1, [0, 0, 0, 1]), (3, [0, 1, 1, 1])])
def test_output_techniques_are_built_into_the_last_layers_that_the_recipe_names(last_layers, expected):
    outputs = [{"kind": "xsa", "last_layers": last_layers}]
    assert [len(layer(outputs=outputs, i=i).outputs) for i in range(4)] == expected


@pytest.mark.parametrize(("heads", "kv_heads"), GROUPS)
def test_xsa_leaves_nothing_along_the_positions_own_value(heads, kv_heads):
    y, v = random(2, 5, heads, 8), random(2, 5, kv_heads, 8, seed=1)
    out = XSA(y, v, None)
    own = v.repeat_interleave(heads // kv_heads, 2)
    assert (out * own).sum(-1).abs().max() < 1e-5
    # What was taken out is a multiple of the value, so nothing else was.
    taken = y - out
    torch.testing.assert_close(taken, (taken * own).sum(-1, keepdim=True) / own.square().sum(-1, keepdim=True) * own)


def test_xsa_twice_is_xsa_once_and_a_zero_value_takes_nothing():
    y, v = random(1, 5, 4, 8), random(1, 5, 2, 8, seed=1)
    torch.testing.assert_close(XSA(XSA(y, v, None), v, None), XSA(y, v, None), rtol=0, atol=1e-6)
    assert torch.equal(XSA(y, torch.zeros_like(v), None), y)


def test_an_attention_beyond_the_training_length_still_runs():
    assert layer(rope=rope(train_tokens=4))(random(1, 9, 64), None).isfinite().all()
