"""Codes, scales and errors against the published quantisers of PR 1394 and of the baseline."""

import pytest
import torch
from torch import nn

from pgolf.core.roles import EMBEDDING, MATRIX, SCALAR, tag
from pgolf.quant import gptq, int8_rows, policy
from pgolf.quant.int_bits import dequantize, q_max
from tests.golden.load import assert_close, assert_codes, below, settings, tensors
from tests.recipes import tree

CASES = list(enumerate(settings("gptq").cases))


def hessian_error(w_OI, dequantized_OI, hessian_II):
    error = (w_OI - dequantized_OI).double()
    return ((error @ hessian_II.double()) * error).sum()


def test_there_are_cases_of_six_eight_and_five_bits_with_dead_columns():
    assert [case.bits for _, case in CASES] == [6, 8, 5]
    assert [case.clip_range for _, case in CASES] == [q_max(case.bits) for _, case in CASES]
    assert all(len(case.dead_columns) == 2 for _, case in CASES)


@pytest.mark.parametrize(("i", "case"), CASES)
def test_gptq_gives_the_published_codes_scales_and_errors(i, case):
    golden = below(str(i), tensors("gptq"))
    w, hessian = golden["w"], golden["H"]
    assert settings("gptq").damp.startswith("1% of the mean diagonal")
    q, scale = gptq.quantize_matrix(w, hessian, case.bits, case.clip_sigmas, 0.01, case.block_size)
    assert scale.dtype == torch.float16
    assert_close(scale, golden["scale"], "gptq", "scale")
    assert_codes(q, golden["q"], "gptq")
    assert_close(dequantize(golden["q"], golden["scale"]), golden["dequant"], "gptq", "dequant")
    rounded, _ = gptq.quantize_matrix(w, None, case.bits, case.clip_sigmas, 0.01, case.block_size)
    found = [hessian_error(w, dequantize(codes, scale), hessian) for codes in (q, rounded)]
    assert_close(torch.stack(found), golden["hessian_error"], "gptq", "hessian_error")
    assert not q[:, case.dead_columns].any()


MIXED = ["tok_emb.weight", "blocks.0.mlp.fc.weight", "blocks.0.attn.c_q.weight", "blocks.0.attn.q_gain"]


class Mixed(nn.Module):
    """The state dict of the golden file as parameters, with their roles."""

    def __init__(self, values, embedding=torch.float32):
        super().__init__()
        self.tok_emb = tag(nn.Parameter(values[MIXED[0]].to(embedding)), EMBEDDING)
        self.fc = tag(nn.Parameter(values[MIXED[1]].float()), MATRIX)
        self.c_q = tag(nn.Parameter(values[MIXED[2]].float()), MATRIX)
        self.q_gain = tag(nn.Parameter(values[MIXED[3]].float()), SCALAR)


@pytest.fixture(scope="module")
def mixed():
    s, golden = settings("gptq_mixed"), tensors("gptq_mixed")
    cfg = tree(
        kind="gptq",
        damping=0.01,
        block=128,
        keep_elements=65536,
        matrix={"bits": s.matrix_bits, "clip_sigmas": s.matrix_clip_sigmas},
        embedding={"bits": s.embed_bits, "clip_sigmas": s.embed_clip_sigmas},
    )
    model = Mixed(below("in", golden))
    hessians = {"tok_emb": golden["hessian"], "fc": golden["hessian"]}
    return cfg, model, policy.quantize(gptq, cfg, model, hessians), golden


def test_the_policy_stores_what_the_published_quantiser_stores(mixed):
    _, _, stored, golden = mixed
    assert sorted(stored) == ["c_q", "fc.q", "fc.scale", "q_gain", "tok_emb.q", "tok_emb.scale"]
    for name, published in (("tok_emb", MIXED[0]), ("fc", MIXED[1])):
        assert_close(stored[f"{name}.scale"], golden[f"out.{published}.scale"], "gptq_mixed", "scale")
        assert_codes(stored[f"{name}.q"], golden[f"out.{published}.q"], "gptq_mixed")
    for name, published in (("c_q", MIXED[2]), ("q_gain", MIXED[3])):
        assert stored[name].dtype == torch.float16
        assert_close(stored[name], golden[f"out.{published}"], "gptq_mixed", "passthrough")


def test_the_policy_names_the_kinds_that_the_published_quantiser_names(mixed):
    cfg, model, _, _ = mixed
    lines = policy.describe(gptq, cfg, model).splitlines()
    assert lines == ["  gptq (int6): fc", "  gptq (int8): tok_emb", "  passthrough (float16): c_q, q_gain"]
    assert {line.strip().split(":")[0] for line in lines} == set(vars(settings("gptq_mixed").meta).values())


def test_restored_weights_are_the_published_ones(mixed):
    """From the published codes, so that no tie of rounding comes between."""
    _, _, _, golden = mixed
    stored = {
        ours: golden[f"out.{published}"]
        for ours, published in {
            "tok_emb.q": f"{MIXED[0]}.q",
            "tok_emb.scale": f"{MIXED[0]}.scale",
            "fc.q": f"{MIXED[1]}.q",
            "fc.scale": f"{MIXED[1]}.scale",
            "c_q": MIXED[2],
            "q_gain": MIXED[3],
        }.items()
    }
    model = Mixed({name: torch.zeros_like(value) for name, value in below("in", golden).items()}, torch.bfloat16)
    policy.restore(stored, model)
    assert torch.equal(model.tok_emb[0].detach(), golden[f"deq_row0.{MIXED[0]}"])
    assert torch.equal(model.fc[0].detach(), golden[f"deq_row0.{MIXED[1]}"])
    assert torch.equal(model.c_q.detach(), golden[f"deq.{MIXED[2]}"])
    assert torch.equal(model.q_gain.detach(), golden[f"deq.{MIXED[3]}"])


QUANTILE = settings("naive_baseline").clip_percentile / 100


def test_rows_of_int8_are_the_baselines():
    golden = below("int8.matrix", tensors("naive_baseline"))
    q, scale = int8_rows.quantize_tensor(golden["in"], QUANTILE)
    assert scale.dtype == torch.float16
    assert_close(scale, golden["scale"], "naive_baseline", "int8")
    assert torch.equal(q, golden["q"])
    restored = dequantize(golden["q"], golden["scale"])
    assert torch.equal(restored.bfloat16(), golden["dequant_bf16"])
    assert len({row.item() for row in scale}) < len(scale)  # two rows have the floor for a scale: zeros and a small one


@pytest.mark.parametrize("name", ["vector", "zero_vector"])
def test_a_vector_of_int8_is_the_baselines(name):
    golden = below(f"int8.{name}", tensors("naive_baseline"))
    q, scale = int8_rows.quantize_tensor(golden["in"], QUANTILE)
    assert (scale.dtype, scale.shape) == (torch.float32, ())
    assert_close(scale, golden["scale"], "naive_baseline", "int8")
    assert torch.equal(q, golden["q"])
    restored = golden["q"] * golden["scale"]
    assert torch.equal(restored, golden.get("dequant", torch.zeros_like(restored)))
