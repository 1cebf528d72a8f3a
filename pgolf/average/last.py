"""No average: the last weights are the result."""


class Last:
    def update(self) -> None:
        pass

    def apply(self) -> None:
        pass


def build(cfg, model) -> Last:
    return Last()
