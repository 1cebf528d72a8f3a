"""Grouped-query attention inside documents: rows are one flat buffer, and no position sees another segment.

    segments 0 2 6 8 10 10 ...: positions 2..5 see only 2..5, each up to its own

Rotary positions run on through the buffer; only differences count. Without segments it is plain causal attention. On a GPU
FlashAttention-3 skips what is not seen; without it, blocks of `max_tokens` look at themselves and at the block before, which
is enough because no segment is longer.
From    parameter-golf PR 1530
Sees    positions up to its own, in its own segment
"""

# N positions of the buffer, W = max_tokens, B = N / W blocks, S borders, H query heads, K key/value heads, D head width
import torch
import torch.nn.functional as F

from pgolf.model.attention.gqa import Gqa

try:
    from flash_attn_interface import flash_attn_varlen_func
except ImportError:
    flash_attn_varlen_func = None


def attend_inside(q_NHD, k_NKD, v_NKD, segments_S, max_tokens: int) -> torch.Tensor:
    """softmax(q k^T / sqrt(D)) v within segments [segments[i], segments[i + 1]) of at most `max_tokens` positions each."""
    if flash_attn_varlen_func and q_NHD.is_cuda:
        return flash_attn_varlen_func(
            q_NHD,
            k_NKD,
            v_NKD,
            cu_seqlens_q=segments_S,
            cu_seqlens_k=segments_S,
            max_seqlen_q=max_tokens,
            max_seqlen_k=max_tokens,
            causal=True,
        )
    size, width = len(q_NHD), max_tokens
    filler = -size % width

    def blocks(x, before: bool):
        """(B, W, ...) of zero-padded x; with the block before in front of each: (B, 2 W, ...)."""
        x = F.pad(x, (0, 0) * (x.dim() - 1) + (before * width, filler))
        x = x.unflatten(0, (-1, width))
        return torch.cat([x[:-1], x[1:]], 1) if before else x

    number_N = torch.searchsorted(segments_S, torch.arange(size, device=q_NHD.device, dtype=torch.int32), right=True)
    seen_BWX = blocks(number_N, False)[:, :, None] == blocks(number_N, True)[:, None]
    seen_BWX &= torch.ones_like(seen_BWX[0]).tril(width)
    q, k, v = (x.transpose(1, 2) for x in (blocks(q_NHD, False), blocks(k_NKD, True), blocks(v_NKD, True)))
    y = F.scaled_dot_product_attention(q, k, v, seen_BWX[:, None], enable_gqa=q.size(1) != k.size(1))
    return y.transpose(1, 2).flatten(0, 1)[:size]


class GqaDocuments(Gqa):
    def __init__(self, cfg, layer: int):
        super().__init__(cfg, layer)
        self.max_tokens = cfg.attention.max_tokens

    def attend(self, q_BTHD, k_BTKD, v_BTKD, context):
        if context[1] is None:
            return super().attend(q_BTHD, k_BTKD, v_BTKD, context)
        return attend_inside(q_BTHD[0], k_BTKD[0], v_BTKD[0], context[1], self.max_tokens)[None]


def build(cfg, layer: int) -> GqaDocuments:
    return GqaDocuments(cfg, layer)
