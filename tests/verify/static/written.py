"""A small training script of our own with a place for an evaluation, and a case made of it: what code analysis is tested on."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from verify.finding import Place
from verify.logs.model import Claim, Log, Metric, Run, SeedResult, Value
from verify.policy.model import DEFAULT, load
from verify.rule import Case
from verify.static.program import Program, analyse
from verify.submission.model import LogFile, Metadata, Readme, Script, Submission

TOP = """
import glob
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Hyperparameters:
    train_files = os.environ.get("TRAIN_FILES", "./data/fineweb_train_*.bin")
    val_files = os.environ.get("VAL_FILES", "./data/fineweb_val_*.bin")
    seq_len = int(os.environ.get("SEQ_LEN", 1024))
    steps = int(os.environ.get("STEPS", 100))
    epochs = int(os.environ.get("EPOCHS", 3))
    adapt_enabled = bool(int(os.environ.get("ADAPT_ENABLED", "1")))


class GPT(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.head = nn.Linear(64, 1024)

    def forward(self, x, y, adapter=None):
        return F.cross_entropy(self.logits(x, adapter).flatten(0, 1), y.flatten(), reduction="none")

    def logits(self, x, adapter=None):
        return self.head(F.one_hot(x, 64).float())


class Adapter(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.low = nn.Linear(64, 4)


class Loader:
    def __init__(self, pattern):
        self.files = sorted(glob.glob(pattern))

    def next_batch(self, count):
        data = np.fromfile(self.files[0], dtype=np.uint16)
        tokens = torch.from_numpy(data[:count].astype(np.int64))
        return tokens[:-1], tokens[1:]


def load_tokens(pattern):
    parts = [torch.from_numpy(np.fromfile(path, dtype=np.uint16).astype(np.int64)) for path in sorted(glob.glob(pattern))]
    return torch.cat(parts)


def train(args, model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(args.steps):
        x, y = loader.next_batch(args.seq_len)
        loss = model(x, y).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def eval_val(args, model, val_tokens, byte_table):
    loss_sum = torch.zeros((), dtype=torch.float64)
    byte_sum = torch.zeros((), dtype=torch.float64)
    with torch.no_grad():
        for start in range(0, val_tokens.numel() - 1, args.seq_len):
            chunk = val_tokens[start : start + args.seq_len + 1]
            x, y = chunk[:-1], chunk[1:]
            loss_sum += model(x, y).sum()
            byte_sum += byte_table[y].sum()
    return loss_sum / math.log(2.0) / byte_sum
"""
MAIN = """
def main():
    args = Hyperparameters()
    model = GPT(args)
    train_loader = Loader(args.train_files)
    tokens = load_tokens(args.val_files)
    table = torch.ones(1024)
    train(args, model, train_loader)
{}
    print("final_bpb", bpb)


if __name__ == "__main__":
    main()
"""
PLAIN = "bpb = eval_val(args, model, tokens, table)"


def whole(functions: str = "", steps: str = PLAIN) -> str:
    """The script with further functions, and with `steps` after training in main."""
    return TOP + textwrap.dedent(functions) + MAIN.format(textwrap.indent(textwrap.dedent(steps).strip(), "    "))


@dataclass(frozen=True)
class Around:
    """What stands beside the script: sources, the texts of log and README, settings the log prints, the environment."""

    helpers: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    readme: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def around(**parts: Any) -> Around:
    """Keywords in capitals are the environment of the run command."""
    upper = {name: value for name, value in parts.items() if name.isupper()}
    return Around(**{name: value for name, value in parts.items() if not name.isupper()}, environment=upper)


def submission(source: str, beside: Around) -> Submission:
    tree: Any = SimpleNamespace(name="folder", location="records/track_10min_16mb/folder", pr=None, sha=None, date=None)
    main = Script("train_gpt.py", len(source), "", source, source=source)
    others = tuple(Script(path, len(text), "", text, source=text) for path, text in beside.helpers.items())
    places = {name: Place(file="README.md", line=3, quote=value) for name, value in beside.environment.items()}
    return Submission(
        tree=tree,
        files=(),
        track="10min",
        readme=Readme("README.md", beside.readme, environment=places),
        metadata=Metadata(),
        scripts=(main, *others),
        main=main,
        logs=(LogFile("train_seed42.log", len(beside.log), "", beside.log),) if beside.log else (),
        requirements={},
        tokenizers=(),
        helpers=others,
        problems=(),
    )


def claim(log: str = "", settings: Mapping[str, str] | None = None, bpb: float = 1.06) -> Claim:
    lines = log.splitlines() or [""]
    run = Run(
        "train_seed42.log",
        0,
        1,
        len(lines),
        settings={k: Value(v, 2, f"{k}: {v}") for k, v in (settings or {}).items()},
    )
    for number, line in enumerate(lines, 1):
        if "val_bpb:" in line:
            value = float(line.partition("val_bpb:")[2].split()[0])
            label = line.split()[0]
            run.metrics.append(
                Metric(label, "pre_quant" if "pre" in label else "sliding", None, value, None, number, line)
            )
    last = run.metrics[-1] if run.metrics else Metric("final_bpb", "sliding", None, bpb, None, len(lines), lines[-1])
    return Claim(value=bpb, results=[SeedResult(run, "claimed", 42, metric=last, metric_run=run)])


def case(source: str, **parts: Any) -> Case:
    """One claimed run of a script, with what stands beside it (see `around`)."""
    beside = around(**parts)
    made = claim(beside.log, beside.settings)
    leaderboard: Any = None
    logs = [Log("train_seed42.log", "", [result.run for result in made.results], [], 0)] if beside.log else []
    return Case(submission(source, beside), logs, made, load(DEFAULT), leaderboard)


def program(source: str, **parts: Any) -> Program:
    """The analysed script, with what stands beside it (see `around`)."""
    beside = around(**parts)
    found = analyse(submission(source, beside), claim(beside.log, beside.settings))
    assert found is not None
    return found
