"""Late quantisation-aware training: at the end of the warm-down, linear maps compute with rounded weights.

    w' = clamp(round(w / s), -q, q) s      s = max(max |w[i]|, 1) / q for each row, q = 2^(bits - 1) - 1      dL/dw = dL/dw'

On from the step after one with 0 < m < below_multiplier, for linear maps with at least 64 outputs. Gradients are otherwise
treated as `inner` says.
Why     weights settle where rounding hurts the loss least (straight-through estimator, Bengio et al. 2013)
From    parameter-golf PR 332, whose run spent 56 s on compiling the second graph in the middle of training and lost the last
        tenth of its warm-down by it. Here the warm-up before the clock alternates between the two graphs, so both are compiled:
        it needs two steps. PR 315 kept the switch in an attribute of the class, which the compiler took for a constant; here
        each module has its own.
"""

import torch
import torch.nn.functional as F

from pgolf.core.load import load
from pgolf.model.linear import Linear

ROWS_MIN = 64


class Rounded(Linear):
    rounding: bool
    q_max: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w_OI: torch.Tensor = self.weight
        if self.rounding:
            scale_O1 = w_OI.detach().abs().amax(1, keepdim=True).clamp_min(1) / self.q_max
            rounded_OI = (w_OI / scale_O1).round().clamp(-self.q_max, self.q_max) * scale_O1
            w_OI = w_OI + (rounded_OI - w_OI).detach()
        return F.linear(x, w_OI.to(x.dtype))


class LateQat:
    def __init__(self, cfg, model, micro_batches: int):
        self.inner = load("optim.gradients", cfg.inner).build(cfg.inner, model, micro_batches)
        self.below = cfg.below_multiplier
        self.layers: list = [m for m in model.modules() if isinstance(m, Linear) and len(m.weight) >= ROWS_MIN]
        # Built twice: for the warm-up, with layers as they are, and after it.
        self.warming_up = not any(isinstance(layer, Rounded) for layer in self.layers)
        for layer in self.layers:
            layer.__class__ = Rounded
            layer.rounding, layer.q_max = False, 2 ** (cfg.bits - 1) - 1

    def backward(self, loss) -> None:
        """Add the gradient of one micro-batch."""
        self.inner.backward(loss)

    def finish(self, multiplier: float) -> None:
        """Called with the gradients of the whole step, before the optimizers."""
        self.inner.finish(multiplier)
        for layer in self.layers:
            layer.rounding = not layer.rounding if self.warming_up else 0 < multiplier < self.below

    def leave(self) -> None:
        """Called after the last step."""
        self.inner.leave()


def build(cfg, model, micro_batches: int) -> LateQat:
    return LateQat(cfg, model, micro_batches)
