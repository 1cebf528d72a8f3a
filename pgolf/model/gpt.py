"""The one forward pass: training, calibration and evaluation all call `hidden` and `forward` here.

    x = x0 = rms(embed(ids));  encoder blocks push their outputs;  each decoder block first takes one back through a skip;
    h = rms(x);  logits = c tanh(head(h) / c)

Invariant: nothing here depends on which stage calls it. What differs between recipes is which parts are built.
"""

# B batch, T position, K scored positions, C width, V vocabulary
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.load import load
from pgolf.core.roles import EMBEDDING, of_role
from pgolf.model.norm import rms


class GPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        depth = load("model.depth", cfg.depth)
        self.orders = depth.orders(cfg)
        self.from_fraction = depth.from_fraction(cfg)
        self.phase = 0
        self.softcap = cfg.softcap
        self.vocabulary = load("model.vocabulary", cfg.vocabulary).build(cfg)
        block = load("model.residual", cfg.residual)
        self.blocks = nn.ModuleList(block.build(cfg, layer) for layer in range(cfg.layers))
        self.slots = max(len(order) // 2 for order in self.orders)
        self.skips = load("model.skips", cfg.skips).build(self.slots, cfg.width)

    def split(self) -> tuple[list[int], list[int]]:
        """Layer numbers of the encoder and of the decoder in the current phase of training."""
        order = self.orders[self.phase]
        return order[: len(order) // 2], order[len(order) // 2 :]

    def hidden(self, ids_BT) -> torch.Tensor:
        """The normalised output of the last block (B, T, C)."""
        encoder, decoder = self.split()
        x = x0 = self.vocabulary.embed(ids_BT)
        stack = []
        for layer in encoder:
            x = self.blocks[layer](x, x0)
            stack.append(x)
        for k, layer in enumerate(decoder):
            if stack:
                x = self.skips(k, x, stack.pop())
            x = self.blocks[layer](x, x0)
        return rms(x)

    def logits(self, h) -> torch.Tensor:
        """(…, C) -> (…, V) in h's dtype."""
        z = F.linear(self.vocabulary.head_input(h), self.vocabulary.head.to(h.dtype))
        return self.softcap * torch.tanh(z / self.softcap)

    def forward(self, ids_BT, targets_BK) -> torch.Tensor:
        """Nats (B, K) float32 of the targets of the last K positions."""
        h = self.hidden(ids_BT)[:, -targets_BK.size(1) :]
        logits = self.logits(h).float()
        return F.cross_entropy(logits.flatten(0, 1), targets_BK.flatten(), reduction="none").view_as(targets_BK)


def build(cfg, device, dtype: torch.dtype) -> GPT:
    """The model of a recipe's `model` section on `device`; embeddings in the activation `dtype`, the rest in float32."""
    model = GPT(cfg).to(device)
    for parameter in of_role(model, EMBEDDING):
        parameter.data = parameter.data.to(dtype)
    return model
