"""The one forward pass: training, calibration, evaluation and test-time training all call `hidden` and `forward` here.

    x = x0 = embed(ids);  encoder blocks push their outputs;  each decoder block first takes one back through a skip;
    h = rms(x);  nats = output(project(h), targets)

Invariant: nothing here depends on which stage calls it. What differs between recipes is which parts are built.
"""

# B batch, T position, K scored positions, C width, V vocabulary
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.load import load
from pgolf.core.roles import EMBEDDING, TABLE
from pgolf.model.norm import rms


class GPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.orders = load("model.depth", cfg.depth).orders(cfg)
        self.phase = 0
        self.output = load("model.output", cfg.output).build(cfg.output)
        self.vocabulary = load("model.vocabulary", cfg.vocabulary).build(cfg)
        block = load("model.residual", cfg.residual)
        self.blocks = nn.ModuleList(block.build(cfg, layer) for layer in range(cfg.layers))
        self.slots = max(len(order) // 2 for order in self.orders)
        self.skips = load("model.skips", cfg.skips).build(cfg, self.slots)

    def split(self) -> tuple[list[int], list[int]]:
        """Layer numbers of the encoder and of the decoder in the current phase of training."""
        order = self.orders[self.phase]
        return order[: len(order) // 2], order[len(order) // 2 :]

    def hidden(self, ids_BT, segments=None) -> torch.Tensor:
        """The normalised output of the last block (B, T, C). `segments`: where documents begin (data/documents.py)."""
        encoder, decoder = self.split()
        context = ids_BT, segments
        x = x0 = self.vocabulary.embed(ids_BT)
        stack = []
        for layer in encoder:
            x = self.blocks[layer](x, x0, context)
            stack.append(x)
        for k, layer in enumerate(decoder):
            if stack:
                x = self.skips(k, x, stack.pop())
            x = self.blocks[layer](x, x0, context)
        return rms(x)

    def project(self, h) -> torch.Tensor:
        """(…, C) -> (…, V) in h's dtype, before the output's cap."""
        return F.linear(self.vocabulary.head_input(h), self.vocabulary.head.to(h.dtype))

    def logits(self, h) -> torch.Tensor:
        return self.output.logits(self.project(h))

    def forward(self, ids_BT, targets_BK, segments=None) -> torch.Tensor:
        """Nats (B, K) float32 of the targets of the last K positions."""
        return self.output(self.project(self.hidden(ids_BT, segments)[:, -targets_BK.size(1) :]), targets_BK)


def build(cfg, device, dtype: torch.dtype) -> GPT:
    """The model of a recipe's `model` section on `device`; embeddings in the activation `dtype`, the rest in float32."""
    model = GPT(cfg).to(device)
    for parameter in model.parameters():
        if parameter.role in (EMBEDDING, TABLE):  # type: ignore[attr-defined]
            parameter.data = parameter.data.to(dtype)
    return model
