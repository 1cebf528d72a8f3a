"""Synthetic record folders of our own: a legal one, and any one fault of it.

record_folder(tmp_path)                                          legal in every way
record_folder(tmp_path, train_ms=601_500)                        of all seeds
record_folder(tmp_path, per_seed={314: {"val_tokens": 9_662_464}})
record_folder(tmp_path, submission={"val_bpb": 1.02, "date": ...})        ... (Ellipsis) takes a key away
record_folder(tmp_path, edit={"README.md": lambda text: text.replace(...)}, without=["requirements.txt"])
"""

import base64
import json
import lzma
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import mean, stdev

ASSETS = Path(__file__).parent / "assets"
SCRIPT = (ASSETS / "train_gpt.py").read_text()
VAL_BYTES = 151_080_000
VAL_TOKENS = 40_540_160
SCORES = {42: 1.05412873, 314: 1.05398214, 999: 1.05437066}
NAME = "2026-04-30_SP8192_SlidingTTT"
WRAPPER = (
    "import lzma as L,base64 as B\n"
    'exec(L.decompress(B.b85decode("{}"),format=L.FORMAT_RAW,filters=[{{"id":L.FILTER_LZMA2}}]))\n'
)


@dataclass(frozen=True)
class SeedRun:
    """What one synthetic log says. Milliseconds, bytes, bits per byte."""

    seed: int = 42
    val_bpb: float = 1.05412873
    steps: int = 4550
    train_ms: int = 588_047
    hessian_seconds: float | None = 9.7
    model_bytes: int = 15_964_300
    code_bytes: int | None = None  # as logged; None: of the script as it lies in the folder
    total_bytes: int | None = None  # as logged; None: the sum
    eval_ms: int = 366_525
    sliding_ms: int = 120_961
    world_size: int = 8
    gpu: str | None = None
    val_tokens: int = VAL_TOKENS
    val_bytes: int = VAL_BYTES  # the loss follows from tokens, bytes and bpb
    train_shards: int = 128
    iterations: int = 20_000
    max_wallclock_seconds: float = 600.0
    matrix_lr: float = 0.022
    seed_in_log: int | None = None  # another seed than the file's name
    is_stopped_by_clock: bool = True

    def loss(self, bpb: float) -> float:
        return bpb * math.log(2) * self.val_bytes / self.val_tokens

    def metric(self, label: str, bpb: float, milliseconds: int) -> str:
        return f"{label} val_loss:{self.loss(bpb):.8f} val_bpb:{bpb:.8f} eval_time:{milliseconds}ms"


def log_text(run: SeedRun, code_bytes: int) -> str:
    """The log of one run, as the script in assets/ prints it."""
    code_bytes = code_bytes if run.code_bytes is None else run.code_bytes
    settings = {
        "data_dir": "./data/",
        "datasets_dir": "./data/datasets/fineweb10B_sp8192",
        "eval_stride": 64,
        "gptq_reserve_seconds": 12.0,
        "iterations": run.iterations,
        "matrix_bits": 6,
        "matrix_lr": run.matrix_lr,
        "max_wallclock_seconds": run.max_wallclock_seconds,
        "model_dim": 512,
        "num_layers": 11,
        "rank": 0,
        "seed": run.seed if run.seed_in_log is None else run.seed_in_log,
        "tokenizer_path": "./data/tokenizers/fineweb_8192_bpe.model",
        "train_batch_tokens": 786_432,
        "train_files": "./data/datasets/fineweb10B_sp8192/fineweb_train_*.bin",
        "train_log_every": 500,
        "train_seq_len": 2048,
        "ttt_chunk_tokens": 32_768,
        "ttt_enabled": True,
        "ttt_epochs": 3,
        "ttt_lr": 0.005,
        "val_files": "./data/datasets/fineweb10B_sp8192/fineweb_val_*.bin",
        "vocab_size": 8192,
        "world_size": run.world_size,
    }
    lines = [f"gpu: {run.gpu}"] if run.gpu else []
    lines += ["Hyperparameters:", *(f"  {name}: {value}" for name, value in settings.items())]
    lines += [f"train_shards: {run.train_shards}", f"val_tokens: {run.val_tokens}", "model_params:35944536"]
    lines += ["gptq:reserving 12s, effective=588000ms"]
    ms_per_step = run.train_ms / run.steps
    for step in [*range(1, 6), *range(500, run.steps, 500)]:
        loss = 9.0109 / (1 + 0.28 * math.log(step)) + 0.0001 * (run.seed * step % 97)
        rate = 786_432_000 / ms_per_step
        minutes = step * ms_per_step / 60_000
        lines += [f"{step}/{run.iterations} train_loss: {loss:.4f} train_time: {minutes:.1f}m tok/s: {rate:.0f}"]
    if run.is_stopped_by_clock:
        lines += [f"stopping_early: wallclock_cap train_time: {run.train_ms}ms step: {run.steps}/{run.iterations}"]
    lines += ["peak memory allocated: 39045 MiB"]
    lines += [run.metric("pre-quantization post-ema", run.val_bpb + 0.0066, 7440)]
    if run.hessian_seconds is not None:
        lines += ["GPTQ:collecting Hessians from calibration data..."]
        lines += [f"GPTQ:collected 67 Hessians in {run.hessian_seconds:.1f}s"]
    total = run.model_bytes + code_bytes if run.total_bytes is None else run.total_bytes
    lines += [f"Code size: {code_bytes} bytes"]
    lines += [f"Serialized model quantized+brotli: {run.model_bytes} bytes"]
    lines += [f"Total submission size quantized+brotli: {total} bytes"]
    lines += [run.metric("quantized", run.val_bpb + 0.0189, 25_515)]
    lines += [run.metric("quantized_sliding_window", run.val_bpb + 0.00207, run.sliding_ms)]
    lines += ["ttt:start chunks=1238 ttt_lr=0.005 ttt_epochs=3"]
    lines += [run.metric("quantized_ttt", run.val_bpb, run.eval_ms)]
    return "\n".join(lines) + "\n"


