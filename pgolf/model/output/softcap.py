"""Soft-capped logits: cap * tanh(z / cap), and their cross-entropy in float32.

Why     no logit leaves (-cap, cap), so a confident error costs a bounded number of nats
From    Gemma 2 (2024); parameter-golf baseline
"""

# B batch, K scored positions, V vocabulary
import torch
import torch.nn.functional as F
from torch import nn


class Softcap(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cap = cfg.cap

    def logits(self, z_BKV) -> torch.Tensor:
        return self.cap * torch.tanh(z_BKV / self.cap)

    def forward(self, z_BKV, targets_BK) -> torch.Tensor:
        """Nats (B, K) float32."""
        logits = self.logits(z_BKV).float()
        return F.cross_entropy(logits.flatten(0, 1), targets_BK.flatten(), reduction="none").view_as(targets_BK)


def build(cfg) -> Softcap:
    return Softcap(cfg)
