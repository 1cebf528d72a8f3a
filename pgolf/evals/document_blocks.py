"""Back-to-back windows inside documents: buffers of `batch_windows` windows, cut where a document begins and every `window`
tokens of it. What attends inside segments (model.attention) does not see the document before.

The published pass leaves out what does not fill a rank's last buffer; this one scores every target, and cuts the stream into
the same buffers whatever the number of processes.
From    parameter-golf PR 1530
"""

# N tokens of a buffer
from types import SimpleNamespace

import numpy as np
import torch

from pgolf.core.ranks import device
from pgolf.data.documents import segments
from pgolf.evals import blocks, windows
from pgolf.evals.ledger import Ledger

label = blocks.label


def prepare(cfg, model):
    """`model` for one buffer."""

    def forward(ids_1N, targets_1N):
        borders = segments(ids_1N[0].cpu().numpy(), cfg.bos_token, cfg.window)
        return model(ids_1N, targets_1N, torch.from_numpy(borders).to(device()))

    return forward


def score(cfg, forward, tokens: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    buffer_tokens = cfg.window * cfg.batch_windows
    plan_W3 = blocks.plan(SimpleNamespace(window=buffer_tokens), len(tokens) - 1)
    return windows.score_plan(forward, tokens, bytes_N, plan_W3, buffer_tokens, 1)
