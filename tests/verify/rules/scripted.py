"""A case made of one script of our own: what a rule that reads code says of it, without a folder."""

import hashlib
import textwrap
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from tests.verify.rules.judged import rules
from verify.audit import judge
from verify.logs.model import Claim, Event, Log, Point, Run, SeedResult, Source, Value
from verify.policy.model import DEFAULT, load
from verify.rule import Case
from verify.submission.model import Metadata, Readme, Script, Submission
from verify.tree import FileInfo
from verify.verdict import RuleResult

POLICY = load(DEFAULT)
LANGUAGES = {"py": "python", "c": "c", "cpp": "cpp", "cu": "cuda"}
HEAD = """
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Hyperparameters:
    val_files = os.environ.get("VAL_FILES", "fineweb_val_*.bin")
    train_files = os.environ.get("TRAIN_FILES", "fineweb_train_*.bin")
    mix_enabled = bool(int(os.environ.get("MIX_ENABLED", "1")))
"""
TAIL = """
def main():
    h = Hyperparameters()
    tokens = load(h.val_files)
    if h.mix_enabled:
        print("final val_bpb:", evaluate(h, make_model(h), tokens))


if __name__ == "__main__":
    main()
"""


def whole(body: str, settings: str = "") -> str:
    """A script whose `evaluate` (and what it calls) is `body`, with settings added to its class."""
    return HEAD + textwrap.indent(textwrap.dedent(settings), "    ") + textwrap.dedent(body) + TAIL


def script(path: str, text: str) -> Script:
    data = text.encode()
    language = LANGUAGES[path.rpartition(".")[2]]
    return Script(path, len(data), hashlib.sha256(data).hexdigest(), text, source=text, language=language)


def case_of(
    text: str,
    *,
    helpers: Mapping[str, str] | None = None,
    logged: Mapping[str, str] | None = None,
    events: Sequence[Event] = (),
    curve: Sequence[Point] = (),
    bpb: float | None = 1.06,
    title: str = "",
    raw: Any = None,
    log_source: str | None = None,
    tokenizers: Sequence[str] = (),
) -> Case:
    """One claimed run of a script; `logged` are the settings its log prints."""
    main = script("train_gpt.py", text)
    others = tuple(script(path, source) for path, source in (helpers or {}).items())
    run = Run("train_seed42.log", 0, 1, 100, events=list(events), curve=list(curve))
    run.settings = {name: Value(value, 2, f"{name}: {value}") for name, value in (logged or {}).items()}
    sources = [] if log_source is None else [Source(run.file, 5, 90, log_source)]
    tree = SimpleNamespace(name="folder", location="records/track_10min_16mb/folder", pr=None, sha=None, date=None)
    submission = Submission(
        tree=tree,
        files=(FileInfo("train_gpt.py", main.bytes),),
        track="10min",
        readme=Readme(file="README.md", title=title),
        metadata=Metadata(file="submission.json", raw=raw),
        scripts=(main, *others),
        main=main,
        logs=(),
        requirements={},
        tokenizers=tuple(tokenizers),
        helpers=others,
        problems=(),
    )
    claim = Claim(value=bpb, results=[SeedResult(run, "claimed", 42)])
    leaderboard: Any = None
    return Case(submission, [Log(run.file, "", [run], sources, 0)], claim, POLICY, leaderboard)


def says(code: str, case: Case) -> RuleResult:
    return judge(rules()[code], case, {})


def places(result: RuleResult) -> list[str]:
    """What the findings quote."""
    return [place.quote for finding in result.findings for place in finding.places]
