"""Soft-capped cross-entropy in one pass over the logits, forward and backward; nothing as large as them is kept but themselves.

    z = 2 cap sigmoid(2 x / cap)   (= cap tanh(x / cap) + cap; the constant does not matter)      nats = log sum exp z - z[target]
    dx = dnats (softmax(z) - one_hot) 4 s (1 - s),  s = sigmoid(2 x / cap)

In training a GPU runs Triton kernels (kernel.py) and a CPU the same formulas, in float32 from the logits' own type; elsewhere it
is the plain expression (softcap.py), whose tanh is taken in the activation type.
Why     float32 copies of the logits, 3 GB for 98,304 tokens of 8192, are neither written nor read
From    parameter-golf PR 1787
"""

# B batch, K scored positions, M = B K, V vocabulary
import torch

from pgolf.model.output.softcap import Softcap


@torch.library.custom_op(
    "pgolf::softcap", mutates_args=(), schema="(Tensor x, Tensor targets, float cap) -> (Tensor, Tensor)"
)
def measure(x_MV, targets_M, cap):
    """Nats and logarithms of sums (M,) float32; opaque to the compiler."""
    if x_MV.is_cuda:
        from pgolf.model.output import kernel

        return kernel.forward(x_MV.contiguous(), targets_M.contiguous(), cap)
    z_MV = 2 * cap * torch.sigmoid(2 / cap * x_MV.float())
    lse_M = z_MV.logsumexp(1)
    return lse_M - z_MV.gather(1, targets_M[:, None])[:, 0], lse_M


@measure.register_fake
def measure_shapes(x_MV, targets_M, cap):
    return [x_MV.new_empty(len(x_MV), dtype=torch.float32) for _ in range(2)]


@torch.library.custom_op(
    "pgolf::softcap_backward",
    mutates_args=(),
    schema="(Tensor x, Tensor targets, Tensor lse, Tensor dnats, float cap) -> Tensor",
)
def slope(x_MV, targets_M, lse_M, dnats_M, cap):
    """dx (M, V) in x's type."""
    if x_MV.is_cuda:
        from pgolf.model.output import kernel

        return kernel.backward(x_MV.contiguous(), targets_M.contiguous(), lse_M, dnats_M.contiguous(), cap)
    s_MV = torch.sigmoid(2 / cap * x_MV.float())
    p_MV = torch.exp(2 * cap * s_MV - lse_M[:, None])
    p_MV.scatter_add_(1, targets_M[:, None], -torch.ones_like(lse_M)[:, None])
    return (4 * dnats_M[:, None] * p_MV * s_MV * (1 - s_MV)).to(x_MV.dtype)


@slope.register_fake
def slope_shape(x_MV, targets_M, lse_M, dnats_M, cap):
    return torch.empty_like(x_MV)


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_MV, targets_M, cap):
        nats_M, lse_M = measure(x_MV, targets_M, cap)
        ctx.save_for_backward(x_MV, targets_M, lse_M)
        ctx.cap = cap
        return nats_M

    @staticmethod
    def backward(ctx, dnats_M):
        return slope(*ctx.saved_tensors, dnats_M, ctx.cap), None, None


class FusedSoftcap(Softcap):
    def forward(self, z_BKV, targets_BK) -> torch.Tensor:
        """Nats (B, K) float32."""
        if not self.training:
            return super().forward(z_BKV, targets_BK)
        return Fused.apply(z_BKV.flatten(0, 1), targets_BK.flatten(), self.cap).view_as(targets_BK)


def build(cfg) -> FusedSoftcap:
    return FusedSoftcap(cfg)
