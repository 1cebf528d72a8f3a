"""Logs in the dialects of the challenge, written for the tests."""

from dataclasses import dataclass

from verify.logs.model import Log, Run
from verify.logs.read import read_log
from verify.submission.model import LogFile

SOURCE = '''"""A trainer that prints itself.

step:7/9 train_loss:0.1 train_time:5ms step_avg:1.00ms
final_demo_exact val_loss:0.50000000 val_bpb:0.40000000
"""

import os
import sys


NOTES = """
step:7/9 train_loss:0.1 train_time:5ms step_avg:1.00ms
world_size:64
"""


def train(args):
    log0(f"step:{step}/{args.iterations} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f} train_time:{ms:.0f}ms step_avg:{a:.2f}ms")
    log0(f"final_int8_zlib_roundtrip_exact val_loss:{q_val_loss:.8f} val_bpb:{q_val_bpb:.8f}")
    log0("Code size: 12345 bytes")


if __name__ == "__main__":
    train(sys.argv)
'''
RULE = "=" * 100


@dataclass
class Written:
    """What the lines of a log are made from."""

    seed: int = 1337
    loss: float = 2.0649276
    bpb: float = 1.22296644
    steps: int = 14421
    iterations: int = 20000
    train_ms: int = 599847
    model: int = 15_815_345
    code: int = 47_642
    raw: int = 67_224_983
    parameters: int = 17_059_912
    world_size: int = 8

    def curve(self) -> list[str]:
        lines = []
        for step in (1, 2, 3, 10, 200, 1000, 5000):
            ms = self.train_ms * step // self.steps
            loss = 7 / step**0.15 + self.seed % 97 / 1000
            lines.append(
                f"step:{step}/{self.iterations} train_loss:{loss:.4f} train_time:{ms}ms step_avg:{ms / step:.2f}ms"
            )
        average = self.train_ms / self.steps
        return [
            *lines,
            f"step:{self.steps}/{self.iterations} val_loss:{self.loss - 0.02:.4f} val_bpb:{self.bpb - 0.01:.4f}"
            f" train_time:{self.train_ms}ms step_avg:{average:.2f}ms",
            f"stopping_early: wallclock_cap train_time:{self.train_ms}ms step:{self.steps}/{self.iterations}",
        ]

    def starter(self, source: str = "") -> str:
        """A log of the starter script, after a dump of its source if one is given."""
        head = [source, RULE] if source else ["logs/aaaa.txt"]
        return "\n".join(
            [
                *head,
                "Running Python 3.12.3 (main, Nov  6 2025, 13:44:16) [GCC 13.3.0]",
                "Running PyTorch 2.9.1+cu128",
                *[
                    f"|   {index}  NVIDIA H100 80GB HBM3          On  |   00000000:0{index}:00.0 Off |                    0 |"
                    for index in range(self.world_size)
                ],
                RULE,
                "val_bpb:enabled tokenizer_kind=sentencepiece tokenizer_path=./data/tokenizers/fineweb_1024_bpe.model",
                "train_loader:dataset:fineweb10B_sp1024 train_shards:25",
                "val_loader:shards pattern=./data/datasets/fineweb10B_sp1024/fineweb_val_*.bin tokens:62021632",
                f"model_params:{self.parameters}",
                f"world_size:{self.world_size} grad_accum_steps:1",
                f"train_batch_tokens:524288 train_seq_len:1024 iterations:{self.iterations} max_wallclock_seconds:600.000",
                f"seed:{self.seed}",
                "warmup_step:1/20",
                "warmup_step:20/20",
                f"step:0/{self.iterations} val_loss:6.9357 val_bpb:4.1077 train_time:0ms step_avg:0.02ms",
                *self.curve(),
                "peak memory allocated: 10317 MiB reserved: 10994 MiB",
                f"Serialized model: {self.raw} bytes",
                f"Code size: {self.code} bytes",
                f"Total submission size: {self.raw + self.code} bytes",
                f"Serialized model int8+zlib: {self.model} bytes (payload:17178912 raw_torch:17224025 payload_ratio:3.91x)",
                f"Total submission size int8+zlib: {self.model + self.code} bytes",
                f"final_int8_zlib_roundtrip val_loss:{self.loss:.4f} val_bpb:{self.bpb:.4f} eval_time:1284ms",
                f"final_int8_zlib_roundtrip_exact val_loss:{self.loss:.8f} val_bpb:{self.bpb:.8f}",
                "",
            ]
        )

    def block(self, score: str = "quantized_ttt_phased", seconds: float = 481.177) -> str:
        """A log of the later scripts: a block of settings, bare steps, phased test-time training."""
        return "\n".join(
            [
                "Hyperparameters:",
                "  adam_wd: 0.02",
                f"  iterations: {self.iterations}",
                f"  run_id: run-{self.seed}",
                "  max_wallclock_seconds: 600.0",
                f"  seed: {self.seed}",
                "  tokenizer_path: ./data/tokenizers/fineweb_8192_bpe.model",
                f"  world_size: {self.world_size}",
                "train_shards: 128",
                "val_tokens: 40540160",
                f"model_params:{self.parameters}",
                "gptq:reserving 13s, effective=587000ms",
                "warmup_step: 1/20",
                "loop_warmup_step: 1/20",
                f"0/{self.iterations} val_loss: 9.0086 val_bpb: 3.4874",
                f"1/{self.iterations} train_loss: 9.0089 train_time: 0.0m tok/s: 8371725",
                f"2/{self.iterations} train_loss: {9 - self.seed % 89 / 100:.4f} train_time: 0.0m tok/s: 8371725",
                f"500/{self.iterations} train_loss: {3 + self.seed % 83 / 100:.4f} train_time: 0.8m tok/s: 8203641",
                f"1000/{self.iterations} train_loss: 3.0105 train_time: 1.6m tok/s: 8142357",
                f"4500/{self.iterations} train_loss: 2.8491 train_time: 9.0m tok/s: 6552777",
                f"{self.steps}/{self.iterations} val_loss: 2.7711 val_bpb: 1.0728",
                f"stopping_early: wallclock_cap train_time: {self.train_ms}ms step: {self.steps}/{self.iterations}",
                "ema:applying EMA weights",
                "diagnostic pre-quantization post-ema val_loss:2.76990528 val_bpb:1.07228209 eval_time:6424ms",
                f"Serialized model: {self.raw} bytes",
                "Code size (uncompressed): 139831 bytes",
                f"Code size (compressed): {self.code} bytes",
                "GPTQ:collecting Hessians from calibration data...",
                "GPTQ:collected 67 Hessians in 12.7s",
                f"Serialized model quantized+brotli: {self.model} bytes",
                f"Total submission size quantized+brotli: {self.model + self.code} bytes",
                "diagnostic quantized val_loss:2.79852399 val_bpb:1.08336093 eval_time:55851ms",
                "ttt_lora:warming up compile (random tokens, no val data)",
                "ttt_lora:compile warmup done (107.0s)",
                "",
                "beginning TTT eval timer",
                "ttt_phased: total_docs:50000 prefix_docs:2000 suffix_docs:48000 num_phases:1 boundaries:[2000]",
                "ttp: b782/782 bl:2.1482 bb:1.0172 rl:2.1482 rb:1.0172 dl:30339-97114 gd:0",
                f"{score} val_loss:{self.loss:.8f} val_bpb:{self.bpb:.8f} eval_time:{seconds * 1000:.0f}ms",
                f"total_eval_time:{seconds:.1f}s",
                "",
            ]
        )

    def evaluation(self, score: str = "quantized_ttt_phased") -> str:
        """A log of a script that only evaluates."""
        return "\n".join(
            [
                "Hyperparameters:",
                f"  seed: {self.seed}",
                f"  iterations: {self.iterations}",
                f"  world_size: {self.world_size}",
                "train_shards: 0",
                "val_tokens: 40540160",
                "TTT_EVAL_ONLY=1 — skipping training + GPTQ, loading saved artifact for TTT eval",
                "beginning TTT eval timer",
                f"{score} val_loss:{self.loss:.8f} val_bpb:{self.bpb:.8f} eval_time:416500ms",
                "total_eval_time:416.5s",
                "",
            ]
        )


def log_file(text: str, path: str = "train.log") -> LogFile:
    import hashlib

    data = text.encode("utf-8", "surrogatepass")
    return LogFile(path, len(data), hashlib.sha256(data).hexdigest(), text)


def read(text: str, path: str = "train.log") -> Log:
    return read_log(log_file(text, path))


def only_run(text: str) -> Run:
    log = read(text)
    assert len(log.runs) == 1
    return log.runs[0]
