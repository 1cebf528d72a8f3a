import pytest
import torch

from pgolf.core.roles import MATRIX, of_role
from pgolf.model.linear import Linear
from pgolf.quant.hessian import collect
from tests.recipes import UNTIED, build_model, model_cfg, random_model

WIDTH, BATCH, LENGTH = 64, 2, 12


def batches(seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randint(48, (BATCH, LENGTH), generator=generator)


def named(model, role):
    own = {id(p) for p in of_role(model, role)}
    return {name for name, p in model.named_parameters() if id(p) in own}


@pytest.mark.parametrize("vocabulary", [{"kind": "tied", "init_std": 0.005}, UNTIED])
def test_there_is_a_hessian_for_every_matrix_and_for_the_output_projection(vocabulary):
    model = random_model(model_cfg(vocabulary=vocabulary))
    found = collect(model, batches(), 1)
    head = next(name for name, p in model.named_parameters() if p is model.vocabulary.head)
    assert set(found) == named(model, MATRIX) | {head}
    parameters = dict(model.named_parameters())
    assert all(hessian.shape == 2 * (parameters[name].size(1),) for name, hessian in found.items())


@pytest.mark.parametrize("phase", [0, 1])
def test_hessians_are_the_mean_over_batches_of_the_sums_of_squares_of_what_each_matrix_reads(phase):
    model = random_model(model_cfg())
    model.phase = phase
    found = collect(model, batches(), 3)

    read = {}
    for name, module in model.named_modules():
        if isinstance(module, Linear):
            inputs = read.setdefault(f"{name}.weight", [])
            module.register_forward_pre_hook(lambda _, x, inputs=inputs: inputs.append(x[0].detach()))
    for _, ids in zip(range(3), batches(), strict=False):
        read.setdefault("vocabulary.tok_emb", []).append(model.hidden(ids).detach())
    passes = [model.orders[phase].count(layer) for layer in range(4)]
    assert [len(read[f"blocks.{layer}.mlp.fc.weight"]) for layer in range(4)] == [3 * n for n in passes]
    assert set(found) == set(read)
    for name, inputs in read.items():
        x = torch.cat([part.flatten(0, 1) for part in inputs]).double()
        torch.testing.assert_close(found[name].double(), x.T @ x / 3, rtol=1e-4, atol=1e-3)


def test_the_trace_counts_tokens_and_passes():
    """What attention reads has a mean square of one over its layer's number, and is read once in each pass."""
    model = random_model(model_cfg())
    model.phase = 1
    found = collect(model, batches(), 2)
    for layer, passes in enumerate([1, 3, 3, 1]):
        expected = BATCH * LENGTH * WIDTH * passes / (layer + 1)
        assert found[f"blocks.{layer}.attn.c_q.weight"].trace().item() == pytest.approx(expected, rel=1e-3)
    assert found["vocabulary.tok_emb"].trace().item() == pytest.approx(BATCH * LENGTH * WIDTH, rel=1e-3)


def test_queries_keys_and_values_of_a_layer_read_the_same():
    found = collect(random_model(model_cfg()), batches(), 2)
    for layer in range(4):
        q, k, v = (found[f"blocks.{layer}.attn.c_{name}.weight"] for name in "qkv")
        assert torch.equal(q, k)
        assert torch.equal(q, v)


def test_calibration_leaves_no_hook_and_no_gradient_and_takes_no_more_batches_than_it_says():
    model = build_model(model_cfg())
    source = batches()
    collect(model, source, 2)
    again = batches()
    for _ in range(2):
        next(again)
    assert torch.equal(next(source), next(again))
    assert all(not module._forward_pre_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_hessians_are_symmetric_and_have_no_negative_direction():
    for hessian in collect(random_model(model_cfg()), batches(), 1).values():
        torch.testing.assert_close(hessian, hessian.T)
        assert torch.linalg.eigvalsh(hessian.double()).min() > -1e-3 * hessian.trace() / len(hessian)
