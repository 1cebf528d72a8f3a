"""GPTQ with searched clips and ranked matrices: the floor, the choice, the ranking of the published runs."""

import json

import pytest
import torch

from pgolf.quant import gptq, gptq_search, policy
from pgolf.quant.gptq_search import bits_by_trace, quantize_matrix
from pgolf.quant.int8_rows import quantize_tensor
from pgolf.quant.int_bits import dequantize, q_max
from tests.recipes import model_cfg, random_model, tree, value_attention

QUANTILES = [0.999, 0.9995, 0.9999, 0.99999, 1.0]
bits = pytest.mark.parametrize("bits", [6, 5])


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def correlated(width, seed=3):
    x = random(3 * width, width, seed=seed) @ (torch.eye(width) + random(width, width, seed=seed + 1) / width**0.5)
    return x.T @ x


def heavy(rows, columns, seed=0):
    """Rows with a few large weights, so that clipping pays."""
    return random(rows, columns, seed=seed) * random(rows, columns, seed=seed + 1).square()


def error(w_OI, q_OI, scale_O, hessian_II=None):
    e = (w_OI - dequantize(q_OI, scale_O)).double()
    return (e.square().mean() if hessian_II is None else ((e @ hessian_II.double()) * e).sum()).item()


def search(w_OI, hessian_II, bits, quantiles=QUANTILES):
    return quantize_matrix(w_OI, hessian_II, bits, quantiles, 0.01, 128)


@bits
def test_rows_with_a_maximum_below_one_all_have_the_floor_for_a_step(bits):
    w = 0.1 * random(40, 300)
    q, scale = search(w, correlated(300), bits)
    assert w.abs().max() < 1
    assert scale.tolist() == [torch.tensor(1 / q_max(bits)).half().item()] * 40
    alone, same = search(w, correlated(300), bits, [1.0])
    assert torch.equal(q, alone)
    assert torch.equal(scale, same)


def test_the_step_of_six_bits_at_the_floor_is_the_published_number():
    assert search(torch.zeros(2, 8), None, 6)[1].tolist() == pytest.approx([0.0322571] * 2, abs=5e-8)


def test_a_row_above_the_floor_has_a_step_from_its_own_quantile_without_the_columns_that_are_never_active():
    """By linear interpolation: of 11 magnitudes 0 .. 10 the quantile 0.95 is 9.5."""
    w = torch.arange(11.0).expand(2, 11) * torch.tensor([[1.0], [0.01]])
    hessian = torch.eye(11)
    hessian[10, 10] = 0
    q, scale = search(w, hessian, 6, [0.95])
    assert scale.tolist() == [torch.tensor(x).half().item() for x in (9.5 / 31, 1 / 31)]
    assert q[:, 10].tolist() == [0, 0]
    assert q[0, :4].tolist() == [0, 3, 7, 10]


@bits
@pytest.mark.parametrize("hessian", [None, correlated(200)], ids=["rounding", "gptq"])
def test_the_candidate_of_the_least_plain_error_is_taken_for_the_whole_matrix(bits, hessian):
    w = heavy(64, 200)
    candidates = [search(w, hessian, bits, [p]) for p in QUANTILES]
    errors = [error(w, *candidate) for candidate in candidates]
    best = errors.index(min(errors))
    assert 0 < best < len(QUANTILES) - 1, "neither end, or the test says little"
    q, scale = search(w, hessian, bits)
    assert torch.equal(scale, candidates[best][1])
    assert torch.equal(q, candidates[best][0])


def test_of_equal_candidates_the_first_is_kept_and_no_sweep_is_done_twice(monkeypatch):
    sweeps = []
    monkeypatch.setattr(gptq_search, "sweep", lambda *args: sweeps.append(args[2]) or gptq.sweep(*args))
    search(0.1 * random(8, 40), correlated(40), 6)
    assert len(sweeps) == 1
    search(heavy(8, 2000), None, 6)
    assert len(sweeps) == 1 + len(QUANTILES)


@bits
def test_with_inputs_that_are_not_correlated_gptq_is_plain_rounding(bits):
    w = heavy(16, 40)
    for one, other in zip(search(w, 7 * torch.eye(40), bits), search(w, None, bits), strict=True):
        assert torch.equal(one, other)


@bits
def test_gptq_lowers_the_error_that_counts_and_raises_the_plain_one(bits):
    w, hessian = 0.1 * random(48, 64), correlated(64)
    (q, scale), rounded = search(w, hessian, bits), search(w, None, bits)
    assert error(w, q, scale, hessian) < 0.7 * error(w, *rounded, hessian)
    assert error(w, q, scale) > 1.3 * error(w, *rounded)