def packed(source: str) -> str:
    """A self-extracting script, as records ship them."""
    data = lzma.compress(source.encode(), format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    return WRAPPER.format(base64.b85encode(data).decode())


def readme_text(runs: list[SeedRun], code_bytes: int, title: str) -> str:
    scores = [run.val_bpb for run in runs]
    std = f" (std {stdev(scores):.5f})" if len(scores) > 1 else ""
    rows = [
        f"| {run.seed} | {run.steps} | {run.val_bpb:.8f} | {run.loss(run.val_bpb):.8f} | {run.model_bytes + code_bytes:,} |"
        for run in runs
    ]
    return "\n".join(
        [
            f"# {title}",
            "",
            f"**val_bpb: {mean(scores):.5f}** ({len(runs)}-seed mean{std}), 8xH100 80GB SXM",
            "",
            "| Seed | Steps | val_bpb | val_loss | Artifact (bytes) |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Sliding windows of stride 64; every chunk is scored before the model trains on it, once.",
            "",
            "```bash",
            "pip install -r requirements.txt",
            "SEED=42 torchrun --standalone --nproc_per_node=8 train_gpt.py",
            "```",
            "",
        ]
    )


def submission_of(runs: list[SeedRun], code_bytes: int, title: str) -> dict:
    scores = [run.val_bpb for run in runs]
    sizes = [run.model_bytes + code_bytes for run in runs]
    return {
        "author": "A. N. Other",
        "github_id": "another",
        "name": title,
        "date": "2026-04-30",
        "track": "10min_16mb",
        "val_loss": round(mean(run.loss(run.val_bpb) for run in runs), 8),
        "val_bpb": round(mean(scores), 8),
        **({"val_bpb_std": round(stdev(scores), 8)} if len(scores) > 1 else {}),
        "seeds": [run.seed for run in runs],
        "seed_results": {
            str(run.seed): {
                "val_loss": round(run.loss(run.val_bpb), 8),
                "val_bpb": run.val_bpb,
                "artifact_bytes": size,
                "steps": run.steps,
                "eval_time_s": run.eval_ms / 1000,
            }
            for run, size in zip(runs, sizes, strict=True)
        },
        "artifact_bytes_max": max(sizes),
        "bytes_total": max(sizes),
        "hardware": "8xH100 80GB SXM",
        "pytorch_version": "2.9.1+cu128",
    }


def changed(data: dict, updates: Mapping[str, object]) -> dict:
    """A dictionary with keys set, or taken away where the value is `...`."""
    return {key: value for key, value in {**data, **updates}.items() if value is not ...}


def record_folder(
    tmp_path: Path,
    *,
    name: str = NAME,
    track: str = "track_10min_16mb",
    title: str = "SP8192, sliding windows and score-first TTT",
    seeds: Iterable[int] = tuple(SCORES),
    scores: Mapping[int, float] = SCORES,
    per_seed: Mapping[int, Mapping[str, object]] | None = None,
    script: str = SCRIPT,
    is_packed: bool = False,
    submission: Mapping[str, object] | None = None,
    edit: Mapping[str, Callable[[str], str]] | None = None,
    extra: Mapping[str, str | bytes] | None = None,
    without: Iterable[str] = (),
    **of_all_seeds,
) -> Path:
    """Write records/TRACK/NAME and return its path. Other keywords are fields of SeedRun, for all seeds."""
    known = {field.name for field in fields(SeedRun)}
    assert set(of_all_seeds) <= known, set(of_all_seeds) - known
    shipped = packed(script) if is_packed else script
    code_bytes = len(shipped.encode())
    runs = []
    for index, seed in enumerate(seeds):
        run = replace(SeedRun(), seed=seed, val_bpb=scores.get(seed, 1.0541 + 0.0001 * index), steps=4550 - 3 * index)
        run = replace(run, train_ms=588_047 + 11 * index, model_bytes=15_964_300 + 137 * index)
        runs.append(replace(run, **{**of_all_seeds, **(per_seed or {}).get(seed, {})}))
    files: dict[str, str | bytes] = {
        "README.md": readme_text(runs, code_bytes, title),
        "submission.json": json.dumps(changed(submission_of(runs, code_bytes, title), submission or {}), indent=2)
        + "\n",
        "train_gpt.py": shipped,
        "requirements.txt": "torch==2.9.1\nnumpy\nsentencepiece\nbrotli\n",
        **{f"train_seed{run.seed}.log": log_text(run, code_bytes) for run in runs},
        **(extra or {}),
    }
    for file, change in (edit or {}).items():
        files[file] = change(str(files[file]))
    folder = tmp_path / "records" / track / name
    for file, content in files.items():
        if file not in without:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
