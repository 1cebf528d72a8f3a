"""The MLP with a squared (leaky) ReLU, trained with two of its four products fused with what is done to their results.

    forward    pre = x U^T,  post = leaky(pre)^2,  y = post D^T                   pre and post are kept, nothing else
    backward   dD = dy^T post,  dpre = (dy D) leaky'(pre)^2,  dU = dpre^T x,  dx = dpre U

where the derivative of the square, 2 pre or 2 slope^2 pre, is 0 at pre = 0. In training a GPU runs Triton kernels (kernel.py)
and a CPU the same formulas; evaluation, calibration and test-time training run the plain expression (squared_relu.py).
Why     two passes over the widest activations less in each direction
From    parameter-golf PR 1530
Sees    its own position
"""

# M positions, C model width, H hidden width
import torch

from pgolf.model.mlp.squared_relu import SquaredRelu


@torch.library.custom_op(
    "pgolf::squared_relu", mutates_args=(), schema="(Tensor x, Tensor up, float slope) -> (Tensor, Tensor)"
)
def rise(x_MC, up_HC, slope):
    """pre and post (M, H) in x's type; opaque to the compiler."""
    if x_MC.is_cuda:
        from pgolf.model.mlp import kernel

        return kernel.rise(x_MC.contiguous(), up_HC, slope)
    pre_MH = x_MC @ up_HC.mT
    x = pre_MH.float()
    return pre_MH, torch.where(x > 0, x, slope * x).square().to(pre_MH.dtype)


@rise.register_fake
def rise_shapes(x_MC, up_HC, slope):
    return x_MC.new_empty(len(x_MC), len(up_HC)), x_MC.new_empty(len(x_MC), len(up_HC))


@torch.library.custom_op(
    "pgolf::squared_relu_backward",
    mutates_args=(),
    schema="(Tensor dy, Tensor down, Tensor pre, float slope) -> Tensor",
)
def fall(dy_MC, down_HC, pre_MH, slope):
    """dpre (M, H) in pre's type."""
    if dy_MC.is_cuda:
        from pgolf.model.mlp import kernel

        return kernel.fall(dy_MC.contiguous(), down_HC, pre_MH, slope)
    x = pre_MH.float()
    return ((dy_MC @ down_HC.mT).float() * torch.where(x > 0, 2 * x, 2 * slope**2 * x)).to(pre_MH.dtype)


@fall.register_fake
def fall_shape(dy_MC, down_HC, pre_MH, slope):
    return torch.empty_like(pre_MH)


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_MC, up_HC, down_CH, slope):
        pre_MH, post_MH = rise(x_MC, up_HC, slope)
        ctx.save_for_backward(x_MC, up_HC, down_CH, pre_MH, post_MH)
        ctx.slope = slope
        return post_MH @ down_CH.mT

    @staticmethod
    def backward(ctx, dy_MC):
        x_MC, up_HC, down_CH, pre_MH, post_MH = ctx.saved_tensors
        dpre_MH = fall(dy_MC, down_CH.mT.contiguous(), pre_MH, ctx.slope)
        return dpre_MH @ up_HC, dpre_MH.mT @ x_MC, dy_MC.mT @ post_MH, None


class FusedSquaredRelu(SquaredRelu):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        up_HC, down_CH = (linear.weight.to(x.dtype) for linear in (self.fc, self.proj))
        return Fused.apply(x.flatten(0, -2), up_HC, down_CH, self.slope).view_as(x)


def build(cfg) -> FusedSquaredRelu:
    return FusedSquaredRelu(cfg)