def test_a_hessian_without_a_factor_falls_back_to_rounding_and_the_log_says_so(capsys):
    w, cfg = heavy(8, 20), tree(clip_quantiles=QUANTILES, damping=0.01, block=8)
    broken = correlated(20)
    broken[0, 1] = broken[1, 0] = 1e9
    found = gptq_search.encode(cfg, "gptq (int6)", w, (broken, 5))
    for one, other in zip(found, search(w, None, 5), strict=True):
        assert torch.equal(one, other)
    assert "a matrix (8, 20) has no Cholesky factor" in capsys.readouterr().out


# The ranking

PARTS = "c_q", "c_k", "c_v", "proj", "fc", "mlp.proj"
QKV = {  # traces of PR 1279, seed 42: block by block q = k = v, attention output, fc, MLP output
    0: (50329784.0, 41123276.0, 50330280.0, 6560197120.0),
    1: (25165520.0, 31683348.0, 25165318.0, 1157604480.0),
    2: (16776840.0, 16107929.0, 16776893.0, 535741248.0),
    3: (12582557.0, 10975853.0, 12582557.0, 368326176.0),
    4: (20133212.0, 23533146.0, 20133212.0, 421712640.0),
    5: (16778138.0, 13670360.0, 16778136.0, 354418720.0),
    6: (7191527.5, 4689538.0, 7191528.0, 149662432.0),
    7: (6291326.5, 5705765.5, 6291326.0, 77031888.0),
    8: (5592423.0, 2705658.5, 5592423.0, 63791736.0),
    9: (5032720.5, 2551724.0, 5032720.0, 29195914.0),
    10: (4575679.5, 1576195.8, 4575454.0, 18650652.0),
}
WEIGHTS = {
    "c_q": 512 * 512,
    "c_k": 256 * 512,
    "c_v": 256 * 512,
    "proj": 512 * 512,
    "fc": 2048 * 512,
    "mlp.proj": 512 * 2048,
}
TRACES = {
    f"{block}.{part}": trace
    for block, (qkv, proj, fc, out) in QKV.items()
    for part, trace in zip(PARTS, (qkv, qkv, qkv, proj, fc, out), strict=True)
}


def low(traces, count):
    return [name for name, found in bits_by_trace(traces, count).items() if found == 5]


def test_the_five_matrices_of_the_published_run_get_int5():
    """q, k and v of block 10 read the same and stand at places 59, 60 and 61: the cut falls between them."""
    assert len(TRACES) == 66
    assert low(TRACES, 5) == ["10.c_v", "10.fc", "8.proj", "9.proj", "10.proj"]
    assert sum(WEIGHTS[name.split(".", 1)[1]] for name in low(TRACES, 5)) == 1_966_080


def test_none_all_and_more_than_all_matrices_get_int5():
    assert low(TRACES, 0) == []
    assert len(low(TRACES, 66)) == len(low(TRACES, 99)) == 66
    assert set(bits_by_trace(TRACES, 7).values()) == {5, 6}


def test_a_models_matrices_are_ranked_by_what_they_read_and_the_log_names_the_last(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PGOLF_EVENTS", str(tmp_path / "events.jsonl"))
    fields = {"clip_quantiles": QUANTILES, "damping": 0.01, "block": 32, "row_quantile": 0.9}
    cfg = tree(calibration_batches=2, keep_elements=1000, int5_matrices=4, **fields)
    model = random_model(model_cfg(attention=value_attention()))
    generator = torch.Generator().manual_seed(0)
    batches = (torch.randint(48, (3, 20), generator=generator) for _ in range(9))
    found = gptq_search.calibrate(cfg, model, batches)
    coded = [
        name
        for name, p in model.named_parameters()
        if gptq_search.settings(cfg, p, model) == "gptq (int6, 4 of them int5)"
    ]
    assert list(found) == coded
    assert len(coded) == 4 * 6  # not the table, not its projection
    traces = {name: hessian.diagonal().sum().item() for name, (hessian, _) in found.items()}
    assert traces["blocks.0.attn.c_q.weight"] == pytest.approx(
        3 * 20 * 64, rel=1e-3
    )  # unit rows of 64, 60 tokens a batch
    assert [name for name, (_, bits) in found.items() if bits == 5] == [n for n in coded if n in low(traces, 4)]
    text = json.loads((tmp_path / "events.jsonl").read_text())["text"]
    assert text in capsys.readouterr().out
    assert text.splitlines()[0].startswith("int6: 20 matrices, int5: 4 of the least Hessian trace")
    assert [line.split()[1] for line in text.splitlines()[1:]] == low(traces, 4)

    stored = policy.quantize(gptq_search, cfg, model, found)
    for name, (_, most) in found.items():
        assert stored[f"{name}.q"].abs().max() <= q_max(most)
        assert stored[f"{name}.scale"].min() == torch.tensor(1 / q_max(most)).half()
    table = next(name for name in stored if "table.q" in name).removesuffix(".q")
    q, scale = quantize_tensor(dict(model.named_parameters())[table], 0.9)
    assert torch.equal(stored[f"{table}.q"], q)
    assert torch.equal(stored[f"{table}.scale"], scale)
    assert stored[table.replace("table", "proj.weight")].dtype == torch.float16
