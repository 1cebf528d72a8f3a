"""No average: the last weights are the result."""


class Last:
    def update(self, multiplier: float, step: int) -> None:
        pass

    def apply(self) -> None:
        pass


def build(cfg, model) -> Last:
    return Last()
