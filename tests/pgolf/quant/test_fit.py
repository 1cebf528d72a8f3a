"""Fits: what comes back is never over the limit, and fills it."""

import re

import pytest
import torch

from pgolf.codec import artifact
from pgolf.core.errors import BudgetError
from pgolf.core.load import load
from pgolf.core.roles import MATRIX, of_role
from pgolf.quant import fit_bits, fit_clip, gptq_search, payload
from tests.pgolf.codec.codecs import codec
from tests.recipes import ONCE, model_cfg, random_model, tree

GPTQ = {
    "calibration_batches": 2, "damping": 0.01, "block": 32, "keep_elements": 100,
    "matrix": {"bits": 6, "clip_sigmas": 12.85}, "embedding": {"bits": 8, "clip_sigmas": 20.0},
}  # fmt: skip
INNER = {
    "gptq": GPTQ,
    "gptq_lqer": {**GPTQ, "attention": {"bits": 6, "clip_sigmas": 13.0}, "mlp": {"bits": 6, "clip_sigmas": 11.5}}
    | {"corrected": 3, "rank": 2, "group": 32},
    "gptq_search": {**GPTQ, "clip_quantiles": [0.999, 1.0], "int5_matrices": 4, "row_quantile": 0.9999984},
}
SCRIPT_BYTES = 7000
SLACK = 400
CODEC = codec("brotli")
clip_inner = pytest.mark.parametrize("kind", ["gptq", "gptq_lqer"])


def fit_cfg(kind, artifact_bytes, **changes):
    fields = {"slack_bytes": SLACK, "packs": 6, "scale_range": [0.25, 4.0], "inner": {"kind": kind, **INNER[kind]}}
    return tree(kind="fit", artifact_bytes=artifact_bytes, **{**fields, **changes})


def batches():
    generator = torch.Generator().manual_seed(0)
    while True:
        yield torch.randint(48, (2, 12), generator=generator)


@pytest.fixture(autouse=True)
def script(tmp_path, monkeypatch):
    path = tmp_path / "train_gpt.py"
    path.write_bytes(bytes(SCRIPT_BYTES))
    monkeypatch.setattr("sys.argv", [str(path)])


@pytest.fixture(scope="module")
def model():
    return random_model(model_cfg(layers=2, depth=ONCE))


def bytes_of(cfg, stored, layout):
    return SCRIPT_BYTES + len(artifact.pack(CODEC, payload.describe(layout), payload.to_bytes(stored, layout)))


def fitted(fit, cfg, model, capsys):
    """What is stored, the bytes in all, and (x, bytes) of every attempt that the log names."""
    capsys.readouterr()
    stored = fit.quantize(fit, cfg, model, fit.calibrate(cfg, model, batches()), CODEC)
    lines = re.findall(r"fit: .+? ([\d.]+): (\d+) of (\d+) bytes", capsys.readouterr().out)
    assert {int(limit) for *_, limit in lines} == {cfg.artifact_bytes}
    layout = fit.layout(fit, cfg, model)
    return stored, bytes_of(cfg, stored, layout), [(float(x), int(total)) for x, total, _ in lines]


def plain(kind, model, **changes):
    """The inner quantiser alone: what it stores, and the bytes in all."""
    cfg = tree(kind=kind, **{**INNER[kind], **changes})
    quantizer = load("quant", cfg)
    found = quantizer.calibrate(cfg, model, batches())
    stored = quantizer.storage.quantize(quantizer, cfg, model, found)
    return stored, bytes_of(cfg, stored, quantizer.storage.layout(quantizer, cfg, model))


# (bits, k, exact entropy) of a table made by summing p log2 p, where nothing is clipped
EXACT = [(5, 6.425, 3.2812), (6, 10, 3.6856), (6, 12.85, 3.3279), (7, 15, 4.1209), (8, 20, 4.7153)]


@pytest.mark.parametrize(("bits", "k", "exact"), EXACT)
def test_the_formula_gives_the_entropy_of_a_rounded_normal_distribution(bits, k, exact):
    assert fit_clip.bits_per_weight(k / (2 ** (bits - 1) - 1)) == pytest.approx(exact, abs=2e-3)


