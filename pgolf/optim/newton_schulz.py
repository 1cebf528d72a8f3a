"""An approximate orthogonal factor by a quintic Newton-Schulz iteration, for a stack of matrices of one shape.

    X = U / (||U||_F + 1e-7);  for each (a, b, c):  A = X X^T,  X <- a X + (b A + c A A) X

With (a, b, c) = (3.4445, -4.7750, 2.0315) five times, singular values end up roughly in 0.7 .. 1.2: the coefficients buy speed,
not precision.
From    Jordan et al. 2024 (Muon)
"""

# N matrices, R rows, C columns
import torch

QUINTIC = 3.4445, -4.7750, 2.0315


def orthogonalize(u_NRC: torch.Tensor, coefficients, dtype: torch.dtype) -> torch.Tensor:
    """(N, R, C) float32 -> (N, R, C) in `dtype`, the type the iteration runs in; a step for each of `coefficients`."""
    x = u_NRC.to(dtype)
    tall = x.size(1) > x.size(2)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in coefficients:
        square = x @ x.mT
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.mT if tall else x
