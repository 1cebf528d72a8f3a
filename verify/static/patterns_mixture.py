"""Mixtures of predictions in Python code: weights lambda and 1 - lambda, sums of logarithms, entropies, per-byte shares."""

import ast
import re

from verify.static.patterns import Scope, dotted, last, number, root

LIKELIHOOD = re.compile(
    r"(^|_)(nlls?|logps?|lps?|log_?probs?|loss|losses|ce|xent|nlp|logprobs?|pn)($|_|\d)|nll|logp|log_p"
)
TOTAL = re.compile(r"total|sum|count|_bytes_all|denom|numel|num_", re.I)
LENGTH = re.compile(r"len|byte|(^|_)nb($|_)|width", re.I)
LOGS = {"log", "log_softmax", "log2", "_ln", "ln", "logprob", "log_prob"}
PROBABILITIES = {"exp", "softmax", "sigmoid"}
MIXERS = {"logsumexp", "logaddexp", "logaddexp2"}
CANDIDATES_MAX = 100  # of a kind, in one function
MODULES = {"torch", "np", "numpy", "jnp", "mx"}
STACKS = {"stack", "cat", "concatenate", "concat", "column_stack", "vstack", "hstack"}


def is_likelihood(node: ast.AST) -> bool:
    """Whether a name says that it holds a (log-)likelihood or a loss."""
    return isinstance(node, ast.Name | ast.Attribute) and bool(
        LIKELIHOOD.search(dotted(node).rpartition(".")[2].lower())
    )


def _complement(node: ast.AST, weight: str) -> bool:
    """`1 - weight`, also as the argument of a logarithm."""
    for part in ast.walk(node):
        if not (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub)):
            continue
        if number(part.left) == 1.0 and root(part.right) == weight:
            return True
    return False


def linear_mixtures(scope: Scope) -> list[ast.BinOp]:
    """`w * a + (1 - w) * b`, w a name."""
    found = []
    for node in scope.of(ast.BinOp):
        if not isinstance(node.op, ast.Add):
            continue
        sides = [
            side for side in (node.left, node.right) if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult)
        ]
        if len(sides) != 2:
            continue
        for one, other in (sides, sides[::-1]):
            weights = {root(one.left), root(one.right)} - {""}
            if any(_complement(other, weight) for weight in weights):
                found.append(node)
                break
    return found


def log_mixtures(scope: Scope) -> list[ast.AST]:
    """Sums of probabilities made in logarithms: logsumexp, logaddexp, or `m + log(exp(a - m) + exp(b - m))`."""
    found: list[ast.AST] = list(scope.calls(*MIXERS))
    for call in scope.calls("log", "log1p", "_ln", "ln"):
        if call.args and any(isinstance(part, ast.Call) and last(part) == "exp" for part in ast.walk(call.args[0])):
            inner = call.args[0]
            adds = any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add) for part in ast.walk(inner))
            if last(call) == "log1p" or adds:
                found.append(call)
    return found


def mixtures(scope: Scope) -> list[ast.AST]:
    return [*linear_mixtures(scope), *log_mixtures(scope)]


def entropies(scope: Scope) -> list[ast.Call]:
    """`(p * log p).sum(...)`: sums over a product of a probability and its own logarithm."""
    found = []
    for call in scope.calls("sum")[:CANDIDATES_MAX]:
        inner = _summed(call)
        if isinstance(inner, ast.UnaryOp):
            inner = inner.operand
        if isinstance(inner, ast.Name):
            values = [b.value for b in scope.bindings.get(inner.id, ()) if b.how == "assign"]
            inner = values[0] if len(values) == 1 else inner
        if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult)):
            continue
        for probability, logarithm in ((inner.left, inner.right), (inner.right, inner.left)):
            if _is_probability(scope, probability) and _is_logarithm(scope, logarithm):
                found.append(call)
                break
    return found


def _summed(call: ast.Call) -> ast.AST | None:
    """What is summed: `x` of `x.sum(...)`, of `torch.sum(x)`, `np.sum(x)` and `sum(x)`."""
    function = call.func
    is_module = (
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in MODULES
    )
    if isinstance(function, ast.Attribute) and not is_module:
        return function.value
    return call.args[0] if call.args else None


