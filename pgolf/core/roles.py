"""What a parameter is for. Optimizer, precision and quantiser follow the role, never a pattern in the name.

EMBEDDING   a row per token; stored in the activation dtype (bf16 on a GPU)
MATRIX      a linear map inside a block; stored in float32, cast to the activation dtype at each use
SCALAR      gains, mixes, gates: float32
HEAD        the output projection when it is not the embedding
"""

from torch import nn

EMBEDDING, MATRIX, SCALAR, HEAD = "embedding", "matrix", "scalar", "head"


def tag(parameter: nn.Parameter, role: str) -> nn.Parameter:
    parameter.role = role  # type: ignore[attr-defined]
    return parameter


def of_role(model: nn.Module, role: str) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.role == role]  # type: ignore[attr-defined]
