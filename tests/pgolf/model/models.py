"""Models that together hold every technique of the model: what `model_cfg` changes for each. The contract tests run on all."""

from tests.recipes import ONCE, UNTIED, attention, loop, rope

MODELS = {
    "pr1394": {},
    "baseline": {
        "init": "uniform",
        "attention": attention(qk_gain=1.5, rope=rope(dims=16, train_tokens=None), outputs=[]),
        "mlp": {"kind": "squared_relu", "hidden": 64, "negative_slope": 0.0},
        "residual": {"kind": "serial", "layer_scale": "none"},
        "skips": {"kind": "unet"},
        "depth": ONCE,
    },
    "untied": {"vocabulary": UNTIED},
    "one key head": {"attention": attention(kv_heads=1)},
    "as many key heads": {"attention": attention(kv_heads=4)},
    "xsa in the last two": {"attention": attention(outputs=[{"kind": "xsa", "last_layers": 2}])},
    "odd layers, all looped": {"layers": 5, "depth": loop(0, 4, 2)},
    "last layer looped": {"layers": 3, "depth": loop(2, 2, 4), "skips": {"kind": "unet"}},
}
