"""Which definitions of a name can reach its use: the last that always runs before it, and later ones in branches and loops."""

import ast

from verify.static.program import Definition, Function, Program

LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def reaching(scope: Function, name: str, use: ast.AST | None, program: Program) -> tuple[list[Definition], bool] | None:
    """The definitions of a name that can reach a use, and whether the value at entry can; None where the scope has no such name.

    `use` None: the use stands in a function inside, which may run at any time.
    """
    own = scope.definitions.get(name, [])
    stores = scope.stores.get(name, [])
    is_parameter = name in scope.parameters
    if not own and not is_parameter:
        return None
    every = [d for d in (*own, *stores) if not getattr(d.statement, "is_dead", False)]
    if use is None:
        comprehended = [d for d in every if not isinstance(d.statement, COMPREHENSIONS)]
        return comprehended, is_parameter
    above: dict[int, ast.AST] = {}
    child: ast.AST = use
    loops: list[ast.AST] = []
    for parent in program.ancestors(use):
        above[id(parent)] = child
        if isinstance(parent, COMPREHENSIONS):
            inside = [d for d in own if d.statement is parent]
            if inside:
                return inside, False
        if isinstance(parent, LOOPS):
            loops.append(parent)
        child = parent
    every = [d for d in every if not isinstance(d.statement, COMPREHENSIONS)]
    here = use.order  # type: ignore[attr-defined]
    last: Definition | None = None
    for definition in every:
        if definition.kind in ("store", "augment", "other") or definition.statement.order >= here:  # type: ignore[attr-defined]
            continue
        if id(definition.statement) in above and not isinstance(definition.statement, LOOPS):
            continue  # x = f(x): the use is the definition's own
        is_later = last is None or definition.statement.order > last.statement.order  # type: ignore[attr-defined]
        if is_later and _same_block(definition.statement, above):
            last = definition
    start = last.statement.order if last is not None else -1  # type: ignore[attr-defined]
    found = [last] if last is not None else []
    for definition in every:
        order = definition.statement.order  # type: ignore[attr-defined]
        if definition is last or order < start:
            continue
        if order < here and (id(definition.statement) not in above or isinstance(definition.statement, LOOPS)):
            found.append(definition)
        elif order > here or id(definition.statement) in above:
            around = [loop for loop in loops if loop.order > start]  # type: ignore[attr-defined]
            if any(any(parent is loop for loop in around) for parent in program.ancestors(definition.statement)):
                found.append(definition)
    return found, is_parameter and last is None


def _same_block(statement: ast.AST, above: dict[int, ast.AST]) -> bool:
    """Whether a statement stands in a block that the use stands in too, or is a loop around the use."""
    if isinstance(statement, LOOPS) and id(statement) in above:
        return above[id(statement)] in statement.body
    while not isinstance(statement, ast.stmt):
        statement = statement.parent  # type: ignore[attr-defined]
    parent = getattr(statement, "parent", None)
    while isinstance(parent, (ast.With, ast.AsyncWith)) and id(parent) not in above:
        statement, parent = parent, getattr(parent, "parent", None)  # a with block always runs
    child = above.get(id(parent))
    if child is None:
        return False
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return child in block or isinstance(parent, (ast.FunctionDef, ast.Module))
    return False
