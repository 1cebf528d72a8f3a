"""Low-rank adapters, one set for every row of a batch, laid over the one model for as long as a `with` block lasts.

    y  ->  y + (alpha / rank) (x A^T) B^T       A (rank, inputs) uniform within 1 / sqrt(inputs), B (outputs, rank) zero

x and y are input and output of: the projections to queries, keys and values, the attention, the MLP, and the output
projection before its cap. A layer that runs n times in a forward pass has n sets of its own. With B = 0 nothing changes.

Why     a batch of documents adapts at once, each row to its own document
From    Hu et al. 2021 (LoRA); parameter-golf PR 1530; alpha from PR 1767
Sees    its own position
"""

# B rows, T position, I inputs, O outputs, R rank
from collections import Counter
from contextlib import contextmanager

import torch

Factors = list[torch.Tensor]


class Lora:
    """A pair of factors for every row, anew for every batch: `a_BRI` and `b_BOR`."""

    def __init__(self, shape_OI, rank: int, alpha: float):
        self.sizes = *shape_OI, rank
        self.scale = alpha / rank

    def begin(self, rows: int, a_BRI: torch.Tensor | None, generator: torch.Generator) -> Factors:
        outputs, inputs, rank = self.sizes
        device = generator.device
        if a_BRI is None:
            bound = inputs**-0.5
            a_BRI = torch.empty(rows, rank, inputs, device=device).uniform_(-bound, bound, generator=generator)
        self.a_BRI = a_BRI.detach().requires_grad_()
        self.b_BOR = torch.zeros(rows, outputs, rank, device=device, requires_grad=True)
        return [self.a_BRI, self.b_BOR]

    def __call__(self, x_BTI: torch.Tensor) -> torch.Tensor:
        return x_BTI @ self.a_BRI.mT.to(x_BTI.dtype) @ self.b_BOR.mT.to(x_BTI.dtype) * self.scale


class Calls:
    """Adds to the outputs of a module, call after call, what its adapters say; a forward pass goes once through all."""

    def __init__(self, loras: list[Lora]):
        self.loras, self.next = loras, 0

    def __call__(self, module, inputs, output):
        lora = self.loras[self.next]
        self.next = (self.next + 1) % len(self.loras)
        return output + lora(inputs[0])


class Adapters:
    def __init__(self, model, rank: int, alpha: float):
        """For the order in which `model` runs its layers now. They have no rows before `begin`."""

        def lora(shape_OI) -> Lora:
            self.loras.append(Lora(shape_OI, rank, alpha))
            return self.loras[-1]

        self.loras: list[Lora] = []
        self.calls: dict[torch.nn.Module, Calls] = {}
        for layer, times in Counter(model.orders[model.phase]).items():
            attn, mlp = model.blocks[layer].attn, model.blocks[layer].mlp
            square = attn.c_q.weight.shape
            shapes = {attn.c_q: square, attn.c_k: attn.c_k.weight.shape, attn.c_v: attn.c_v.weight.shape, attn: square}
            for module, shape in {**shapes, mlp: square}.items():
                self.calls[module] = Calls([lora(shape) for _ in range(times)])
        head = lora((len(model.vocabulary.head), square[1]))
        self.project = lambda h: type(model).project(model, h) + head(h)
        self.factors: Factors = []

    def begin(self, rows: int, generator: torch.Generator, kept: Factors | None = None) -> None:
        """Adapters for `rows` new documents: B zero, A drawn from `generator`, or `kept` from documents before."""
        pairs = [lora.begin(rows, kept[i] if kept else None, generator) for i, lora in enumerate(self.loras)]
        self.factors = [factor for pair in pairs for factor in pair]

    def to_keep(self) -> Factors:
        """Every A, for `begin`."""
        return self.factors[::2]


@contextmanager
def attached(model, adapters: Adapters):
    """`model` with `adapters` over it: rows of a batch are theirs."""
    # Always the same objects, so that a compiled model finds itself unchanged when they come back.
    handles = []
    for module, calls in adapters.calls.items():
        calls.next = 0
        handles.append(module.register_forward_hook(calls))
    model.project = adapters.project
    try:
        yield
    finally:
        del model.project
        for handle in handles:
            handle.remove()
