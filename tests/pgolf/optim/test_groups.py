import pytest
import torch

from pgolf.core.roles import EMBEDDING, HEAD, MATRIX, SCALAR, of_role
from pgolf.optim import adamw, groups
from tests.recipes import UNTIED, build_model, model_cfg, tree

ADAMW = {"kind": "adamw", "lr": 0.03, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}
MATRICES = {
    "kind": "muon_eq_r",
    "lr": 0.02,
    "momentum": {"first": 0.9, "last": 0.9, "steps": 0},
    "newton_schulz_steps": 5,
    "weight_decay": 0.0,
}


def optim_cfg(head=None, **lr):
    parts = {role: {**ADAMW, "lr": lr.get(role, 0.03)} for role in (EMBEDDING, SCALAR)}
    return tree(matrix={**MATRICES, "lr": lr.get(MATRIX, 0.02)}, head=head, table=None, **parts)


def stepped(model, cfg, multiplier=1.0):
    """The parameters that one step moved."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in groups.build(cfg, model):
        optimizer.update(multiplier, 0)
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("vocabulary", [{"kind": "tied", "init_std": 0.005}, UNTIED])
def test_every_parameter_is_moved_by_one_optimizer(vocabulary):
    model = build_model(model_cfg(vocabulary=vocabulary))
    head = ADAMW if vocabulary is UNTIED else None
    assert len(groups.build(optim_cfg(head), model)) == (4 if head else 3)
    assert stepped(model, optim_cfg(head)) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("role", [EMBEDDING, MATRIX, SCALAR])
def test_a_learning_rate_moves_the_parameters_of_its_role_and_no_others(role):
    model = build_model(model_cfg())
    others = dict.fromkeys({EMBEDDING, MATRIX, SCALAR} - {role}, 0.0)
    moved = stepped(model, optim_cfg(**others))
    own = {id(p) for p in of_role(model, role)}
    assert moved == {name for name, p in model.named_parameters() if id(p) in own}


def test_the_multiplier_reaches_every_optimizer():
    assert stepped(build_model(model_cfg(vocabulary=UNTIED)), optim_cfg(ADAMW), multiplier=0.0) == set()


def test_an_untied_head_without_an_optimizer_is_an_error():
    model = build_model(model_cfg(vocabulary=UNTIED))
    assert len(of_role(model, HEAD)) == 1
    with pytest.raises(AttributeError):
        groups.build(optim_cfg(None), model)


def test_adamw_is_its_formula():
    cfg = tree(**ADAMW)
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))
    gradients = [torch.tensor(g, dtype=torch.float64) for g in ([0.1, 0.0, -3.0], [1.0, -1.0, 0.5], [0.0, 0.0, 2.0])]
    multipliers = [1.0, 0.5, 0.25]
    optimizer = adamw.build(cfg, [parameter])
    w, m, v = parameter.detach().clone(), 0.0, 0.0
    for t, (g, multiplier) in enumerate(zip(gradients, multipliers, strict=True), 1):
        parameter.grad = g.clone()
        optimizer.update(multiplier, t - 1)
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g
        w = w * (1 - 0.03 * multiplier * 0.1)
        w = w - 0.03 * multiplier * (m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-8)
    torch.testing.assert_close(parameter.detach(), w)
