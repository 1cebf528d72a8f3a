"""Paths in a network by which a position may see later ones: attention without a mask, pooling, convolution, normalised rows."""

import ast
from collections.abc import Iterator

from verify.static.patterns import Scope, dotted, keyword, last, number, root

CANDIDATES_MAX = 300  # of a kind, in one function
ATTENTION = {"scaled_dot_product_attention"}
FLASH = {"flash_attn_func", "flash_attn_3_func", "flash_attn_varlen_func", "flash_attn_qkvpacked_func"}
RESHAPES = {"reshape", "view"}
NORMALISED = {"softmax", "sparsemax", "entmax", "entmax15", "normalize"}
SPREADS = {"repeat_interleave", "interpolate", "expand", "repeat", "conv_transpose1d"}


def _is_false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_none(node: ast.AST | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def unmasked_attention(scope: Scope) -> Iterator[ast.Call]:
    """Attention over keys that come from the function's arguments, with neither a causal flag nor a mask."""
    for call in scope.calls(*ATTENTION)[:CANDIDATES_MAX]:
        causal, mask = keyword(call, "is_causal"), keyword(call, "attn_mask", "mask", "attn_bias", "bias")
        if mask is None and len(call.args) > 3:
            mask = call.args[3]
        if not (causal is None or _is_false(causal)) or not _is_none(mask) or len(call.args) < 2:
            continue
        if any(isinstance(argument, ast.Starred) for argument in call.args) or any(
            k.arg is None for k in call.keywords
        ):
            continue
        if _from_arguments(scope, call.args[1]):
            yield call
    for call in scope.calls(*FLASH)[:CANDIDATES_MAX]:
        if _is_false(keyword(call, "causal")) and len(call.args) >= 2 and _from_arguments(scope, call.args[1]):
            yield call


def _from_arguments(scope: Scope, node: ast.AST) -> bool:
    """Whether keys are made from what the function is given, not from its own parameters (a memory)."""
    given = set(scope.function.parameters) - {"self"}
    behind = [part for part in scope.behind(node) if isinstance(part, ast.Name | ast.Attribute)]
    if any("cache" in dotted(part).lower() or "past" in dotted(part).lower() for part in behind):
        return False  # keys of earlier positions, kept from step to step
    return any(isinstance(part, ast.Name) and part.id in given for part in behind)


def merged_positions(scope: Scope) -> Iterator[tuple[ast.AST, ast.AST]]:
    """`x.reshape(B, T // f, f, D)` summed over the group, or pooled with a stride: (grouping, pooling)."""
    for call in scope.calls(*RESHAPES)[:CANDIDATES_MAX]:
        shape = call.args
        if len(shape) == 1 and isinstance(shape[0], ast.Tuple):
            shape = shape[0].elts
        if len(shape) != 4 or not (isinstance(shape[1], ast.BinOp) and isinstance(shape[1].op, ast.FloorDiv)):
            continue
        if dotted(shape[1].right) != dotted(shape[2]) and number(shape[1].right) != number(shape[2]):
            continue
        names = scope.derived({call})
        for pool in scope.calls("sum", "mean", "max", "amax"):
            dimension = keyword(pool, "dim") or (
                pool.args[0] if pool.args and isinstance(pool.func, ast.Attribute) else None
            )
            if (
                number(dimension) in (2.0, -2.0)
                and isinstance(pool.func, ast.Attribute)
                and scope.uses(pool.func.value, names, {call})
            ):
                yield call, pool
                break
    for pool in scope.calls("avg_pool1d", "max_pool1d"):
        stride = keyword(pool, "stride") or (pool.args[2] if len(pool.args) > 2 else None)
        if stride is not None and number(stride) != 1.0 and not _shifted(scope):
            yield pool, pool


def _shifted(scope: Scope) -> bool:
    """Whether a function moves its positions to the right somewhere: padding in front, or zeros before `x[:, :-k]`."""
    for call in scope.calls("pad"):
        widths = call.args[1].elts if len(call.args) > 1 and isinstance(call.args[1], ast.Tuple | ast.List) else []
        if len(widths) == 4 and number(widths[2]) != 0.0 and number(widths[3]) == 0.0:
            return True
        if len(widths) == 2 and number(widths[0]) != 0.0 and number(widths[1]) == 0.0:
            return True
    for call in scope.calls("cat", "concat", "concatenate"):
        if any(
            isinstance(part, ast.Slice) and isinstance(part.upper, ast.UnaryOp | ast.BinOp) and part.lower is None
            for part in ast.walk(call)
        ):
            return True
    return bool(scope.calls("roll"))


def shifts(scope: Scope) -> bool:
    return _shifted(scope)


def spreads(scope: Scope) -> bool:
    """Whether a function gives one coarse position's value to several fine ones."""
    if scope.calls("repeat_interleave", "interpolate"):
        return True
    for call in scope.calls(*RESHAPES):
        shape = call.args[0].elts if len(call.args) == 1 and isinstance(call.args[0], ast.Tuple) else call.args
        if len(shape) == 3 and isinstance(shape[1], ast.BinOp) and isinstance(shape[1].op, ast.Mult):
            return True
    return False


def empty_rows(scope: Scope) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Rows in which mask and diagonal leave nothing, filled with a finite value and then normalised: (fill, normalisation)."""
    for fill in scope.calls("fill_", "fill_diagonal_")[:CANDIDATES_MAX]:
        if not isinstance(fill.func, ast.Attribute) or not fill.args:
            continue
        value = number(fill.args[0])
        if value is None or value >= 0:
            continue
        inner = fill.func.value
        if last(fill) == "fill_" and not (isinstance(inner, ast.Call) and last(inner) == "diagonal"):
            continue
        name = root(inner)
        masked = any(
            binding.value is not None
            and any(
                isinstance(part, ast.Call) and last(part) in {"masked_fill", "masked_fill_", "where"} and _finite(part)
                for part in ast.walk(binding.value)
            )
            for binding in scope.bindings.get(name, ())
        )
        if not masked:
            continue
        for call in scope.calls(*NORMALISED):
            if any(root(argument) == name for argument in call.args) and call.lineno >= fill.lineno:
                yield fill, call
                break


def _finite(call: ast.Call) -> bool:
    return any((value := number(argument)) is not None and value < 0 for argument in call.args)


def pooled_over_time(scope: Scope) -> Iterator[ast.Call]:
    """`x.mean(dim=1)` of an argument whose shape is read as (batch, time, width), used for what is returned."""
    sequences: set[str] = set()
    for node in scope.of(ast.Assign):
        target = node.targets[0]
        shape = node.value
        if not (isinstance(target, ast.Tuple) and len(target.elts) == 3 and isinstance(shape, ast.Attribute)):
            continue
        if shape.attr == "shape" and isinstance(shape.value, ast.Name):
            sequences.add(shape.value.id)
    sequences &= set(scope.function.parameters)
    if not sequences:
        return
    for call in scope.calls("mean", "sum", "amax"):
        if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
            continue
        dimension = keyword(call, "dim") or (call.args[0] if call.args else None)
        if call.func.value.id in sequences and number(dimension) == 1.0:
            names = scope.derived({call})
            if any(node.value is not None and scope.uses(node.value, names, {call}) for node in scope.of(ast.Return)):
                yield call


def wide_convolutions(scope: Scope) -> dict[str, ast.Call]:
    """Attributes that hold a Conv1d padded on both sides, by name: kernel k, padding (k - 1) / 2, stride 1."""
    found = {}
    for name, bindings in scope.bindings.items():
        for binding in bindings:
            call = binding.value
            if not (isinstance(call, ast.Call) and last(call) == "Conv1d" and len(call.args) >= 2):
                continue
            kernel = keyword(call, "kernel_size") or (call.args[2] if len(call.args) > 2 else None)
            size, padding = number(kernel), number(keyword(call, "padding"))
            if size and padding and size > 1 and 2 * padding == size - 1 and keyword(call, "stride") is None:
                found[name] = call
    return found
