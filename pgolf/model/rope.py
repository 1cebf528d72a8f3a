"""Rotary position embedding on the first `dims` of each head, half-split layout.

    angle[t, j] = t * base^(-2j / dims)      a' = a cos + b sin      b' = -a sin + b cos
    a = dims 0 .. dims/2 - 1                 b = dims dims/2 .. dims - 1             the rest is left alone

Beyond `train_tokens` positions the base grows to base * (T / train_tokens)^(dims / (dims - 2)).
From    Su et al. 2021 (RoFormer); partial rotation and the growing base as in parameter-golf PR 1394
"""

# B batch, T position, H head, D head width, J = dims / 2
import torch


def tables(
    positions: int, dims: int, base: float, train_tokens: int | None, device
) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin, each (T, 1, J) float32."""
    if train_tokens and positions > train_tokens:
        base *= (positions / train_tokens) ** (dims / (dims - 2))
    frequency_J = base ** -(torch.arange(0, dims, 2, device=device, dtype=torch.float32) / dims)
    angle_TJ = torch.outer(torch.arange(positions, device=device, dtype=torch.float32), frequency_J)
    return angle_TJ.cos()[:, None], angle_TJ.sin()[:, None]


def rotate(x_BTHD: torch.Tensor, cos_T1J: torch.Tensor, sin_T1J: torch.Tensor) -> torch.Tensor:
    half = cos_T1J.size(-1)
    cos, sin = cos_T1J.to(x_BTHD.dtype), sin_T1J.to(x_BTHD.dtype)
    a, b, rest = x_BTHD.split([half, half, x_BTHD.size(-1) - 2 * half], -1)
    return torch.cat([a * cos + b * sin, b * cos - a * sin, rest], -1)
