"""PR 162's input path and model against its published numbers, and by rules that can be checked by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.load import load
from pgolf.core.roles import MATRIX, TABLE, has_role
from tests.golden.load import assert_close, below, settings, tensors
from tests.recipes import (
    BIGRAM_HASH,
    ENRICHED,
    build_model,
    by_published_name,
    fill,
    model_cfg,
    published_model_cfg,
    quick,
    tree,
)

FILE = "pr162"
SETTINGS = settings(FILE)


@pytest.fixture(scope="module")
def golden():
    return tensors(FILE)


def published(golden):
    return fill(build_model(published_model_cfg(SETTINGS)), below("state", golden))


def rows(golden):
    """Inputs and targets (2, T)."""
    length = SETTINGS.eval.seq
    assert SETTINGS.loss_input == "the first 2 * seq tokens as two rows"
    tokens = golden["tokens"].long()
    return tokens[: 2 * length].view(2, length), tokens[1 : 2 * length + 1].view(2, length)


def part(kind="bigram_hash", stream=64, layers=4, **changes):
    how = tree(**({**BIGRAM_HASH, **changes} if kind == "bigram_hash" else {"kind": kind}))
    return load("model.inputs", how).build(tree(width=stream, layers=layers, init="orthogonal"), how)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_logits_loss_and_gradients_are_the_published_ones(golden):
    model, (ids, targets) = published(golden), rows(golden)
    assert_close(model.logits(model.hidden(ids)), golden["logits"], FILE, "logits")
    loss = model(ids, targets).mean()
    loss.backward()
    assert_close(loss, golden["loss"], FILE, "loss")
    norms = [p.grad.norm() for p in by_published_name(model, SETTINGS.param_order).values()]
    assert_close(torch.stack(norms), golden["grad_norm"], FILE, "grad_norm")


def test_a_smear_is_the_published_one(golden):
    smear = published(golden).vocabulary.inputs[2]
    assert_close(smear(golden["smear.in"], None), golden["smear.out"], FILE, "smear")


def test_what_pairs_add_is_what_they_add_in_the_published_model(golden):
    pairs, (ids, _) = published(golden).vocabulary.inputs[0], rows(golden)
    added = pairs(torch.zeros(*ids.shape, SETTINGS.model_dim), ids)
    assert_close(added, golden["bigram.out"], FILE, "smear")


@pytest.mark.parametrize("case", range(len(SETTINGS.bigram)))
def test_buckets_are_the_published_ones_also_where_32_bits_wrap(golden, case):
    found = part(buckets=SETTINGS.bigram[case].buckets, width=1).buckets(golden[f"bigram{case}.tokens"])
    assert torch.equal(found.long(), golden[f"bigram{case}.ids"])


VECTORS = {  # (previous, current): bucket of 4096, of 2048
    (1, 5): (3892, 1887), (5, 1): (3827, 1821), (0, 0): (0, 0), (1023, 1023): (476, 977), (512, 7): (3176, 484),
    (3, 1000): (3009, 1658),
}  # fmt: skip
assert len(VECTORS) == 6


@pytest.mark.parametrize("pair", VECTORS)
def test_buckets_are_those_of_the_written_rule(pair):
    for buckets, expected in zip((4096, 2048), VECTORS[pair], strict=True):
        assert part(buckets=buckets, width=1).buckets(torch.tensor([pair])).tolist() == [[buckets - 1, expected]]


@quick
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=12), st.integers(2, 5000))
def test_buckets_are_integer_arithmetic_in_32_bits(ids, buckets):
    """In Python's integers, cut to 32 bits with a sign; the remainder of a negative number is not negative."""

    def wrapped(n):
        return (n + 2**31) % 2**32 - 2**31

    pairs = zip(ids[1:], ids[:-1], strict=True)
    expected = [(wrapped(36313 * now) ^ wrapped(27191 * before)) % (buckets - 1) for now, before in pairs]
    assert part(buckets=buckets, width=1).buckets(torch.tensor([ids])).tolist() == [[buckets - 1, *expected]]


@pytest.mark.parametrize("stream", [64, 16])
def test_pairs_start_silent_with_a_scaled_orthogonal_projection(stream):
    pairs = part(stream=stream, layers=6)
    ids = torch.arange(20).view(2, 10)
    x = random(2, 10, stream)
    assert torch.equal(pairs(x, ids), x)
    singular = torch.linalg.svdvals(pairs.proj.weight)
    torch.testing.assert_close(singular, torch.full_like(singular, 12**-0.5))
    assert pairs.beta.item() == pytest.approx(0.05)


@pytest.mark.parametrize(("projection", "role"), [("matrix", MATRIX), ("table", TABLE)])
def test_the_projection_is_trained_as_the_recipe_says_and_kept_in_float32(projection, role):
    vocabulary = {**ENRICHED, "inputs": [{**BIGRAM_HASH, "projection": projection}, {"kind": "norm"}]}
    pairs = build_model(model_cfg(vocabulary=vocabulary), torch.bfloat16).vocabulary.inputs[0]
    assert has_role(pairs.proj.weight, role)
    assert (pairs.proj.weight.dtype, pairs.table.dtype) == (torch.float32, torch.bfloat16)


def test_a_fresh_smear_is_the_mean_of_neighbours_and_half_of_the_first():
    x = random(2, 5, 64)
    out = part("smear")(x, None)
    torch.testing.assert_close(out[:, 0], x[:, 0] / 2)
    torch.testing.assert_close(out[:, 1:], (x[:, 1:] + x[:, :-1]) / 2)


def test_parts_of_the_input_work_in_the_order_of_the_recipe():
    def embedded(*inputs):
        return build_model(model_cfg(vocabulary={**ENRICHED, "inputs": list(inputs)})).vocabulary.embed(ids)

    ids = torch.arange(12).view(1, 12)
    raw, norm, smear = embedded(), {"kind": "norm"}, {"kind": "smear"}
    assert torch.equal(embedded(norm, smear), part("smear")(part("norm")(raw, ids), ids))
    assert torch.equal(embedded(smear, norm), part("norm")(part("smear")(raw, ids), ids))
    assert not torch.allclose(embedded(norm, smear), embedded(smear, norm))