@clip_inner
@pytest.mark.parametrize("share", [0.8, 0.97, 1.1])
def test_clip_widths_are_scaled_until_script_and_model_just_fit(kind, share, model, capsys):
    limit = int(share * plain(kind, model)[1])
    _, total, attempts = fitted(fit_clip, fit_cfg(kind, limit), model, capsys)
    assert limit - SLACK <= total <= limit
    assert len(attempts) <= 4, attempts
    assert attempts[0][0] == 1
    assert total in [size for _, size in attempts]
    scale = next(x for x, size in attempts if size == total)
    assert (scale > 1) == (share < 1)


def test_what_is_stored_is_what_gptq_gives_with_the_scaled_width(model, capsys):
    limit = int(0.9 * plain("gptq", model)[1])
    stored, total, attempts = fitted(fit_clip, fit_cfg("gptq", limit), model, capsys)
    scale = next(x for x, size in attempts if size == total)
    grid = {"bits": 6, "clip_sigmas": scale * 12.85}
    again, size = plain("gptq", model, matrix=grid)
    assert size == total
    assert all(torch.equal(value, again[name]) for name, value in stored.items())
    assert torch.equal(stored["vocabulary.tok_emb.scale"], plain("gptq", model)[0]["vocabulary.tok_emb.scale"])


def test_a_limit_that_leaves_room_ends_at_the_end_of_the_range(model, capsys):
    _, total, attempts = fitted(fit_clip, fit_cfg("gptq", 200_000, scale_range=[0.8, 1.0], packs=9), model, capsys)
    assert [x for x, _ in attempts] == [1, 0.8]
    assert total == attempts[1][1] > attempts[0][1]


@pytest.mark.parametrize(("packs", "attempts"), [(1, 1), (9, 2)], ids=["one attempt", "until the end of the range"])
def test_a_model_that_does_not_fit_is_refused_with_its_size(packs, attempts, model, capsys):
    cfg = fit_cfg("gptq", SCRIPT_BYTES + 5000, packs=packs)
    with pytest.raises(
        BudgetError, match=rf"need \d+ bytes at least in {attempts} attempts, allowed are 12000\. Use fewer"
    ):
        fitted(fit_clip, cfg, model, capsys)


@pytest.mark.parametrize("kind", ["gptq", "gptq_lqer"])
def test_the_model_is_read_back_as_the_inner_quantiser_reads_it(kind, model, capsys):
    cfg = fit_cfg(kind, 10**6, packs=1)
    stored, _, _ = fitted(fit_clip, cfg, model, capsys)
    mine, other = (random_model(model_cfg(layers=2, depth=ONCE), seed=s) for s in (1, 2))
    fit_clip.restore(stored, mine, cfg)
    load("quant", cfg.inner).storage.restore(plain(kind, model)[0], other)
    for (name, a), b in zip(mine.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.fixture(scope="module")
def all_sizes(model, tmp_path_factory):
    """Bytes for every number of int5 matrices."""
    return [plain("gptq_search", model, int5_matrices=n)[1] for n in range(len(of_role(model, MATRIX)) + 1)]


@pytest.mark.parametrize("number", [0, 3, 7, 12])
@pytest.mark.parametrize("spare", [0, 150])
def test_the_fewest_matrices_that_must_get_five_bits(number, spare, all_sizes, model, capsys):
    limit = all_sizes[number] + spare
    fewest = next(n for n, size in enumerate(all_sizes) if size <= limit)
    cfg = fit_cfg("gptq_search", limit, slack_bytes=0, packs=8)
    _, total, attempts = fitted(fit_bits, cfg, model, capsys)
    assert total == all_sizes[fewest] == dict(attempts)[fewest]
    assert all(size == all_sizes[int(n)] for n, size in attempts)
    assert len(attempts) <= 5


def test_each_matrix_is_rounded_at_most_once_with_each_number_of_bits(all_sizes, model, monkeypatch, capsys):
    rounded = []
    monkeypatch.setattr(
        gptq_search,
        "quantize_matrix",
        lambda w, h, bits, *args, real=gptq_search.quantize_matrix: (
            rounded.append((w.data_ptr(), bits)) or real(w, h, bits, *args)
        ),
    )
    fitted(fit_bits, fit_cfg("gptq_search", all_sizes[7], slack_bytes=0, packs=8), model, capsys)
    assert len(rounded) == len(set(rounded)) > len(of_role(model, MATRIX))
