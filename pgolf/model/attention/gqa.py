"""Grouped-query attention with normalised queries and keys.

    q, k = rotate(rms(x Wq^T)), rotate(rms(x Wk^T))     q *= gain of its head     y = softmax(q k^T / sqrt(D)) v     y Wo^T

Why     fewer key/value heads save bytes; normalised q and k with a learned gain keep logits in range without tuning
From    Ainslie et al. 2023 (GQA); Henry et al. 2020 (QK norm); parameter-golf baseline; gain 4 from PR 1394
Sees    positions up to its own
"""

# B batch, T position, C model width, H query heads, K key/value heads, D head width
import torch
from torch import nn

from pgolf.core.load import load
from pgolf.core.roles import MATRIX, SCALAR, tag
from pgolf.model.attention.kernel import causal_attention
from pgolf.model.linear import Linear
from pgolf.model.norm import rms
from pgolf.model.rope import rotate, tables


class Gqa(nn.Module):
    def __init__(self, cfg, layer: int):
        super().__init__()
        a = cfg.attention
        self.heads, self.kv_heads, self.rope = a.heads, a.kv_heads, a.rope
        self.head_dim = cfg.width // a.heads
        kv_width = self.kv_heads * self.head_dim
        self.c_q = Linear(cfg.width, cfg.width, cfg.init, MATRIX)
        self.c_k = Linear(cfg.width, kv_width, cfg.init, MATRIX)
        self.c_v = Linear(cfg.width, kv_width, cfg.init, MATRIX)
        self.proj = Linear(cfg.width, cfg.width, "zeros", MATRIX)
        self.q_gain = tag(nn.Parameter(torch.full((a.heads,), a.qk_gain)), SCALAR)
        self.outputs = nn.ModuleList(
            load("model.attention_outputs", part).build(cfg, part)
            for part in a.outputs
            if part.last_layers is None or layer >= cfg.layers - part.last_layers
        )

    def values(self, x_BTC, context):
        """(B, T, K * D). `context` is what the model was called with: token ids (B, T), segments."""
        return self.c_v(x_BTC)

    def attend(self, q_BTHD, k_BTKD, v_BTKD, context):
        return causal_attention(q_BTHD, k_BTKD, v_BTKD)

    def forward(self, x_BTC, context):
        batch, length, width = x_BTC.shape
        q_BTHD = rms(self.c_q(x_BTC).view(batch, length, self.heads, self.head_dim))
        k_BTKD = rms(self.c_k(x_BTC).view(batch, length, self.kv_heads, self.head_dim))
        v_BTKD = self.values(x_BTC, context).view(batch, length, self.kv_heads, self.head_dim)
        cos, sin = tables(length, self.rope.dims, self.rope.base, self.rope.train_tokens, x_BTC.device)
        q_BTHD = rotate(q_BTHD, cos, sin) * self.q_gain.to(q_BTHD.dtype)[:, None]
        y_BTHD = self.attend(q_BTHD, rotate(k_BTKD, cos, sin), v_BTKD, context)
        for part in self.outputs:
            y_BTHD = part(y_BTHD, v_BTKD, x_BTC)
        return self.proj(y_BTHD.reshape(batch, length, width))


def build(cfg, layer: int) -> Gqa:
    return Gqa(cfg, layer)
