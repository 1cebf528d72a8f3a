"""Second moments of what each weight matrix reads: H = sum of x x^T over calibration tokens, x the input of the matrix.

Layers that run several times add up over their passes. The tied embedding counts as the output projection, which reads
the normalised output of the last block.
From    Frantar et al. 2022 (GPTQ); parameter-golf PR 1394
"""

# B batch, T position, I inputs
import torch

from pgolf.core.ranks import all_sum
from pgolf.core.run import RANK, WORLD
from pgolf.model.linear import Linear


class Moments:
    """Sums by parameter name. Matrices that read the same tensor (q, k, v) share one product."""

    def __init__(self):
        self.sums: dict[str, torch.Tensor] = {}
        self.seen: object = None
        self.product = torch.empty(0)

    def add(self, name: str, x: torch.Tensor) -> None:
        if x is not self.seen:
            rows = x.flatten(0, -2).float()
            self.seen, self.product = x, rows.mT @ rows
        self.sums[name] = self.sums[name] + self.product if name in self.sums else self.product


@torch.no_grad()
def collect(model, batches, count: int) -> dict[str, torch.Tensor]:
    """{name: H (I, I) float32}, the mean over `count` batches of token ids (B, T); ranks take turns and share the sum."""
    moments = Moments()
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=f"{path}.weight": moments.add(name, inputs[0]))
        for path, module in model.named_modules()
        if isinstance(module, Linear)
    ]
    head = next(name for name, parameter in model.named_parameters() if parameter is model.vocabulary.head)
    for i in range(count):
        ids_BT = next(batches)
        if i % WORLD == RANK:
            moments.add(head, model.vocabulary.head_input(model.hidden(ids_BT)))
    for hook in hooks:
        hook.remove()
    return {name: all_sum(total) / count for name, total in sorted(moments.sums.items())}
