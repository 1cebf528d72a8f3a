"""Source text to a syntax tree, for every Python up to 3.12, in time and memory that hostile text cannot blow up."""

import ast
import sys
import warnings

from verify import limits
from verify.static.fstrings import Unreadable, rewrite

NESTING_MAX = 40  # rounds of f-strings inside f-strings


def parse(source: str) -> ast.Module | None:
    """The module's tree, or None where no Python up to 3.12 can read the text."""
    if len(source) > limits.SCRIPT_BYTES_MAX:
        return None
    source = source.removeprefix("\ufeff").replace("\x00", "")
    tree = _module(source)
    if tree is None and sys.version_info < (3, 12):
        tree = _module_of_312(source)
    return tree


def _module(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's affair
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _module_of_312(source: str) -> ast.Module | None:
    try:
        text, found = rewrite(source)
    except Unreadable:
        return None
    tree = _module(text)
    if tree is None:
        return None
    trees: dict[str, ast.expr] = {}
    for name, (expression, line) in found.items():
        part = _expression(expression, line)
        if part is None:
            return None
        trees[name] = part
    try:
        return _Filler(trees).visit(tree)
    except RecursionError:
        return None


def _expression(text: str, line: int, depth: int = 0) -> ast.expr | None:
    """The tree of a field's expression, whose own f-strings are rewritten in turn."""
    if depth > NESTING_MAX:
        return None
    module = _module(f"({text}\n)")
    if module is None:
        try:
            rewritten, found = rewrite(text)
        except Unreadable:
            return None
        module = _module(f"({rewritten}\n)")
        if module is None:
            return None
        parts = {}
        for name, (inner, inner_line) in found.items():
            part = _expression(inner, inner_line, depth + 1)
            if part is None:
                return None
            parts[name] = part
        module = _Filler(parts).visit(module)
    if len(module.body) != 1 or not isinstance(module.body[0], ast.Expr):
        return None
    tree = module.body[0].value
    ast.increment_lineno(tree, line - 1)
    return tree


class _Filler(ast.NodeTransformer):
    """Puts the expressions back in the place of their names."""

    def __init__(self, trees: dict[str, ast.expr]):
        self.trees = trees

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.trees.get(node.id, node)
