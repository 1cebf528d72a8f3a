"""Fewer bytes for the same program: what the bundle does to its modules before it compresses them."""

import ast
import builtins
import keyword
import re
import string
from collections import Counter
from collections.abc import Iterator

import python_minifier


def minify(sources: dict[str, str], outside: str) -> dict[str, str]:
    """The same program in fewer bytes: no comments, docstrings or annotations, short names.

    `outside` is text that goes with the program (what starts it, its recipe): words in it stay, and so do arguments that a
    call names, and attributes of what is not ours.
    Arguments that no call in the whole program names are marked positional-only first, so that the minifier may shorten them.
    """
    trees = {name: without_unused_imports(ast.parse(without_annotations(source))) for name, source in sources.items()}
    named = {name for tree in trees.values() for name in named_arguments(tree)}
    short = shared_names(trees, outside)
    for tree in trees.values():
        rename(tree, short)
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    # Names that recur in many modules compress better than aliases.
    shared = {*dir(builtins), *re.findall(r"\w+", outside)}
    for node in nodes:
        if isinstance(node, ast.Attribute):
            shared.add(node.attr)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            shared |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef) and not {a.arg for a in node.args.args} & named:
            node.args.posonlyargs, node.args.args = node.args.args, []
    return {name: shorten(ast.unparse(tree), sorted(shared)) for name, tree in trees.items()}


def named_arguments(tree: ast.Module) -> Iterator[str]:
    """Arguments named in calls that may be calls of the program's own functions: not of imports from outside, not events."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    outside = {
        (alias.asname or alias.name).split(".")[0]
        for node in imports
        for alias in node.names
        if isinstance(node, ast.Import) or not (node.module or "").startswith("pgolf.")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            root = node.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if not (isinstance(root, ast.Name) and root.id in {*outside, *dir(builtins), "event"}):
                yield from (k.arg for k in node.keywords if k.arg)


def shared_names(trees: dict[str, ast.Module], outside: str) -> dict[str, str]:
    """{name: short name} of the functions, classes and constants that one module defines and another imports.

    A name gets a short one when every use can be seen to be one: by itself, or as `module.name` of a bundled module. Names
    that are attributes of anything else, arguments in a call or words of the outside world stay.
    """
    found: Counter[str] = Counter()
    stay = {*dir(builtins), *keyword.kwlist, *re.findall(r"\w+", outside)}
    for tree in trees.values():
        ours: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                stay |= {part for alias in node.names for part in (alias.asname or alias.name).split(".")}
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
                aliases = {name for name in names if f"{node.module}.{name}" in trees}
                ours |= aliases
                if node.module in trees:
                    found.update(name for name in names if name not in aliases)
                    stay |= aliases | {alias.asname for alias in node.names if alias.asname}
                else:
                    stay |= {alias.asname or alias.name for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Global | ast.Nonlocal):
                stay.update(node.names)
            elif isinstance(node, ast.keyword):
                stay.add(node.arg or "")
            elif isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Name) and node.value.id in ours:
                    found[node.attr] += 1
                else:
                    stay.add(node.attr)
    taken = {name for tree in trees.values() for name in words(tree)} | stay
    free = (a + b for a in string.ascii_uppercase for b in string.ascii_letters if a + b not in taken)
    return {name: next(free) for name, _ in found.most_common() if name not in stay and len(name) > 2}


def words(tree: ast.AST) -> Iterator[str]:
    """Every identifier of a program."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def rename(tree: ast.AST, short: dict[str, str]) -> None:
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            if (value := getattr(node, field, None)) in short:
                setattr(node, field, short[value])


def without_annotations(source: str) -> str:
    """No docstrings and no annotations but those of class attributes, which NamedTuple reads."""
    return python_minifier.minify(
        source,
        remove_literal_statements=True,
        remove_annotations=python_minifier.RemoveAnnotationsOptions(
            remove_variable_annotations=True,
            remove_return_annotations=True,
            remove_argument_annotations=True,
            remove_class_attribute_annotations=False,
        ),
        hoist_literals=False,
        rename_locals=False,
        rename_globals=False,
    )


def without_unused_imports(tree: ast.Module) -> ast.Module:
    """Imports that only annotations used are gone. (Bundled modules import nothing for its side effects.)"""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [a for a in node.names if (a.asname or a.name).split(".")[0] in used]
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom) or node.names]
    return tree


def shorten(source: str, shared: list[str]) -> str:
    """Short names for all but `shared`; what is short already stays."""
    return python_minifier.minify(
        source,
        remove_literal_statements=True,
        hoist_literals=False,
        rename_locals=True,
        rename_globals=True,
        preserve_globals=shared,
    )
