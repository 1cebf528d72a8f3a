"""Models that together hold every technique of the model: what `model_cfg` changes for each. The contract tests run on all."""

from tests.recipes import (
    BIGRAM_HASH,
    ENRICHED,
    ONCE,
    UNTIED,
    attention,
    loop,
    loop_from_step,
    pr1855,
    rope,
    value_attention,
)

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
    "pairs and a smear": {"vocabulary": ENRICHED},
    "pairs alone, projected by their optimizer": {
        "vocabulary": {**ENRICHED, "inputs": [{**BIGRAM_HASH, "projection": "table"}, {"kind": "norm"}]}
    },
    "parallel from layer 2": {"residual": {"kind": "parallel", "layer_scale": "inverse_sqrt", "start_layer": 2}},
    "pr1855": pr1855(),
    "two lanes in all of the decoder": pr1855(
        layers=5, depth=ONCE, residual={"kind": "two_lane", "layer_scale": "none", "lanes_start_layer": 2}
    ),
    "pr1279": {
        "attention": value_attention(),
        "skips": {"kind": "gated_unet_capped", "slots": 2},
        "depth": loop_from_step(1, 2),
    },
}
