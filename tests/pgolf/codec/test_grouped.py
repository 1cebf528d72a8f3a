"""Grouped streams: what stands where, and that everything comes back."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.codec import artifact, grouped
from pgolf.core.errors import InputError
from tests.pgolf.codec.codecs import CODECS, LAYOUT, codec, layout_of, payload
from tests.recipes import quick, tree

PLAIN = {"kind": "zlib", "level": 6, "shuffle": 1}


def with_zlib(*sort):
    return tree(kind="grouped", matrices=PLAIN, rest=PLAIN, sort=list(sort))


def chain_by_definition(q_OI):
    """The order of rows, in as many words as the rule has."""
    rows = q_OI.astype(int).tolist()
    order = [0]
    while len(order) < len(rows):
        last = rows[order[-1]]
        left = [i for i in range(len(rows)) if i not in order]
        order.append(min(left, key=lambda i: (sum(abs(a - b) for a, b in zip(rows[i], last, strict=True)), i)))
    return order


@quick
@given(st.data())
def test_rows_are_chained_by_the_rule(data):
    shape = data.draw(st.tuples(st.integers(1, 24), st.integers(1, 4)))
    values = st.sampled_from([0, 1, 2, -1]) if data.draw(st.booleans()) else st.integers(-128, 127)
    numbers = data.draw(st.lists(values, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    q_OI = np.array(numbers, np.int8).reshape(shape)
    assert grouped.chain(q_OI).tolist() == chain_by_definition(q_OI)


def test_streams_hold_the_matrices_of_a_kind_from_all_layers_transposed_and_sorted():
    data, tensors, at = payload(), {}, 0
    for name, kind, shape, size in json.loads(LAYOUT):
        tensors[name] = np.frombuffer(data[at : at + size], kind.removeprefix("torch.")).reshape(shape)
        at += size
    streams = [zlib.decompress(one) for one in grouped.compress(with_zlib("tok_emb", "c_q"), data, json.loads(LAYOUT))]
    names = ["vocabulary.tok_emb.q", *(f"blocks.{i}.attn.c_q.weight.q" for i in (0, 1))]
    orders = {name: chain_by_definition(tensors[name]) for name in names}
    others = ["blocks.0.attn.c_q.weight.scale", "blocks.0.gate.q", "gain"]
    assert streams == [
        tensors[names[0]][orders[names[0]]].T.tobytes(),
        b"".join(tensors[name][orders[name]].T.tobytes() for name in names[1:]),
        b"".join(tensors[f"blocks.{i}.mlp.fc.weight.q"].T.tobytes() for i in (0, 1)),
        b"".join(tensors[name].tobytes() for name in others),
        np.concatenate([orders[name] for name in names]).astype("<u2").tobytes(),
    ]


WORDS = st.sampled_from(["attn.c_q.weight", "mlp.fc.weight", "tok_emb", "q.weight"])
TENSORS = st.tuples(
    st.integers(0, 3), WORDS, st.sampled_from(["torch.int8", "torch.float16"]), st.sampled_from(["q", "scale"]),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
)  # fmt: skip


@quick
@given(st.lists(TENSORS, min_size=1, max_size=8, unique_by=lambda one: (one[0], one[1], one[3])), st.data())
def test_any_model_comes_back(tensors, data):
    layout = layout_of(*((f"blocks.{i}.{word}.{end}", kind, shape) for i, word, kind, end, shape in tensors))
    kinds = [grouped.kind_of(row) for row in json.loads(layout)]
    cfg = with_zlib(*data.draw(st.lists(st.sampled_from([k for k in kinds if k] or ["-"]), max_size=2)))
    if cfg.sort and not any(kinds):
        cfg = with_zlib()
    blob = artifact.pack(cfg, layout, payload(1, layout))
    assert artifact.unpack(cfg, layout, blob) == payload(1, layout)


@pytest.mark.parametrize("name", ["mlp.proj", "fc.weight", "lp.fc", "gate"])
def test_a_kind_of_matrix_that_the_model_does_not_have_is_refused(name):
    with pytest.raises(InputError, match=rf"codec\.sort: found '{name}'; .*blocks\.attn\.c_q, blocks\.mlp\.fc"):
        artifact.pack(codec("grouped", sort=[name]), LAYOUT, payload())


def test_sorting_pays_where_rows_are_alike():
    rng = np.random.default_rng(0)
    families = rng.normal(0, 9, (4, 256))
    q_OI = np.rint(families[rng.permutation(np.arange(512) % 4)] + rng.normal(0, 0.7, (512, 256))).astype(np.int8)
    layout = layout_of(("mlp.fc.q", "torch.int8", [512, 256]))
    brotli = {**CODECS["brotli"], "shuffle": 1}
    as_it_is, sorted_ = (
        len(artifact.pack(codec("grouped", matrices=brotli, sort=sort), layout, q_OI.tobytes()))
        for sort in ([], ["mlp.fc"])
    )
    assert sorted_ < 0.95 * as_it_is
