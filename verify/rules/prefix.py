"""Validation text inside the artifact: stored targets, and losses set to zero where they match."""

import ast
from collections.abc import Iterator

from verify.finding import Finding, Precedent, failed, lead, passed
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.rules.scoring_gate import claimed_runs
from verify.static.patterns import Scope, last, number, root
from verify.static.patterns_code import Code
from verify.static.patterns_mixture import LIKELIHOOD

COMPARISONS_MAX = 500  # looked at in one function
STORES = ("prefix", "stored", "blob", "cached", "memo", "paid", "lookup")
PRECEDENTS = (
    Precedent(pr=262, text="paid prefix; the README forbids it since 20 March"),
    Precedent(pr=168, text="8.75 MB of validation targets in the artifact"),
)


class PaidPrefixLog(Rule):
    """No run holds validation targets in its artifact."""

    code = "no-val-artifact.log"
    remedy = "Take the stored tokens out of the artifact."
    precedents = PRECEDENTS
    probe = "decoy-train"

    def check(self, case: Case) -> Iterator[Finding]:
        events = [(run, event) for run in claimed_runs(case) for event in run.events if event.kind == "paid_prefix"]
        covered = [
            (run, event) for run, event in events if any(isinstance(v, int) and v > 0 for v in event.fields.values())
        ]
        if covered:
            yield failed(
                "the claimed log says that a prefix of validation targets is stored and covers scored tokens",
                *(run.place(event) for run, event in covered[:3]),
                precedents=self.precedents,
            )
        else:
            yield passed("no claimed log speaks of stored validation tokens")


def is_compared(line: str) -> bool:
    """Whether a line may compare something stored with something else."""
    return ("==" in line or "!=" in line) and any(word in line for word in STORES)


class CoveredLoss(CodeRule):
    """No loss is set to zero where a stored token equals the target."""

    code = "no-val-artifact.prefix"
    remedy = "Score every token with the model."
    precedents = PRECEDENTS
    probe = "decoy-train"
    nothing = "no reached code clears losses where stored tokens equal targets"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.with_line(is_compared):
            for compare, cleared in _cleared(scope):
                yield lead(
                    "losses are cleared where a stored token equals the target",
                    code.place(function, compare, "stored token against target"),
                    code.place(function, cleared, "loss cleared"),
                    probe=self.probe,
                    precedents=self.precedents,
                )


def _matches(scope: Scope) -> list[ast.Compare]:
    """`stored == target`, between two slices of tokens."""
    found = []
    for compare in scope.of(ast.Compare)[:COMPARISONS_MAX]:
        if len(compare.ops) != 1 or not isinstance(compare.ops[0], ast.Eq | ast.NotEq):
            continue
        left, right = compare.left, compare.comparators[0]
        if number(right) is not None or isinstance(right, ast.Constant) or isinstance(left, ast.Constant):
            continue
        sides = [_words(scope, side) for side in (left, right)]
        if any("target" in words or "tgt" in words or "y" in words for words in sides) and any(
            not words.isdisjoint(STORES) for words in sides
        ):
            found.append(compare)
    return found


def _words(scope: Scope, node: ast.AST) -> set[str]:
    words: set[str] = set()
    for part in scope.behind(node, 3):
        if isinstance(part, ast.Name):
            words.update(part.id.lower().split("_"))
        elif isinstance(part, ast.Attribute):
            words.update(part.attr.lower().split("_"))
    return words


def _cleared(scope: Scope) -> Iterator[tuple[ast.Compare, ast.AST]]:
    for compare in _matches(scope):
        names = scope.derived({compare})
        for node in scope.of(ast.AugAssign):
            if isinstance(node.op, ast.Mult) and _is_loss(node.target) and scope.uses(node.value, names, {compare}):
                yield compare, node
                return
        for node in scope.of(ast.Assign):
            target = node.targets[0]
            if not isinstance(target, ast.Subscript) or not _is_loss(target):
                continue
            clears = number(node.value) == 0.0 and scope.uses(target.slice, names, {compare})
            scales = isinstance(node.value, ast.BinOp) and scope.uses(node.value, names, {compare})
            chosen = isinstance(node.value, ast.Call) and last(node.value) in {"where", "masked_fill"}
            if clears or scales or (chosen and scope.uses(node.value, names, {compare})):
                yield compare, node
                return
        for call in scope.calls("masked_fill_", "masked_fill"):
            if not (isinstance(call.func, ast.Attribute) and call.args and _is_loss(call.func.value)):
                continue
            if number(call.args[-1]) == 0.0 and any(scope.uses(argument, names, {compare}) for argument in call.args):
                yield compare, call
                return


def _is_loss(node: ast.AST) -> bool:
    return bool(LIKELIHOOD.search(root(node).rpartition(".")[2].lower()))
