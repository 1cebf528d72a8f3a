"""Gradients as they are."""


class Plain:
    def backward(self, loss) -> None:
        """Add the gradient of one micro-batch."""
        loss.backward()

    def finish(self, multiplier: float) -> None:
        """Called with the gradients of the whole step, before the optimizers."""

    def leave(self) -> None:
        """Called after the last step."""


def build(cfg, model, micro_batches: int) -> Plain:
    return Plain()
