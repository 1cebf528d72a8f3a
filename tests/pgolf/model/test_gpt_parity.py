"""The one forward pass against the published models: PR 1394's (tiny and variant) and the naive baseline's."""

import pytest
import torch

from tests.golden.load import assert_close, below, settings, tensors
from tests.recipes import build_model, by_published_name, fill, published_model_cfg

CASES = [("gpt_sp8192_tiny", "plain"), ("gpt_sp8192_tiny", "loop"), ("gpt_sp8192_variant", "plain")]
cases = pytest.mark.parametrize(("file", "phase"), CASES)


def published(file, phase="plain", dtype=torch.float32):
    """The model of a golden file, its settings, and the numbers of a phase."""
    s, stored = settings(file), tensors(file)
    model = fill(build_model(published_model_cfg(s), dtype), below("state", stored))
    model.phase = ["plain", "loop"].index(phase)
    return model, s, stored


def windows(s, stored):
    """Inputs and targets (B, T)."""
    tokens = stored["tokens"][:, : s.seq_len + 1]
    return tokens[:, :-1], tokens[:, 1:]


def test_there_are_three_published_forward_passes():
    assert len(CASES) == 3


@cases
def test_the_order_of_layers_is_the_published_one(file, phase):
    model, s, _ = published(file, phase)
    published_order = s.encoder_indices, s.decoder_indices
    assert s.looped is (file == "gpt_sp8192_tiny")
    assert (model.split() == published_order) is (s.looped == (phase == "loop"))


@cases
def test_logits_are_the_published_ones(file, phase):
    model, s, stored = published(file, phase)
    ids, _ = windows(s, stored)
    assert_close(model.logits(model.hidden(ids)), stored[f"{phase}.logits"], file, "logits")


@cases
def test_logits_beyond_the_training_length_are_the_published_ones(file, phase):
    model, s, stored = published(file, phase)
    assert s.long_seq_len > s.train_seq_len
    ids = stored["tokens"][:1, : s.long_seq_len]
    assert_close(model.logits(model.hidden(ids)), stored[f"{phase}.logits_long"], file, "logits")


@pytest.mark.parametrize("file", ["gpt_sp8192_tiny", "gpt_sp8192_variant"])
def test_every_block_and_attention_puts_out_what_the_published_one_does(file):
    model, s, stored = published(file)
    found = {}
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *call, name=f"act.block{i}": found.update({name: call[2]}))
        block.attn.register_forward_hook(lambda *call, name=f"act.attn{i}": found.update({name: call[2]}))
    model.hidden(windows(s, stored)[0])
    assert sorted(found) == sorted(name for name in stored if name.startswith("act."))
    for name, activation in found.items():
        assert_close(activation, stored[name], file, "act")


@cases
def test_loss_and_gradients_are_the_published_ones(file, phase):
    model, s, stored = published(file, phase)
    ids, targets = windows(s, stored)
    loss = model(ids, targets).mean()
    loss.backward()
    assert_close(loss, stored[f"{phase}.loss"], file, "loss")
    parameters = by_published_name(model, s.param_order)
    norms = [0.0 if p.grad is None else p.grad.norm().item() for p in parameters.values()]
    assert_close(torch.tensor(norms), stored[f"{phase}.grad_norm"], file, "grad_norm")
    whole = below(f"{phase}.grad", stored)
    assert len(whole) >= 7
    for name, gradient in whole.items():
        assert_close(parameters[name].grad, gradient, file, "grad")


@cases
def test_the_loss_in_bfloat16_is_near_the_published_one(file, phase):
    model, s, stored = published(file, phase, torch.bfloat16)
    loss = model(*windows(s, stored)).mean()
    assert_close(loss, stored[f"{phase}.loss_bf16"], file, "loss_bf16")


def test_loss_and_gradients_of_the_baseline_are_the_published_ones():
    file = "naive_baseline"
    model, s, stored = published(file)
    tokens = stored["tokens"].long()[:49]
    assert s.loss_input == "the first 48 tokens as three rows of 16"
    loss = model(tokens[:-1].view(3, 16), tokens[1:].view(3, 16)).mean()
    loss.backward()
    assert_close(loss, stored["loss"], file, "loss")
    norms = [p.grad.norm() for p in by_published_name(model, s.param_order).values()]
    assert_close(torch.stack(norms), stored["grad_norm"], file, "grad_norm")
