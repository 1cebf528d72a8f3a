"""Choices between predictions that are made after the target is known, in Python code."""

import ast
from collections.abc import Iterator

from verify.static.patterns import Scope, dotted, last, number, root
from verify.static.patterns_mixture import LIKELIHOOD

CANDIDATES_MAX = 300  # of a kind, in one function
MINIMA = {"minimum", "fmin", "maximum", "fmax"}
CHOICES = {"where", "select"}
PROBABILITY_WORDS = ("prob", "_p", "p_", "nll", "logp", "lp", "loss", "ppm", "ng_")


def _likelihood_name(node: ast.AST) -> str:
    """The name of a likelihood or loss that an expression is: through subscripts and `.item()`, not through arithmetic."""
    name = root(node).rpartition(".")[2].lower()
    if name and (
        LIKELIHOOD.search(name) or name.endswith(("_p", "_prob", "_probs")) or name.startswith(("p_", "prob_"))
    ):
        return name
    return ""


def kept_better(scope: Scope) -> Iterator[tuple[ast.AST, ast.AST]]:
    """`if new < old: scores[i] = new`, both losses of one position: (comparison, what is kept)."""
    for condition in scope.of(ast.If)[:CANDIDATES_MAX]:
        test = condition.test
        for compare in [test, *(test.values if isinstance(test, ast.BoolOp) else ())]:
            if not (isinstance(compare, ast.Compare) and len(compare.ops) == 1):
                continue
            if not isinstance(compare.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                continue
            left, right = _likelihood_name(compare.left), _likelihood_name(compare.comparators[0])
            if not left or not right or left == right:
                continue
            sides = {root(compare.left), root(compare.comparators[0])}
            for statement in condition.body:
                if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Subscript):
                    continue
                target = root(statement.targets[0])
                held = any(
                    isinstance(part, ast.Subscript) and root(part) == target
                    for side in (compare.left, compare.comparators[0])
                    for part in scope.behind(side, 2)
                )
                if held and scope.uses(statement.value, sides) and scope.within(condition, ast.For, ast.While):
                    yield compare, statement


def _scored(scope: Scope, node: ast.AST) -> ast.AST | None:
    """Where a value is added to a running sum, directly or through names."""
    names = scope.derived({node})
    return next(
        (s for s in scope.of(ast.AugAssign) if isinstance(s.op, ast.Add) and scope.uses(s.value, names, {node})),
        None,
    )


def elementwise_choices(scope: Scope) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """The smaller of two losses (or the larger of two probabilities) at each position: (choice, where it is scored)."""
    for call in scope.calls(*MINIMA)[:CANDIDATES_MAX]:
        if len(call.args) != 2 or any(number(argument) is not None for argument in call.args):
            continue
        one, other = (_likelihood_name(argument) for argument in call.args)
        if one and other and one != other and "best" not in one + other:
            yield call, _scored(scope, call)
    for call in scope.calls(*CHOICES)[:CANDIDATES_MAX]:
        if len(call.args) != 3 or not isinstance(call.args[0], ast.Name | ast.Compare | ast.BoolOp | ast.BinOp):
            continue
        kept = {root(call.args[1]), root(call.args[2])} - {""}
        for compare in scope.behind(call.args[0], 2):
            if not (isinstance(compare, ast.Compare) and len(compare.ops) == 1):
                continue
            if not isinstance(compare.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                continue
            left, right = compare.left, compare.comparators[0]
            names = {root(left), root(right)}
            if _likelihood_name(left) and _likelihood_name(right) and len(names) == 2 and names & kept:
                yield call, _scored(scope, call)
                break


def beyond_chunk(scope: Scope) -> Iterator[ast.Call]:
    """`mixer.update(tokens[a:b + 1])`: count tables are filled one token beyond the chunk's end."""
    for call in scope.calls("update", "update_batch", "add_tokens", "update_range"):
        if not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        argument = call.args[0]
        while isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
            argument = argument.func.value
        if not (isinstance(argument, ast.Subscript) and isinstance(argument.slice, ast.Slice)):
            continue
        upper = argument.slice.upper
        if not (isinstance(upper, ast.BinOp) and isinstance(upper.op, ast.Add) and number(upper.right) == 1.0):
            continue
        if (
            "tok" in dotted(argument.value).lower()
            and isinstance(upper.left, ast.Name)
            and scope.within(call, ast.For, ast.While)
        ):
            yield call


def mixes(scope: Scope) -> bool:
    """Whether a function lets an object score or mix before its tables are updated."""
    return any(
        last(call) in {"mix_and_score", "get_expert_log_probs", "score", "mix", "lookup", "predict"}
        for call in scope.of(ast.Call)
    )
