"""The peers' approach to reading code, as a baseline: eight checks by pattern on one syntax tree.

Written by us from the published list of the checker of issue 1603 (causality, normalisation, score before update, single pass,
n-gram caches and oracle selection, SLOT and second-order updates, artifact estimate, network imports): what such a check can
see without following values, settings or calls. It is given our reader's unpacked script and our parser, which the original
had to do without. Like the original it has no false FAIL on the merged records up to PR 1576; the phased test-time training
of PR 1610 and later, whose scores are in another function than its steps, is what its author says it cannot follow. He calls
a PASS a weak signal, a WARN a request to look, and a FAIL a hypothesis; so do we.
"""

import ast
import re
from dataclasses import dataclass

from verify.static.parse import parse
from verify.submission.model import Submission

CAP_BYTES = 16_000_000
NETWORK = frozenset(
    {
        "requests",
        "urllib",
        "http",
        "socket",
        "ftplib",
        "aiohttp",
        "httpx",
        "wandb",
        "huggingface_hub",
        "boto3",
        "paramiko",
    }
)
EVALUATES = re.compile(r"eval|ttt|adapt|score|slot", re.IGNORECASE)
NGRAM = re.compile(r"n_?gram|backoff|ppm|hash_?cache", re.IGNORECASE)
TARGET = re.compile(r"^(tgt|target|targets|y|label|next_tok\w*|tgt_np|targets?_\w+)$", re.IGNORECASE)
RESCORES = re.compile(r"two_?pass|second_?pass|re_?score|full_?rescore|pass_?2", re.IGNORECASE)
NORMALISES = frozenset({"cross_entropy", "log_softmax", "softmax", "logsumexp", "nll_loss", "CrossEntropyLoss"})
# What a check speaks to. A check that fires counts for every one of them.
RULES = {
    "C1": ("c1-causal", "no-target-gate"),
    "C2": ("c2-normalised", "ngram-hash"),
    "C3": ("c3-score-first", "no-val-train", "no-val-calib"),
    "C4": ("c4-single-pass",),
    "n-gram": ("ngram-hash", "no-target-gate", "c2-normalised"),
    "SLOT": ("no-slot",),
    "size": ("artifact-bytes", "code-bytes"),
    "network": ("self-contained",),
}


@dataclass(frozen=True)
class Hit:
    check: str
    status: str  # FAIL or WARN
    line: int | None
    sentence: str


def check(submission: Submission) -> list[Hit]:
    main = submission.main
    hits = size(submission)
    tree = parse(main.source) if main else None
    if tree is None:
        return [*hits, Hit("C3", "WARN", None, "the script cannot be parsed")]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    hits += network(tree) + ngram(tree) + normalisation(tree)
    for function in functions:
        hits += causality(function) + score_first(function) + single_pass(function) + slot(function)
    return hits


def name_of(node: ast.AST) -> str:
    """The last name of an expression: `torch.optim.AdamW` is AdamW."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def calls(node: ast.AST, *names: str) -> list[ast.Call]:
    return [inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and name_of(inner.func) in names]


def names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} | {
        inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)
    }


def reads_validation(function: ast.FunctionDef) -> bool:
    """A function for evaluation, by its name or by what it is handed. The whole program's main() is none: it trains."""
    if function.name in {"main", "train", "run"}:
        return False
    handed = {argument.arg for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}
    return bool(EVALUATES.search(function.name)) or any(re.match(r"val_(tok|data|ids)", name) for name in handed)


def causality(function: ast.FunctionDef) -> list[Hit]:
    """Attention that is said not to be causal."""
    found = []
    for call in calls(function, "scaled_dot_product_attention", "flash_attn_func", "flash_attn_varlen_func"):
        flags = {word.arg: word.value for word in call.keywords}
        for flag in ("is_causal", "causal"):
            value = flags.get(flag)
            if isinstance(value, ast.Constant) and value.value is False and "attn_mask" not in flags:
                found.append(Hit("C1", "FAIL", call.lineno, "attention without a causal mask"))
    return found


