"""Roles, ranks, kinds, errors and the resolved recipe."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pgolf.core import errors, ranks, run
from pgolf.core.load import load
from pgolf.core.roles import MATRIX, SCALAR, of_role, tag
from tests.recipes import quick, stand_for, tree


def test_a_kind_is_a_file():
    assert load("model.mlp", tree(kind="squared_relu")).__name__ == "pgolf.model.mlp.squared_relu"
    with pytest.raises(ModuleNotFoundError):
        load("model.mlp", tree(kind="absent"))


def test_a_resolved_recipe_is_a_tree_of_plain_objects():
    cfg = run.parse('{"optim": {"matrix": {"lr": 0.02}}, "seeds": [1, 2], "average": null}')
    assert (cfg.optim.matrix.lr, cfg.seeds, cfg.average) == (0.02, [1, 2], None)


def test_the_seed_is_that_of_the_environment_or_else_the_challenges(monkeypatch):
    monkeypatch.delenv("SEED", raising=False)
    assert run.seed() == 1337
    monkeypatch.setenv("SEED", "42")
    assert run.seed() == 42


def test_parameters_are_found_by_role_each_once():
    model = nn.Module()
    model.a = tag(nn.Parameter(torch.zeros(2, 2)), MATRIX)
    model.b = tag(nn.Parameter(torch.zeros(2)), SCALAR)
    model.again = model.a
    assert [p is model.a for p in of_role(model, MATRIX)] == [True]
    assert [p is model.b for p in of_role(model, SCALAR)] == [True]


def test_a_parameter_without_a_role_is_an_error_and_not_left_out():
    model = nn.Module()
    model.a = nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(AttributeError, match="role"):
        of_role(model, MATRIX)


@quick
@given(st.integers(0, 60), st.integers(1, 9))
def test_shares_of_all_ranks_cover_the_work_once_and_differ_by_at_most_one(total, world):
    with pytest.MonkeyPatch.context() as monkeypatch:
        shares = []
        for rank in range(world):
            stand_for(monkeypatch, rank, world)
            shares.append(range(*ranks.share_of(total)))
    assert [piece for share in shares for piece in share] == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_logical_ranks_of_all_processes_are_those_of_eight(monkeypatch, world):
    found = []
    for rank in range(world):
        stand_for(monkeypatch, rank, world)
        assert len(ranks.logical_ranks(8)) == 8 // world
        found += ranks.logical_ranks(8)
    assert found == list(range(8))


def test_every_error_has_an_exit_code_and_only_kinds_of_one_another_share_it():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PgolfError)]
    assert len(kinds) >= 7
    for one in kinds:
        assert one.exit_code > 0
        for other in kinds:
            related = issubclass(one, other) or issubclass(other, one)
            assert one.exit_code != other.exit_code or related
