"""An approximate orthogonal factor by a quintic Newton-Schulz iteration, for a stack of matrices of one shape.

    X = U / (||U||_F + 1e-7);  five times  A = X X^T,  X <- a X + (b A + c A A) X      (a, b, c) = (3.4445, -4.7750, 2.0315)

Singular values end up roughly in 0.7 .. 1.2: the coefficients buy speed, not precision.
From    Jordan et al. 2024 (Muon)
"""

# N matrices, R rows, C columns
import torch

A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalize(u_NRC: torch.Tensor, steps: int, dtype: torch.dtype) -> torch.Tensor:
    """(N, R, C) float32 -> (N, R, C) in `dtype`, the type the iteration runs in."""
    x = u_NRC.to(dtype)
    tall = x.size(1) > x.size(2)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = A * x + (B * a + C * (a @ a)) @ x
    return x.mT if tall else x