def normalisation(tree: ast.Module) -> list[Hit]:
    """A script without any softmax, or a mixture of probabilities beside an n-gram name."""
    if not calls(tree, *NORMALISES):
        return [Hit("C2", "FAIL", None, "no softmax and no cross entropy")]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            text = ast.unparse(node)
            if re.search(r"\(?1(\.0)?\s*-\s*(\w*alpha|lam|lambda_|mix|w)\b", text) and NGRAM.search(text):
                found.append(Hit("C2", "WARN", node.lineno, "probabilities of an n-gram table are mixed in"))
    return found


def score_first(function: ast.FunctionDef) -> list[Hit]:
    """In a function that sees validation tokens: an optimizer step on an earlier line than any score."""
    if not reads_validation(function):
        return []
    steps = [call for call in calls(function, "step") if "opt" in ast.unparse(call.func).lower()]
    if not steps:
        return []
    scores = [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.AugAssign) and re.search(r"loss|nll|bits|byte", ast.unparse(node.target))
    ]
    guards = [call.lineno for call in calls(function, "no_grad", "inference_mode")]
    first = min(call.lineno for call in steps)
    if not any(line < first for line in scores + guards):
        return [Hit("C3", "FAIL", first, "an optimizer step before any score")]
    return []


def single_pass(function: ast.FunctionDef) -> list[Hit]:
    """Names that speak of a second pass, or an epoch loop around scores."""
    found = []
    if RESCORES.search(function.name):
        found.append(Hit("C4", "FAIL", function.lineno, "a second pass over the validation tokens"))
    for loop in ast.walk(function):
        if (
            isinstance(loop, ast.For)
            and "epoch" in ast.unparse(loop.target)
            and reads_validation(function)
            and calls(loop, "eval_val", "eval_val_sliding")
        ):
            found.append(Hit("C4", "WARN", loop.lineno, "scores inside a loop over epochs"))
    return found


def ngram(tree: ast.Module) -> list[Hit]:
    """A target inside a hash, a choice of the smaller loss, and names of n-gram caches."""
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.BitXor)
            and any(TARGET.match(name) for name in names(node))
        ):
            found.append(Hit("n-gram", "FAIL", node.lineno, "the target is part of a hash key"))
        elif (
            isinstance(node, ast.Call)
            and name_of(node.func) in {"minimum", "fmin"}
            and re.search(r"nll|loss", ast.unparse(node))
        ):
            found.append(Hit("n-gram", "FAIL", node.lineno, "the smaller of two losses is kept"))
        elif isinstance(node, ast.ClassDef | ast.FunctionDef) and NGRAM.search(node.name):
            found.append(Hit("n-gram", "WARN", node.lineno, f"an n-gram cache by its name: {node.name}"))
    return found


def slot(function: ast.FunctionDef) -> list[Hit]:
    """Optimizers made where validation tokens are scored; second-order updates."""
    if not reads_validation(function):
        return []
    found = [
        Hit("SLOT", "FAIL", call.lineno, "a second-order update on validation tokens")
        for call in calls(function, "LBFGS", "solve", "lstsq")
    ]
    if re.search(r"slot", function.name, re.IGNORECASE) and calls(function, "Adam", "AdamW", "SGD", "step"):
        found.append(Hit("SLOT", "FAIL", function.lineno, "an optimizer in a function named for SLOT"))
    return found


def size(submission: Submission) -> list[Hit]:
    """The script and the largest model file of the folder, where one is shipped."""
    models = [
        info.bytes
        for info in submission.files
        if info.bytes and re.search(r"\.(ptz|pt|bin|int\d\.\w+|br|zst)$", info.path)
    ]
    code = submission.main.bytes if submission.main else 0
    if models and code + max(models) > CAP_BYTES:
        return [Hit("size", "FAIL", None, f"{code + max(models):,} bytes")]
    return []


def network(tree: ast.Module) -> list[Hit]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        if any(module.split(".")[0] in NETWORK for module in modules):
            found.append(Hit("network", "FAIL", node.lineno, f"imports {', '.join(modules)}"))
    return found
