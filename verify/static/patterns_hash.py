"""Hashes of a context with a target mixed in, and the tables that are read by them, in Python.

A joint hash is `context ^ target * prime`, where the context's hash alone is an index too. Hashed embeddings of input
tokens have no such pair: they mix tokens, look one table of weights up, and divide nothing.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from verify.static.patterns import Scope, last, root
from verify.static.patterns_code import Code
from verify.static.program import Function

NEEDLES = ("^", "xor")
READING = {"gather", "take", "index_select", "get", "item"}
RATIOS = {"divide", "true_divide", "div", "div_"}
CANDIDATES_MAX = 100  # hashes looked at in one function
KEY_STEPS = 3  # names between a hash and the index made of it: masked, cast, selected
COUNT_STEPS = 5  # names between a count and its ratio


@dataclass(slots=True)
class JointHash:
    """A hash of context and target, the function it stands in, and what reads a ratio by it."""

    function: Function
    node: ast.AST
    read: ast.AST
    ratio: ast.AST | None


def _xors(scope: Scope) -> Iterator[tuple[ast.AST, ast.AST, ast.AST]]:
    for node in scope.of(ast.BinOp):
        if isinstance(node.op, ast.BitXor):
            yield node, node.left, node.right
    for call in scope.calls("bitwise_xor", "logical_xor", "xor"):
        if len(call.args) >= 2:
            yield call, call.args[0], call.args[1]


def _scaled(scope: Scope, node: ast.AST) -> bool:
    """Whether a product is mixed in: token times prime."""
    return (
        scope.rests_on(node, lambda part: isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult), 2) is not None
    )


def _is_key_alone(scope: Scope, name: str, joint: ast.AST) -> bool:
    """Whether the context's hash is reduced to a table's size by itself, outside the joint hash."""
    inside = set(ast.walk(joint))
    for node in scope.of(ast.BinOp):
        if (
            isinstance(node.op, ast.BitAnd | ast.Mod)
            and node not in inside
            and name in (root(node.left), root(node.right))
        ):
            return True
    for call in scope.of(ast.Call):
        if call in inside:
            continue
        if any(root(argument) == name for argument in call.args) and last(call) not in {"len", "print", "range"}:
            return True
    return False


def _rolls(scope: Scope, node: ast.AST, name: str) -> bool:
    """Whether the result takes the place of the hash: `h = h ^ token * prime` is the context's hash still growing."""
    statement = scope.within(node, ast.Assign, ast.AugAssign, ast.Return, ast.For)
    if not isinstance(statement, ast.Assign) or not any(root(target) == name for target in statement.targets):
        return False
    return scope.within(statement, ast.For, ast.While) is not None


def _parameters(node: ast.AST) -> list[str]:
    arguments = getattr(node, "args", None)
    return [a.arg for a in arguments.args + arguments.kwonlyargs] if isinstance(arguments, ast.arguments) else []


def _joint_in(function: Function, scope: Scope) -> tuple[list[ast.AST], bool]:
    """Joint hashes of a function, and whether it returns one: then it is a helper, and its calls are joint hashes."""
    nodes: list[ast.AST] = []
    parameters = _parameters(function.node)
    helper = False
    returned = {part for node in scope.of(ast.Return) if node.value is not None for part in scope.behind(node.value, 4)}
    for node, left, right in islice(_xors(scope), CANDIDATES_MAX):
        for context, target in ((left, right), (right, left)):
            name = root(context)
            if isinstance(context, ast.BinOp) or not name or not _scaled(scope, target) or root(target) == name:
                continue
            if _rolls(scope, node, name):
                continue
            if _is_key_alone(scope, name, node):
                nodes.append(node)
            elif (
                name in parameters
                and node in returned
                and any(
                    isinstance(part, ast.Name) and part.id in parameters and part.id != name
                    for part in ast.walk(target)
                )
            ):
                helper = True
            else:
                continue
            break
    for mixed in [node for node in scope.of(ast.AugAssign) if isinstance(node.op, ast.BitXor)][:CANDIDATES_MAX]:
        if scope.within(mixed, ast.For, ast.While) or not _scaled(scope, mixed.value):
            continue
        name = root(mixed.target)
        rolled = any(
            binding.how == "aug" and binding.node is not mixed and scope.within(binding.node, ast.For, ast.While)
            for binding in scope.bindings.get(name, ())
        )
        if rolled and any(isinstance(part, ast.Name) and part.id in parameters for part in ast.walk(mixed.value)):
            helper = helper or any(
                isinstance(part, ast.Name) and part.id == name
                for node in scope.of(ast.Return)
                for part in ast.walk(node)
            )
    return nodes, helper


def _reading(scope: Scope, seeds: set[ast.AST]) -> tuple[ast.AST, ast.AST | None] | None:
    """Where a table is read by a joint hash, and the ratio that is made of it, or the second table that is read."""
    names = scope.derived(seeds, steps=KEY_STEPS)
    reads: list[ast.AST] = [
        node
        for node in scope.of(ast.Subscript)
        if isinstance(node.ctx, ast.Load) and scope.uses(node.slice, names, seeds)
    ]
    reads += [
        call for call in scope.calls(*READING) if any(scope.uses(argument, names, seeds) for argument in call.args)
    ]
    reads = [node for node in reads if not _is_index_work(scope, node, names)]
    if not reads:
        return None
    held = set(reads)
    counts = scope.derived(held, steps=COUNT_STEPS)
    ratios = [n for n in scope.of(ast.BinOp) if isinstance(n.op, ast.Div) and scope.uses(n.left, counts, held)]
    if ratios:
        read, ratio = min(
            ((read, ratio) for read in reads for ratio in ratios),
            key=lambda pair: abs(line_of(pair[0]) - line_of(pair[1])),
        )
        return read, ratio
    for call in scope.calls(*RATIOS):
        if any(scope.uses(argument, counts, held) for argument in [*call.args, call.func]):
            return reads[0], call
    if any(node for node in scope.of(ast.Return) if node.value is not None and scope.uses(node.value, counts, held)):
        return reads[0], None
    return None


def line_of(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _is_index_work(scope: Scope, node: ast.AST, names: set[str]) -> bool:
    """Whether a "read" only selects among the keys themselves: `keys[valid]`, `keys[i]`."""
    return isinstance(node, ast.Subscript) and root(node.value) in names


def joint_hashes(code: Code) -> list[JointHash]:
    """Every joint hash of the reached code by which counts are read and divided."""
    found: list[JointHash] = []
    pending: list[tuple[Function, Scope, list[ast.AST]]] = []
    helpers: set[str] = set()
    for function, scope in code.having(*NEEDLES):
        nodes, is_helper = _joint_in(function, scope)
        reading = _reading(scope, set(nodes)) if nodes else None
        if reading:
            found.append(JointHash(function, nodes[0], *reading))
        elif nodes:
            keys = scope.derived(set(nodes))
            is_helper |= any(
                n.value is not None and scope.uses(n.value, keys, set(nodes)) for n in scope.of(ast.Return)
            )
        if is_helper:
            helpers.add(function.name.rpartition(".")[2])
    if helpers:
        for function, scope in code.having(*(f"{name}(" for name in helpers)):
            calls = [call for call in scope.calls(*helpers)]
            if calls:
                pending.append((function, scope, list(calls)))
    for function, scope, nodes in pending:
        reading = _reading(scope, set(nodes))
        if reading:
            found.append(JointHash(function, nodes[0], *reading))
    return found
