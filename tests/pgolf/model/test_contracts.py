"""What every technique of the model promises, whatever it computes. A new technique joins by a line in models.py."""

from pathlib import Path

import pytest
import torch

import pgolf.model
from pgolf.core.roles import EMBEDDING, HEAD, MATRIX, SCALAR, TABLE, has_role
from pgolf.model.norm import rms
from tests.pgolf.model.models import MODELS
from tests.recipes import build_model, model_cfg, random_model

SLOTS = "vocabulary", "attention", "mlp", "residual", "skips", "depth", "output"
HELPERS = {"__init__", "kernel"}  # modules of a slot that are no technique
models = pytest.mark.parametrize("name", MODELS)
VOCABULARY, LENGTH = 48, 12


def cfg_of(name):
    return model_cfg(**MODELS[name])


def ids(rows=2, length=LENGTH, seed=1):
    return torch.randint(VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


def all_logits(model, ids_BT):
    return model.logits(model.hidden(ids_BT))


def phases(model):
    for phase in range(len(model.orders)):
        model.phase = phase
        yield phase


def test_every_technique_on_disk_is_in_one_of_the_models():
    folders = [path for path in Path(pgolf.model.__file__).parent.iterdir() if (path / "__init__.py").exists()]
    assert len(folders) == 9
    on_disk = {(f.name, path.stem) for f in folders for path in f.glob("*.py") if path.stem not in HELPERS}
    used = set()
    for name in MODELS:
        cfg = cfg_of(name)
        used |= {(slot, getattr(cfg, slot).kind) for slot in SLOTS}
        used |= {("attention_outputs", part.kind) for part in cfg.attention.outputs}
        used |= {("inputs", part.kind) for part in getattr(cfg.vocabulary, "inputs", ())}
    assert used == on_disk


@models
@pytest.mark.parametrize("length", [1, 7, 40])
def test_outputs_have_a_row_for_every_position(name, length):
    model = random_model(cfg_of(name))
    hidden = model.hidden(ids(3, length))
    assert hidden.shape == (3, length, 64)
    assert model.logits(hidden).shape == (3, length, VOCABULARY)


@models
@pytest.mark.parametrize("t", [0, 5, LENGTH - 2])
def test_changing_a_later_token_changes_no_earlier_logit(name, t):
    model = random_model(cfg_of(name))
    before = ids()
    after = before.clone()
    after[:, t + 1 :] = (after[:, t + 1 :] + 7) % VOCABULARY
    for _ in phases(model):
        old, new = all_logits(model, before), all_logits(model, after)
        assert not torch.allclose(old[:, t + 1], new[:, t + 1])
        torch.testing.assert_close(new[:, : t + 1], old[:, : t + 1], rtol=0, atol=1e-6)


@models
def test_changing_the_first_token_reaches_every_later_logit(name):
    model = random_model(cfg_of(name))
    before = ids()
    after = before.clone()
    after[:, 0] = (after[:, 0] + 7) % VOCABULARY
    moved = (all_logits(model, before) - all_logits(model, after)).abs().amax(-1)
    assert moved.min() > 1e-6


@models
def test_rows_of_a_batch_do_not_see_each_other(name):
    model = random_model(cfg_of(name))
    rows = ids(3)
    together = all_logits(model, rows)
    alone = torch.cat([all_logits(model, row[None]) for row in rows])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@models
def test_a_fresh_model_says_what_its_embedding_alone_says(name):
    """Output projections start at zero and skips carry the embedding itself, so only the embedding is left."""
    model = build_model(cfg_of(name))
    embedding = rms(rms(model.vocabulary.embed(ids())))
    for _ in phases(model):
        torch.testing.assert_close(model.hidden(ids()), embedding, rtol=0, atol=1e-4)


@models
def test_every_parameter_has_a_role_and_the_role_fits_its_shape(name):
    model = build_model(cfg_of(name))
    for path, parameter in model.named_parameters():
        assert parameter.role.split(".")[0] in (EMBEDDING, TABLE, MATRIX, SCALAR, HEAD), path
        linear = path.endswith(".weight")
        assert has_role(parameter, MATRIX) == (linear and not has_role(parameter, TABLE)), path
        by_token = parameter.shape[:1] == (VOCABULARY,) and not has_role(parameter, TABLE)
        assert (parameter.role in (EMBEDDING, HEAD)) == by_token, path


@models
def test_every_parameter_gets_a_gradient_in_the_last_phase(name):
    model = random_model(cfg_of(name))
    model.phase = len(model.orders) - 1
    model(ids()[:, :-1], ids()[:, 1:]).mean().backward()
    assert [path for path, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


@models
def test_only_embeddings_are_stored_in_the_activation_type_and_losses_are_float32(name):
    model = build_model(cfg_of(name), torch.bfloat16)
    stored = {parameter.dtype == torch.bfloat16: parameter.role for parameter in model.parameters()}
    assert all((p.dtype == torch.bfloat16) == (p.role in (EMBEDDING, TABLE)) for p in model.parameters())
    assert stored[True] in (EMBEDDING, TABLE)
    assert model.hidden(ids()).dtype == torch.bfloat16
    nats = model(ids()[:, :-1], ids()[:, 1:])
    assert nats.dtype == torch.float32
    assert nats.isfinite().all()


@models
def test_probabilities_of_all_next_tokens_add_up_to_one(name):
    model = random_model(cfg_of(name))
    nats = model(ids(1).expand(VOCABULARY, -1), torch.arange(VOCABULARY)[:, None])
    assert nats.neg().exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@models
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first, again, other = (dict(build_model(cfg_of(name), seed=seed).named_parameters()) for seed in (3, 3, 4))
    assert all(torch.equal(first[path], again[path]) for path in first)
    assert not torch.equal(first["vocabulary.tok_emb"], other["vocabulary.tok_emb"])


@models
def test_weights_saved_and_loaded_give_the_same_logits(name):
    model, other = random_model(cfg_of(name), seed=0), random_model(cfg_of(name), seed=1)
    other.load_state_dict(model.state_dict())
    for _ in phases(model):
        other.phase = model.phase
        assert torch.equal(all_logits(other, ids()), all_logits(model, ids()))
