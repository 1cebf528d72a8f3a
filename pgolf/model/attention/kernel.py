"""Causal attention with grouped heads: FlashAttention-3 where it imports on a GPU, otherwise PyTorch's own."""

# B batch, T position, H query heads, K key/value heads, D head width
import torch
import torch.nn.functional as F

try:
    from flash_attn_interface import flash_attn_func
except ImportError:
    flash_attn_func = None


def causal_attention(q_BTHD: torch.Tensor, k_BTKD: torch.Tensor, v_BTKD: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(D)) v over positions up to one's own: (B, T, H, D). Query heads share H / K key heads each."""
    if flash_attn_func and q_BTHD.is_cuda:
        return flash_attn_func(q_BTHD, k_BTKD, v_BTKD, causal=True)
    q, k, v = (x.transpose(1, 2) for x in (q_BTHD, k_BTKD, v_BTKD))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.size(1) != k.size(1)).transpose(1, 2)
