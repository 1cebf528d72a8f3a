"""The kind is the file: `attention: {kind: gqa}` is the module pgolf/model/attention/gqa.py."""

from importlib import import_module


def load(slot: str, cfg):
    """The module that a part of the recipe names, for example load("model.attention", cfg.model.attention)."""
    return import_module(f"pgolf.{slot}.{cfg.kind}")
