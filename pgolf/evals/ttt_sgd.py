"""Score-first test-time training: score a chunk, learn from it with SGD, go on to the next.

    for chunk c of K:  score its targets by sliding windows;  then, unless it is the last,
                       `epochs` times over its windows, back to back:  w <- SGD(mean gradient, clipped),
                       learning rate lr (1 + cos(pi c / (K - 1))) / 2

Why     validation text resembles itself: what was scored tells of what comes
From    parameter-golf PR 461, PR 549, PR 1413
Sees    a target's score depends on tokens before it: in its window directly, before its chunk also through the weights

All weights learn. Ranks share the windows of a chunk and the sequences of a step, so scores depend on the number of ranks
only by the order of sums.
"""

# W windows, B sequences, T positions
import math

import numpy as np
import torch

from pgolf.core.ranks import all_sum, compiled, device, share_of
from pgolf.evals import sliding, windows
from pgolf.evals.learning_ledger import LearningLedger
from pgolf.evals.ledger import Ledger
from pgolf.evals.scored import Scored

plan = sliding.plan


def label(cfg) -> str:
    return "quantized_ttt"


class Learner:
    def __init__(self, cfg, model):
        self.cfg, self.forward = cfg, compiled(model)
        self.parameters = list(model.parameters())
        self.optimizer = torch.optim.SGD(self.parameters, cfg.lr, cfg.momentum)

    def gradients(self, ids_BT, targets_BT) -> None:
        """Leaves the mean gradient of these sequences. All ranks take part in the sums, also those without a sequence."""
        first, last = share_of(len(ids_BT))
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        if first < last:
            nats_BT = self.forward(ids_BT[first:last], targets_BT[first:last])
            (nats_BT.sum() / targets_BT.numel()).backward()
        for parameter in self.parameters:
            all_sum(parameter.grad)

    def update(self, scored: Scored, rate: float) -> None:
        """Learn from a chunk at `rate` times the learning rate."""
        self.optimizer.param_groups[0]["lr"] = self.cfg.lr * rate
        pairs_2BT = torch.stack(scored[1:]).view(2, -1, self.cfg.window)
        for ids_BT, targets_BT in pairs_2BT.split(self.cfg.batch_sequences, 1) * self.cfg.epochs:
            self.gradients(ids_BT, targets_BT)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.cfg.clip_norm)
            self.optimizer.step()


def learner(cfg, model) -> Learner:
    """Ready to learn: compiled on random tokens, no weight changed."""
    new = Learner(cfg, model)
    if new.forward is not model:
        sequences = min(cfg.batch_sequences, cfg.chunk_tokens // cfg.window)
        ids_BT = torch.randint(0, 256, (sequences, cfg.window), device=device())
        new.gradients(ids_BT, ids_BT)
    return new


def prepare(cfg, model):
    return windows.prepare(cfg, model), learner(cfg, model)


def score(cfg, scorer, tokens: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    return score_and_learn(cfg, scorer, tokens, bytes_N, tokens)


def score_and_learn(cfg, scorer, tokens: np.ndarray, bytes_N: np.ndarray, stream: np.ndarray) -> Ledger:
    """`stream` is what the scoring forward reads: the tokens, or rows that begin with them."""
    forward, learner = scorer
    ledger = LearningLedger(tokens, bytes_N)
    plan_W3 = plan(cfg, ledger.stop)
    starts = range(0, ledger.stop, cfg.chunk_tokens)
    for chunk, windows_W3 in enumerate(np.split(plan_W3, np.searchsorted(plan_W3[:, 1], starts[1:]))):
        first, last = share_of(len(windows_W3))
        if first < last:
            mine_W3 = windows_W3[first:last]
            ledger.skip_to(int(mine_W3[0, 1]))
            windows.commit(ledger, forward, stream, mine_W3, cfg.window, cfg.batch_windows)
        if cfg.epochs and chunk < len(starts) - 1:
            chunk_tokens = ledger.release(starts[chunk], starts[chunk + 1])
            learner.update(chunk_tokens, (1 + math.cos(math.pi * chunk / (len(starts) - 1))) / 2)
    return ledger.whole()
