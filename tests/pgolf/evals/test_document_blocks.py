"""Back-to-back windows inside documents."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.evals import document_blocks
from tests.pgolf.evals.documents import BOS, model_of, scores, stream
from tests.recipes import attention, quick, rope, tree


def cfg_of(window, batch_windows):
    return tree(window=window, batch_windows=batch_windows, bos_token=BOS)


def seen_in_segment(ids_1N, targets_1N, borders):
    """For each position the sum of the tokens of its segment up to it."""
    sums = ids_1N[0].cumsum(0)
    number = torch.searchsorted(borders, torch.arange(len(sums), dtype=torch.int32), right=True) - 1
    start = borders[number].long()
    return (sums - sums[start] + ids_1N[0][start])[None].float()


@quick
@given(
    st.lists(st.sampled_from([BOS, 2, 3, 5, 8, 13, 21]), min_size=2, max_size=60),
    st.integers(1, 6),
    st.integers(1, 5),
)
def test_a_loss_depends_on_its_own_document_window_and_buffer(ids, window, batch):
    tokens, cfg = np.array(ids, np.uint16), cfg_of(window, batch)
    ledger = document_blocks.score(
        cfg, document_blocks.prepare(cfg, seen_in_segment), tokens, np.ones(len(ids) - 1, np.int16)
    )
    expected, begin = [], 0
    for at, token in enumerate(ids[:-1]):
        if at % (window * batch) == 0 or token == BOS or at - begin == window:
            begin = at
        expected.append(sum(ids[begin : at + 1]))
    assert ledger.nats_N.tolist() == expected


def test_with_an_attention_that_knows_segments_the_document_before_does_not_count():
    sizes, cfg = [7, 30, 9, 5], cfg_of(16, 4)
    model = model_of(attention=attention(kind="gqa_documents", rope=rope(train_tokens=None), max_tokens=16))
    tokens = stream(sizes)
    changed = tokens.copy()
    changed[1:7] = 2 + (changed[1:7] + 3) % 46
    with torch.no_grad():
        before, after = (scores(cfg, one, document_blocks, model) for one in (tokens, changed))
    assert torch.equal(before[7:], after[7:])
    assert not torch.equal(before[:7], after[:7])
    alone = torch.from_numpy(tokens[None, 7:24].astype(np.int64))
    torch.testing.assert_close(before[7:23], model(alone[:, :-1], alone[:, 1:])[0], rtol=0, atol=1e-5)
