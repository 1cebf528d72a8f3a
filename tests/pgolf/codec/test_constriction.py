"""Entropy coding: any codes come back, and cost what their distribution says."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgolf.codec import artifact, constriction
from tests.pgolf.codec.codecs import codec, layout_of
from tests.recipes import quick

ways = pytest.mark.parametrize("way", ["constriction", "constriction, gaussian"])
CODER_BYTES = 8  # the last words of the coder


def coded_bytes(way, q_OI):
    layout = layout_of(("a.q", "torch.int8", list(q_OI.shape)))
    return len(constriction.compress(codec(way), q_OI.tobytes(), json.loads(layout))[1])


@ways
@quick
@given(st.lists(st.integers(-128, 127), min_size=1, max_size=60), st.integers(1, 3))
@example([-128] * 60, 1)
@example([0] * 60, 3)
@example([127], 1)
def test_any_codes_come_back(way, numbers, rows):
    columns = -(-len(numbers) // rows)
    layout = layout_of(("a.q", "torch.int8", [rows, columns]), ("a.scale", "torch.float16", [rows]))
    data = np.resize(np.array(numbers, np.int8), rows * columns).tobytes() + bytes(range(2 * rows))
    assert artifact.unpack(codec(way), layout, artifact.pack(codec(way), layout, data)) == data


def test_a_table_costs_the_entropy_of_the_codes_and_a_few_bytes():
    rng = np.random.default_rng(0)
    q_OI = np.where(rng.random((200, 300)) < 0.7, rng.integers(-3, 3, (200, 300)), 99).astype(np.int8)
    share = np.unique(q_OI, return_counts=True)[1] / q_OI.size
    bound = -float(share @ np.log2(share)) * q_OI.size / 8
    assert bound <= coded_bytes("constriction", q_OI) <= 1.0002 * bound + CODER_BYTES


def test_a_normal_distribution_for_each_row_costs_what_its_width_says():
    rng = np.random.default_rng(0)
    width_O = rng.uniform(1, 20, 400)
    q_OI = np.rint(rng.normal(0, width_O[:, None], (400, 500))).clip(-127, 127).astype(np.int8)
    per_row = coded_bytes("constriction, gaussian", q_OI)
    bound = sum(500 * (0.5 * math.log2(2 * math.pi * math.e * (w * w + 1 / 12))) for w in width_O) / 8
    assert abs(per_row / bound - 1) < 0.005
    assert per_row < 0.97 * coded_bytes("constriction", q_OI)  # one table for all rows knows nothing of their widths
