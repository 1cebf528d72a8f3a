"""As many matrices as fit keep six bits; those whose Hessians have the least trace get five (quant/gptq_search.py).

    a matrix of n weights is n log2(31 / 15) / 8 bytes smaller with five bits, since its steps grow from 1/31 to 1/15

That is the formula of quant/fitting.py. Each matrix is rounded at most twice, whatever the number of attempts.
From    the search that parameter-golf PR 1279 does by hand, N = 60, 61, 66
"""

import math
import sys

from pgolf.quant import fitting, gptq_search, policy
from pgolf.quant.int_bits import q_max

storage = sys.modules[__name__]
calibrate, layout, restore, describe = fitting.calibrate, fitting.layout, fitting.restore, fitting.describe
SAVED_BITS = math.log2(q_max(6) / q_max(5))


def quantize(quantizer, cfg, model, found, codec):
    """`found`: what gptq_search.calibrate gives, {name: (Hessian, bits)}; its bits are the first attempt."""
    parameters = dict(model.named_parameters())
    traces = {name: hessian_II.diagonal().sum().item() for name, (hessian_II, _) in found.items()}
    base = policy.quantize(gptq_search, cfg.inner, model, found)
    coded = {(name, bits): (base[name + ".q"], base[name + ".scale"]) for name, (_, bits) in found.items()}

    def attempt(int5_matrices: int):
        stored = dict(base)
        for name, bits in gptq_search.bits_by_trace(traces, int5_matrices).items():
            if (name, bits) not in coded:
                how = gptq_search.settings(cfg.inner, parameters[name], model)
                coded[name, bits] = gptq_search.encode(cfg.inner, how, parameters[name].data, (found[name][0], bits))
            stored[name + ".q"], stored[name + ".scale"] = coded[name, bits]
        return stored

    def formula(int5_matrices: int) -> float:
        ranked = gptq_search.bits_by_trace(traces, int5_matrices)
        return -SAVED_BITS / 8 * sum(parameters[name].numel() for name, bits in ranked.items() if bits == 5)

    def choose(predicted, low, high) -> int:
        low, high = -1 if low is None else low, len(traces) if high is None else high
        return next((n for n in range(low + 1, high) if n == high - 1 or predicted(n) <= cfg.artifact_bytes), high)

    tensors = layout(quantizer, cfg, model)
    return fitting.search(cfg, codec, tensors, "int5 matrices", cfg.inner.int5_matrices, attempt, formula, choose)
