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


@torch.no_grad()
def collect(model, batches, count: int) -> dict[str, torch.Tensor]:
    """{name: H (I, I) float32}, the mean over `count` batches of token ids (B, T); ranks take turns and share the sum."""
    readers = {f"{path}.weight": module for path, module in model.named_modules() if isinstance(module, Linear)}
    vocabulary = model.vocabulary
    sums = {
        name: torch.zeros(2 * weight.shape[1:], device=weight.device)
        for name, weight in model.named_parameters()
        if name in readers or weight is vocabulary.head
    }
    head = next(name for name, weight in model.named_parameters() if weight is vocabulary.head)
    seen = product = None

    def add(name: str, x: torch.Tensor) -> None:
        """Matrices that read the same tensor (q, k, v) share one product."""
        nonlocal seen, product
        if x is not seen:
            rows = x.flatten(0, -2).float()
            seen, product = x, rows.mT @ rows
        sums[name] += product

    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: add(name, inputs[0]))
        for name, module in readers.items()
    ]
    for i in range(count):
        ids_BT = next(batches)
        if i % WORLD == RANK:
            add(head, vocabulary.head_input(model.hidden(ids_BT)))
    for hook in hooks:
        hook.remove()
    return {name: all_sum(total) / count for name, total in sums.items()}
