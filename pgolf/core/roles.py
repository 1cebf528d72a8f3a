"""What a parameter is for. Optimizer, precision and quantiser follow the role, never a pattern in the name.

EMBEDDING   a row per token; stored in the activation dtype (bf16 on a GPU)
TABLE       a row per something else: hashed pairs, values; stored like an embedding
MATRIX      a linear map inside a block; stored in float32, cast to the activation dtype at each use
SCALAR      gains, mixes, gates: float32
HEAD        the output projection when it is not the embedding

A role may say more after a dot: MLP is a MATRIX, GATE is a SCALAR; the projection of a TABLE is trained with it, but stored
like a MATRIX.
"""

from torch import nn

EMBEDDING, TABLE, MATRIX, SCALAR, HEAD = "embedding", "table", "matrix", "scalar", "head"
MLP = "matrix.mlp"
GATE = "scalar.gate"


def tag(parameter: nn.Parameter, role: str) -> nn.Parameter:
    parameter.role = role  # type: ignore[attr-defined]
    return parameter


def has_role(parameter: nn.Parameter, role: str) -> bool:
    return parameter.role.startswith(role)  # type: ignore[attr-defined]


def of_role(model: nn.Module, role: str) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if has_role(parameter, role)]
