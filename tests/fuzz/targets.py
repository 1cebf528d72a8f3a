"""What is fuzzed: every reader of what a submission holds, from bytes. A target raises only where a reader is wrong."""

import ast
import hashlib
from collections.abc import Callable
from functools import cache

from tests.verify.submission.trees import MemoryTree
from verify.audit import audit
from verify.logs.model import Claim
from verify.logs.read import read_log
from verify.policy.model import DEFAULT, Policy, load
from verify.report.as_json import from_json, to_json
from verify.report.html import to_html
from verify.report.markdown import to_markdown
from verify.static.parse import parse
from verify.static.program import analyse
from verify.stats.leaderboard import Leaderboard
from verify.submission.log_files import looks_like_log
from verify.submission.metadata import read_metadata
from verify.submission.model import LogFile
from verify.submission.read import read_submission
from verify.submission.readme import read_readme
from verify.submission.requirements import declared
from verify.submission.text import decode, is_text, printable
from verify.submission.unpack import unpack

BREAK = b"\n=====\n"  # between the files of a synthetic tree
NAMES = (
    "README.md",
    "submission.json",
    "train_gpt.py",
    "train_seed42.log",
    "requirements.txt",
    "run.sh",
    "logs/a b.txt",
    "helper.py",
    "kernel.cu",
    "../../etc/passwd",
    "commands.txt",
    "\x1b[31m.md",
    "submission_2.json",
    "train_gpt.py.lzma",
    "eval.out",
    "caf\udce9.txt",
)


def fuzz_submission(data: bytes) -> None:
    """A tree: files in the order of NAMES, apart by BREAK. All of it is read; every text is made printable."""
    parts = data.split(BREAK)
    tree = MemoryTree({name: part for name, part in zip(NAMES, parts, strict=False)} or {"a": b""})
    submission = read_submission(tree)
    for problem in submission.problems:
        printable(problem.file + problem.sentence)
        assert "Traceback" not in problem.sentence
    assert submission.main is None or submission.main in submission.scripts
    for claim in (*submission.metadata.seed_results, *submission.readme.seed_results):
        assert claim.seed is None or isinstance(claim.seed, int)
        assert claim.val_bpb is None or abs(claim.val_bpb) < float("inf")


def fuzz_text(data: bytes) -> None:
    is_text(data)
    text = decode(data, is_cut=len(data) % 2 == 0).text
    shown = printable(text)
    assert "\x1b" not in shown
    assert "\n" not in shown
    looks_like_log(text)
    declared([("requirements.txt", text), ("README.md", text)])


def fuzz_unpack(data: bytes) -> None:
    text = decode(data).text
    found = unpack("train_gpt.py", text, lambda name: data[:1000] if len(name) % 2 else None)
    assert len(found.source) <= max(len(text), 4_000_000)


def fuzz_metadata(data: bytes) -> None:
    found, _ = read_metadata("submission.json", decode(data).text)
    for value in (found.val_bpb, found.artifact_bytes, found.steps, found.train_seconds):
        assert value is None or abs(value) < float("inf")


def fuzz_readme(data: bytes) -> None:
    read_readme("README.md", decode(data).text, 1.05)


def fuzz_log(data: bytes) -> None:
    text = decode(data).text
    log = read_log(LogFile("train.log", len(data), hashlib.sha256(data).hexdigest(), text))
    for run in log.runs:
        assert 1 <= run.first_line <= run.last_line


def fuzz_audit(data: bytes) -> None:
    """The same tree through every rule, into every form of a verdict."""
    tree = MemoryTree({name: part for name, part in zip(NAMES, data.split(BREAK), strict=False)} or {"a": b""})
    verdict = audit(tree, policy(), leaderboard())
    text = to_json(verdict)
    assert to_json(from_json(text)) == text
    for report in (text, to_markdown(verdict), to_html(verdict)):
        report.encode()  # no broken name gets through
        assert "\x1b" not in report


@cache
def policy() -> Policy:
    return load(DEFAULT)


@cache
def leaderboard() -> Leaderboard:
    return Leaderboard.load()


def fuzz_program(data: bytes) -> None:
    text = decode(data).text
    tree = parse(text)
    assert tree is None or isinstance(tree, ast.Module)
    submission = read_submission(MemoryTree({"train_gpt.py": data}))
    analyse(submission, Claim())


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removeprefix("fuzz_"): value for name, value in list(globals().items()) if name.startswith("fuzz_")
}
