"""Tensors as bytes, and the line that says what they are."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.codec import artifact
from pgolf.core.errors import ArtifactError
from pgolf.quant import payload
from tests.pgolf.codec.codecs import codec
from tests.recipes import quick

SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)
TYPES = st.sampled_from([torch.int8, torch.float16, torch.float32])
LAYOUT = {"a.q": (torch.int8, (2, 3)), "a.scale": (torch.float16, (2,)), "b": (torch.float16, (4,))}
OTHERS = {
    "another name": {"c.q": LAYOUT["a.q"], "a.scale": LAYOUT["a.scale"], "b": LAYOUT["b"]},
    "another type": {**LAYOUT, "b": (torch.bfloat16, (4,))},
    "another shape": {**LAYOUT, "a.q": (torch.int8, (3, 2))},
    "flat": {**LAYOUT, "a.q": (torch.int8, (6,))},
    "another order": dict(reversed(LAYOUT.items())),
    "one less": {"a.q": LAYOUT["a.q"], "a.scale": LAYOUT["a.scale"]},
}


@quick
@given(st.lists(st.tuples(TYPES, SHAPES), min_size=1, max_size=6), st.integers(0, 99))
def test_any_tensors_in_any_order_survive_being_bytes(described, seed):
    generator = torch.Generator().manual_seed(seed)
    layout = {f"t{i}": one for i, one in enumerate(described)}
    stored = {n: (100 * torch.randn(shape, generator=generator)).to(dtype) for n, (dtype, shape) in layout.items()}
    data = payload.to_bytes(stored, layout)
    assert len(data) == sum(value.numel() * value.element_size() for value in stored.values())
    found = payload.from_bytes(bytearray(data), layout)
    assert list(found) == list(stored)
    assert all(torch.equal(found[name], stored[name]) and found[name].dtype == stored[name].dtype for name in stored)


def test_the_description_is_one_line_that_a_program_without_torch_can_read():
    line = payload.describe(LAYOUT)
    assert b"\n" not in line
    assert json.loads(line) == [
        ["a.q", "torch.int8", [2, 3], 6],
        ["a.scale", "torch.float16", [2], 4],
        ["b", "torch.float16", [4], 8],
    ]


@pytest.mark.parametrize("change", OTHERS)
def test_an_artifact_is_bound_to_names_types_shapes_and_order(change):
    cfg = codec("brotli")
    blob = artifact.pack(cfg, payload.describe(LAYOUT), bytes(18))
    assert artifact.unpack(cfg, payload.describe(dict(LAYOUT)), blob) == bytes(18)
    with pytest.raises(ArtifactError, match="script it came with"):
        artifact.unpack(cfg, payload.describe(OTHERS[change]), blob)
