"""One optimizer for each role of parameters, as the recipe's `optim` section says."""

from pgolf.core.load import load
from pgolf.core.roles import of_role


def build(cfg, model) -> list:
    """Optimizers in the order they step, for the roles that the model has."""
    groups = [(getattr(cfg, role), of_role(model, role)) for role in ("embedding", "matrix", "scalar", "head", "table")]
    return [load("optim", group).build(group, parameters) for group, parameters in groups if parameters]