def _is_probability(scope: Scope, node: ast.AST) -> bool:
    def makes(part: ast.AST) -> bool:
        return isinstance(part, ast.Call) and last(part) in PROBABILITIES

    return scope.rests_on(node, makes, 3) is not None


def _is_logarithm(scope: Scope, node: ast.AST) -> bool:
    def makes(part: ast.AST) -> bool:
        return isinstance(part, ast.Call) and last(part) in LOGS

    if isinstance(node, ast.Name | ast.Attribute) and LIKELIHOOD.search(dotted(node).lower()):
        return True
    return scope.rests_on(node, makes, 3) is not None


def takes_target(scope: Scope, node: ast.AST) -> bool:
    """Whether a value is that of one token at each position: a cross-entropy, a gather, or an index by two arrays."""

    def picks(part: ast.AST) -> bool:
        if isinstance(part, ast.Call):
            return last(part) in {"cross_entropy", "nll_loss", "gather", "take_along_axis", "take_along_dim"}
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Tuple):
            return sum(isinstance(item, ast.Name | ast.Call | ast.Attribute) for item in part.slice.elts) >= 2
        return (
            isinstance(part, ast.Subscript)
            and isinstance(part.slice, ast.Name)
            and part.slice.id.startswith(("y_", "tgt", "target", "next"))
        )

    return scope.rests_on(node, picks, 5) is not None


def entropy_experts(scope: Scope) -> list[tuple[ast.Call, ast.Call]]:
    """(entropy, stack): an entropy that stands beside losses of the target in one stack."""
    found = []
    for entropy in entropies(scope):
        names = scope.derived({entropy})
        for stack in scope.calls(*STACKS)[:CANDIDATES_MAX]:
            parts = stack.args[0].elts if stack.args and isinstance(stack.args[0], ast.List | ast.Tuple) else []
            mine = [part for part in parts if scope.uses(part, names, {entropy})]
            others = [part for part in parts if part not in mine]
            if mine and any(takes_target(scope, part) for part in others):
                found.append((entropy, stack))
                break
    return found


def byte_shares(scope: Scope) -> list[ast.BinOp]:
    """A token's log-likelihood divided by its own number of bytes (not a sum divided by a total)."""
    found = []
    for node in scope.of(ast.BinOp):
        if not isinstance(node.op, ast.Div):
            continue
        divisor = root(node.right) or ""
        if isinstance(node.right, ast.Call) and last(node.right) in {"float", "max", "int"} and node.right.args:
            divisor = root(node.right.args[0])
        if number(node.right) is not None or scope.augmented(divisor) or TOTAL.search(divisor.rpartition(".")[2]):
            continue
        if not (_is_length(scope, node.right) and _is_token_score(scope, node.left)):
            continue
        found.append(node)
        if len(found) == CANDIDATES_MAX:
            break
    return found


def _is_length(scope: Scope, node: ast.AST) -> bool:
    def measures(part: ast.AST) -> bool:
        if isinstance(part, ast.Call):
            return last(part) == "len" and bool(part.args)
        return isinstance(part, ast.Name | ast.Attribute) and bool(LENGTH.search(dotted(part).rpartition(".")[2]))

    return scope.rests_on(node, measures, 3) is not None


def _is_token_score(scope: Scope, node: ast.AST) -> bool:
    name = root(node)
    if name and (scope.augmented(name) or TOTAL.search(name.rpartition(".")[2])):
        return False
    return scope.rests_on(node, is_likelihood, 3) is not None


def byte_fallback(scope: Scope) -> ast.AST | None:
    """1/256: a model over single bytes falls back to this."""
    for node in scope.of(ast.BinOp):
        if not isinstance(node.op, ast.Div) or number(node.right) != 256.0:
            continue
        if number(node.left) == 1.0:
            return node
        above = getattr(node, "parent", None)
        if isinstance(node.left, ast.Name) and isinstance(above, ast.Assign):
            return node
    return None
