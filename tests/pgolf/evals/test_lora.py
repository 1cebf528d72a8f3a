"""Adapters over a model: what they add, where, and that they leave nothing behind."""

from collections import Counter

import pytest
import torch

from pgolf.evals.document_lora import Scorer
from pgolf.evals.lora import Adapters, attached
from tests.pgolf.model.models import MODELS
from tests.recipes import ONCE, loop, model_cfg, random_model

RANK, ALPHA, ROWS = 2, 3.0, 3
models = pytest.mark.parametrize("name", MODELS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tokens(rows=ROWS, length=9):
    return torch.randint(48, (rows, length + 1), generator=generator())


def model_of(**changes):
    model = random_model(model_cfg(**changes)).requires_grad_(False)
    model.phase = len(model.orders) - 1
    return model


def adapters_of(model, rows=ROWS, moved=True):
    """With every B moved away from zero."""
    adapters = Adapters(model, RANK, ALPHA)
    adapters.begin(rows, generator())
    with torch.no_grad():
        for b in adapters.factors[1::2] if moved else []:
            b.normal_(generator=generator(1)).mul_(0.1)
    return adapters


def nats(model, ids):
    return model(ids[:, :-1], ids[:, 1:])


@models
def test_adapters_that_have_learned_nothing_change_nothing(name):
    model = model_of(**MODELS[name])
    with attached(model, adapters_of(model, moved=False)):
        under = nats(model, tokens())
    assert torch.equal(under, nats(model, tokens()))


@models
def test_every_adapter_of_every_pass_through_a_layer_is_used_once(name):
    model = model_of(**MODELS[name])
    adapters = adapters_of(model)
    with attached(model, adapters):
        nats(model, tokens()).sum().backward()
    assert len(adapters.loras) == 1 + 5 * len(model.orders[model.phase])
    assert len(adapters.factors) == 2 * len(adapters.loras)
    assert all(factor.grad.abs().amax((1, 2)).min() > 0 for factor in adapters.factors)
    assert all(calls.next == 0 for calls in adapters.calls.values())


def test_a_layer_that_runs_thrice_adapts_each_time_with_its_own_set():
    model = model_of(layers=2, depth=loop(1, 1, 3))
    adapters = adapters_of(model)
    assert {
        len(calls.loras) for module, calls in adapters.calls.items() if module in set(model.blocks[1].modules())
    } == {3}
    first, second, third = adapters.calls[model.blocks[1].mlp].loras
    with attached(model, adapters):
        results = []
        for lora in (first, second, third):
            kept = lora.b_BOR.data.clone()
            lora.b_BOR.data.zero_()
            results.append(nats(model, tokens()))
            lora.b_BOR.data.copy_(kept)
    assert all(not torch.allclose(a, b) for a, b in [results[:2], results[1:], results[::2]])


def expected(lora, x):
    """Row by row and by sums: (alpha / rank) B A x."""
    a, b = lora.a_BRI.double(), lora.b_BOR.double()
    return ALPHA / RANK * torch.einsum("bti,bri,bor->bto", x.double(), a, b)


def test_projections_mlp_and_output_gain_the_product_of_their_inputs_with_the_factors():
    model = model_of(depth=ONCE)
    adapters = adapters_of(model)
    block = model.blocks[2]
    x = torch.randn(ROWS, 5, 64, generator=generator())
    modules = block.attn.c_q, block.attn.c_k, block.attn.c_v, block.mlp
    plain = [*(module(x) for module in modules), model.project(x)]
    with attached(model, adapters):
        under = [*(module(x) for module in modules), model.project(x)]
    loras = [*(adapters.calls[module].loras[0] for module in modules), adapters.loras[-1]]
    for before, after, lora in zip(plain, under, loras, strict=True):
        torch.testing.assert_close((after - before).double(), expected(lora, x), rtol=1e-4, atol=1e-5)


def test_an_attention_gains_the_product_of_its_own_input_not_of_what_it_attends_to():
    model = model_of(depth=ONCE)
    adapters = adapters_of(model)
    attn = model.blocks[1].attn
    for projection in (attn.c_q, attn.c_k, attn.c_v):
        adapters.calls[projection].loras[0].b_BOR.data.zero_()
    x = torch.randn(ROWS, 5, 64, generator=generator())
    context = torch.zeros(ROWS, 5, dtype=torch.long), None
    plain = attn(x, context)
    with attached(model, adapters):
        under = attn(x, context)
    lora = adapters.calls[attn].loras[0]
    torch.testing.assert_close((under - plain).double(), expected(lora, x), rtol=1e-4, atol=1e-5)


def test_rows_adapt_for_themselves():
    """Other tokens, other factors in row 0: not a bit of the other rows moves."""
    model = model_of()
    adapters = adapters_of(model)
    ids = tokens()
    with attached(model, adapters):
        before = nats(model, ids)
        ids[0] = (ids[0] + 1) % 48
        for factor in adapters.factors:
            factor.data[0] += 1
        after = nats(model, ids)
    assert torch.equal(before[1:], after[1:])
    assert not torch.allclose(before[0], after[0])


def test_a_row_learns_from_its_own_losses_only():
    model = model_of()
    adapters = adapters_of(model)
    with attached(model, adapters):
        nats(model, tokens())[1].sum().backward()
    moved = torch.stack([factor.grad.abs().amax((1, 2)) for factor in adapters.factors])
    assert moved[:, 1].min() > 0
    assert moved[:, [0, 2]].max() == 0


def test_the_model_is_as_before_when_they_come_off_also_after_an_error():
    model = model_of()
    before = nats(model, tokens())
    with pytest.raises(RuntimeError), attached(model, adapters_of(model)):
        nats(model, tokens(rows=2))
    assert torch.equal(nats(model, tokens()), before)
    assert "project" not in vars(model)
    assert not any(module._forward_hooks for module in model.modules())


def test_after_an_error_within_a_forward_pass_the_next_begins_with_the_first_adapters():
    model = model_of(layers=2, depth=loop(0, 0, 3))
    adapters = adapters_of(model)
    with attached(model, adapters):
        before = nats(model, tokens())
        with pytest.raises(RuntimeError):
            nats(model, tokens(rows=2))
    with attached(model, adapters):
        assert torch.equal(nats(model, tokens()), before)


def test_a_begins_within_its_bound_and_b_with_zero():
    model = model_of()
    adapters = adapters_of(model, moved=False)
    for a, b in zip(adapters.factors[::2], adapters.factors[1::2], strict=True):
        assert b.abs().max() == 0
        assert 0.8 < a.abs().max() * a.size(2) ** 0.5 <= 1
        assert abs(a.mean()) * a.size(2) ** 0.5 < 0.2


def test_kept_factors_go_on_and_new_ones_are_drawn():
    model = model_of()
    adapters = adapters_of(model)
    old, kept = adapters.factors, adapters.to_keep()
    assert Counter(map(id, kept)) == Counter(map(id, old[::2]))
    adapters.begin(ROWS, generator(5), kept)
    assert all(torch.equal(new, a) for new, a in zip(adapters.factors[::2], old[::2], strict=True))
    assert all(b.abs().max() == 0 for b in adapters.factors[1::2])
    adapters.begin(ROWS, generator(5))
    assert not any(torch.allclose(new, a) for new, a in zip(adapters.factors[::2], old[::2], strict=True))


@pytest.mark.slow
def test_a_compiled_model_is_compiled_for_a_full_width_and_the_first_only():
    """Whatever the rows, and also when the adapters were off in between."""
    from torch._dynamo.testing import CompileCounter  # takes seconds

    model = model_of(layers=1, depth=loop(0, 0, 2))
    adapters = Adapters(model, RANK, ALPHA)
    counter = CompileCounter()
    scorer = Scorer(model, torch.compile(model, backend=counter), adapters)
    step = 4
    for rows in (5, 3, 5, 2):
        with attached(model, adapters):
            adapters.begin(rows, generator())
            for width in (12, step, 8, 10):
                ids = tokens(rows, width)
                x, y = ids[:, :-1].contiguous(), ids[:, -step:].contiguous()
                under = scorer.nats(x, y)
                under.sum().backward()
                torch.testing.assert_close(under, model(x, y))
    assert counter.frame_count == 2
