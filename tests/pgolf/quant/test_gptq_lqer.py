"""PR 1855's quantiser: steps by kind, gates by rows, and low-rank corrections of the largest errors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.roles import GATE, of_role
from pgolf.quant import gptq_lqer, low_rank, policy
from pgolf.quant.int_bits import dequantize
from tests.recipes import model_cfg, pr1855, quick, random_model, tree

GRIDS = {"attention": (6, 13.0), "mlp": (6, 11.5), "embedding": (7, 14.0)}
MODEL = model_cfg(**pr1855())


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def cfg_of(**changes):
    grids = {name: {"bits": bits, "clip_sigmas": sigmas} for name, (bits, sigmas) in GRIDS.items()}
    fields = {"damping": 0.01, "block": 16, "keep_elements": 100, "corrected": 3, "rank": 4, "group": 64}
    return tree(kind="gptq_lqer", calibration_batches=2, **{**grids, **fields, **changes})


def errors_of(model, stored):
    return {
        name: p.detach().double() - dequantize(stored[f"{name}.q"], stored[f"{name}.scale"]).double()
        for name, p in model.named_parameters()
        if f"{name}.left" in stored
    }


@pytest.fixture(scope="module")
def model():
    return random_model(MODEL)


@pytest.fixture(scope="module")
def hessians(model):
    found = {}
    for i, (name, p) in enumerate(model.named_parameters()):
        if p.dim() == 2 and p.numel() > 100:
            x = random(300, p.size(1), seed=i)
            found[name] = x.T @ x
    return found


@pytest.fixture(scope="module")
def stored(model, hessians):
    return low_rank.quantize(gptq_lqer, cfg_of(), model, hessians)


def test_the_step_follows_the_kind_of_matrix(model, stored):
    for name, (bits, sigmas) in {
        "blocks.1.attn.c_k.weight": GRIDS["attention"],
        "blocks.2.mlp.proj.weight": GRIDS["mlp"],
        "vocabulary.tok_emb": GRIDS["embedding"],
    }.items():
        std_O = model.get_parameter(name).std(1)
        torch.testing.assert_close(stored[f"{name}.scale"], (sigmas * std_O / (2 ** (bits - 1) - 1)).half())


def test_gates_are_rows_of_127_steps(model, stored):
    gates = of_role(model, GATE)
    assert len(gates) == 4
    for layer, gate in enumerate(gates):
        q, scale = (stored[f"blocks.{layer}.attn.outputs.1.gate.{part}"] for part in ("q", "scale"))
        assert q.abs().amax(1).tolist() == [127] * 4
        assert (dequantize(q, scale) - gate).abs().max() <= 0.51 * scale.max()


def test_a_gate_of_zeros_comes_back_as_zeros():
    q, scale = gptq_lqer.encode(cfg_of(), 8, torch.zeros(4, 12), None)
    assert not q.any()
    assert scale.isfinite().all()


def test_the_matrices_with_the_largest_errors_are_corrected_and_no_others(model, stored):
    norms = {name: error.norm().item() for name, error in errors_of(model, stored).items()}
    assert len(norms) == 4 * 6 + 1
    largest = sorted(norms, key=norms.get)[-3:]
    assert {name for name in norms if stored[f"{name}.left"].any()} == set(largest)
    untouched = [name for name in norms if name not in largest]
    assert not any(stored[f"{name}{part}"].any() for name in untouched for part in low_rank.PARTS)


def test_a_correction_is_the_best_product_of_its_rank_in_few_bits(model, stored):
    """By the definition: factors of the singular value decomposition, 2 bits for the left, 4 for the right."""
    for name, error in errors_of(model, stored).items():
        left, left_step, right, right_step = (stored[f"{name}{part}"] for part in low_rank.PARTS)
        if not left.any():
            continue
        u, s, vt = torch.linalg.svd(error, full_matrices=False)
        signs = torch.sign((u[:, :4] * left).sum(0))  # a singular vector may come with either sign
        a, b = signs * u[:, :4] * s[:4], signs[:, None] * vt[:4]
        assert left_step.item() == pytest.approx(a.abs().max().item() / 1.5, rel=1e-3)
        step_of = right_step.double().repeat_interleave(64).view_as(b)
        torch.testing.assert_close(right_step.double(), b.view(-1, 64).abs().amax(1) / 7.5, rtol=1e-3, atol=0)
        assert ((a / left_step.double()).clamp(-2, 1) - left).abs().max() <= 0.51
        assert ((b / step_of).clamp(-8, 7) - right).abs().max() <= 0.51
        assert -2 <= left.min() < left.max() == 1
        assert -8 <= right.min() < right.max() <= 7


@quick
@given(st.integers(2, 30), st.sampled_from([16, 32, 64]), st.integers(0, 99))
def test_without_rounding_the_rest_of_the_spectrum_is_left(rows, columns, seed):
    """Rounding to many levels in place of few: what remains is the tail of the singular values."""
    error = random(rows, columns, seed=seed).double()
    u, s, vt = torch.linalg.svd(error, full_matrices=False)
    rest = error - u[:, :4] * s[:4] @ vt[:4]
    torch.testing.assert_close(rest.norm(), s[4:].norm(), rtol=1e-9, atol=1e-9)
    factors = low_rank.factors(error.float(), 4, 16)
    assert -2 <= factors[0].min() <= factors[0].max() <= 1
    assert -8 <= factors[2].min() <= factors[2].max() <= 7
    assert (error - low_rank.product(*factors)).norm() < error.norm()


def test_a_corrected_model_is_closer_and_the_rest_is_as_without(model, stored):
    plain, corrected = random_model(MODEL, seed=1), random_model(MODEL, seed=2)
    policy.restore(stored, plain)
    low_rank.restore(stored, corrected)
    for name, p in model.named_parameters():
        errors = [(other.get_parameter(name) - p).norm() for other in (plain, corrected)]
        if f"{name}.left" in stored and stored[f"{name}.left"].any():
            assert errors[1] < errors[0]
        else:
            assert torch.equal(plain.get_parameter(name), corrected.get_parameter(name))


def test_what_is_added_is_rounded_with_the_sum_and_not_before(model, stored):
    """Embeddings in bf16: the correction is smaller than their last bit."""
    coarse = random_model(MODEL)
    coarse.vocabulary.tok_emb.data = coarse.vocabulary.tok_emb.data.bfloat16()
    chosen = {**stored}
    for part, tensor in zip(low_rank.PARTS, low_rank.factors(random(48, 64, seed=9), 4, 64), strict=True):
        chosen[f"vocabulary.tok_emb{part}"] = tensor
    low_rank.restore(chosen, coarse)
    whole = dequantize(stored["vocabulary.tok_emb.q"], stored["vocabulary.tok_emb.scale"])
    whole += low_rank.product(*(chosen[f"vocabulary.tok_emb{part}"] for part in low_rank.PARTS))
    assert torch.equal(coarse.vocabulary.tok_emb, whole.bfloat16())


def test_the_layout_does_not_tell_which_matrices_were_chosen(model, hessians, stored):
    other = low_rank.quantize(gptq_lqer, cfg_of(corrected=0), model, hessians)
    assert low_rank.layout(gptq_lqer, cfg_of(corrected=0), model) == low_rank.layout(gptq_lqer, cfg_of(), model)
    assert not any(value.any() for name, value in other.items() if name.endswith(low_rank.PARTS))
    assert any(value.any() for name, value in stored.items() if name.endswith(low_rank.PARTS))
