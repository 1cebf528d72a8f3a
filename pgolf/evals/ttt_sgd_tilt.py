"""Score-first test-time training with a tilt: a token that was hinted at gets more probability, all others less.

    q'(t) = q(t) exp(beta [t = hint]) / Z        Z = 1 + q(hint) (exp(beta) - 1)        nats' = nats + ln Z - beta [target = hint]

Why     counts of long contexts are right more often than a small model believes; ln Z is cheap where the model doubts the hint
From    parameter-golf PR 1420, PR 1514
Sees    what ttt_sgd and the hints see

q' sums to 1 for any hint and any beta, so it is a distribution as good as q. What is learned from a chunk is not tilted.
"""

# B windows, T positions, K scored positions, N tokens; 2: a token and its place in the stream
import numpy as np
import torch

from pgolf.core.load import load
from pgolf.evals import ttt_sgd, windows
from pgolf.evals.ledger import Ledger

plan = ttt_sgd.plan


def label(cfg) -> str:
    return "quantized_ttt_tilt"


def prepare(cfg, model):
    def last(ids_BT, targets_BK):
        return model.hidden(ids_BT)[:, -targets_BK.size(1) :]

    predictor = load("evals.tilt", cfg.tilt).prepare(cfg.tilt)
    return model, windows.prepare(cfg, last), ttt_sgd.learner(cfg, model), predictor


def score(cfg, scorer, tokens: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    model, last, learner, predictor = scorer
    forward = tilting(model, last, *load("evals.tilt", cfg.tilt).hints(cfg.tilt, predictor, tokens))
    stream_N2 = np.stack([tokens, np.arange(len(tokens), dtype=np.uint32)], 1)
    return ttt_sgd.score_and_learn(cfg, (forward, learner), tokens, bytes_N, stream_N2)


def tilting(model, last, hints_N, betas_N):
    """The scoring forward; `last(ids_BT, any_BK)` is the hidden states (B, K, C) of the last K positions."""

    def forward(ids_BT2, targets_BK2) -> torch.Tensor:
        """Tilted nats (B, K): the model runs once, and says what it gives the target and what it gives the hint."""
        ids_BT = ids_BT2[..., 0].contiguous()  # laid out like the ids that `last` was compiled for
        targets_BK, at_BK = targets_BK2.unbind(-1)
        hints_BK, betas_BK = hints_N[at_BK].long(), betas_N[at_BK]
        z = model.project(last(ids_BT, ids_BT[:, -targets_BK.size(1) :]))
        nats_BK, hint_nats_BK = model.output(z, targets_BK), model.output(z, hints_BK.clamp(min=0))
        return tilted(nats_BK, hint_nats_BK, targets_BK == hints_BK, betas_BK)

    return forward


def tilted(nats, hint_nats, hit, betas) -> torch.Tensor:
    """float64; just `nats` where beta is 0. `hit`: the target is the hint."""
    return nats.double() + torch.log1p(torch.exp(-hint_nats.double()) * torch.expm1(betas)) - betas * hit
