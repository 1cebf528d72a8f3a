"""Which functions the claimed runs come to: from the module body, through names and attributes in branches that are not dead.

A branch is dead where its condition folds to a constant under the effective settings (fold.py). Two rounds: the first
takes every parameter as unknown, the second uses the parameters that have the same value at every live call.
"""

import ast

from verify.static.fold import UNKNOWN, arguments_of, fold, known
from verify.static.program import Function, Program
from verify.static.witness import Witness

ENDINGS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
TOLD = frozenset({"ttt", "slot", "lora", "prequant", "ngram", "sdttt", "etlb", "adapt", "calib", "twopass", "two"})
DYNAMIC = frozenset({"globals", "locals", "eval", "exec", "vars", "__import__"})


def reach(program: Program) -> None:
    """Set `reached` of every function, mark dead nodes (`is_dead`), collect live calls."""
    _round(program)
    if _constants(program):
        _round(program)
    program.is_dynamic = any(_is_dynamic(function) for function in program.functions if function.reached)
    if program.is_dynamic:
        for function in program.functions:
            if not function.reached:
                function.reached = None


def _is_dynamic(function: Function) -> bool:
    return any(isinstance(call.func, ast.Name) and call.func.id in DYNAMIC for call in function.nodes(ast.Call))


def _round(program: Program) -> None:
    for function in program.functions:
        function.reached = False
        for node in getattr(function.node, "dead", ()):
            node.is_dead = False
    for function in program.functions:
        function.node.dead = _dead(program, function)  # type: ignore[attr-defined]
    program.call_sites.clear()
    classes: set[str] = set()
    wanted: set[str] = set()  # attribute names used in live code
    waiting = [module.body for module in program.modules]
    methods = {name: table for module in program.modules for name, table in module.methods.items()}
    bases = {
        name: [b.id for b in node.bases if isinstance(b, ast.Name)]
        for module in program.modules
        for name, node in module.classes.items()
    }
    while waiting:
        function = waiting.pop()
        if function.reached:
            continue
        function.reached = True
        names: list[str] = []
        for node in function.nodes(ast.Name):
            if not getattr(node, "is_dead", False):
                names.append(node.id)
        for node in function.nodes(ast.Attribute):
            if not getattr(node, "is_dead", False):
                wanted.add(node.attr)
        for decorator in getattr(function.node, "decorator_list", ()):
            names += [n.id for n in ast.walk(decorator) if isinstance(n, ast.Name)]
        stack = [program.class_of(function, name) for name in set(names)]
        fresh = [found[1] for found in stack if found is not None]
        while fresh:
            name = fresh.pop()
            if name not in classes:
                classes.add(name)
                fresh += bases.get(name, [])
        for name in set(names):
            found = program.find(function, name)
            if found is not None and not found.reached:
                waiting.append(found)
        for call in function.nodes(ast.Attribute):
            if isinstance(call.value, ast.Name) and function.module and call.value.id in function.module.imports:
                imported = program.imported(f"{function.module.imports[call.value.id]}.{call.attr}")
                if imported is not None and not imported.reached:
                    waiting.append(imported)
        for name in classes:
            for short, method in methods.get(name, {}).items():
                if not method.reached and (short in wanted or short == "forward" or short.startswith("__")):
                    waiting.append(method)
    for function in program.functions:
        if function.reached:
            for call in function.nodes(ast.Call):
                if not getattr(call, "is_dead", False):
                    for target in program.resolve(function, call):
                        program.call_sites[id(target)].append((function, call))


def _dead(program: Program, function: Function) -> list[ast.AST]:
    """Mark what a function cannot come to, and list it."""
    dead: list[ast.AST] = []
    witness: Witness | None = program.cache.get("witness")  # type: ignore[assignment]

    has_logs = bool(program.logged) or witness is None or len(witness.text) > 1000

    def bury(nodes, test: ast.expr | None = None) -> None:
        if nodes and witness is not None and witness.printed(nodes):
            return  # it ran: the log holds what it prints
        if nodes and not has_logs and test is not None and _is_told_of(program, function, test):
            return  # no log, and the README tells of what the defaults switch off
        for statement in nodes:
            for node in ast.walk(statement):
                if not getattr(node, "is_dead", False):
                    node.is_dead = True  # type: ignore[attr-defined]
                    dead.append(node)

    for node in function.nodes(ast.If):
        if getattr(node, "is_dead", False):
            continue
        truth = _main_guard(function, node.test)
        if truth is None:
            truth = known(program, function, node.test)
        if truth is None:
            continue
        bury(node.orelse if truth else node.body, node.test)
        taken = node.body if truth else node.orelse
        if taken and isinstance(taken[-1], ENDINGS):
            bury(_after(node))
    for node in function.nodes(ast.IfExp):
        if not getattr(node, "is_dead", False) and (truth := known(program, function, node.test)) is not None:
            bury([node.orelse if truth else node.body])
    for node in function.nodes(ast.While):
        if not getattr(node, "is_dead", False) and known(program, function, node.test) is False:
            bury(node.body)
    for node in function.nodes(ast.For):
        if not getattr(node, "is_dead", False) and _is_empty(program, function, node.iter):
            bury(node.body)
    for node in function.nodes(ast.BoolOp):
        if getattr(node, "is_dead", False):
            continue
        is_and = isinstance(node.op, ast.And)
        for position, part in enumerate(node.values[:-1]):
            if known(program, function, part) is (not is_and):
                bury(node.values[position + 1 :])
                break
    return dead


def _is_told_of(program: Program, function: Function, test: ast.expr) -> bool:
    """Whether the README speaks of what a condition's settings are named after."""
    told: frozenset[str] = program.cache.get("readme words", frozenset())  # type: ignore[assignment]
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        setting = program.settings.get(name.lower())
        is_default = setting is None or setting.source == "default"
        if is_default and any(word in told for word in name.lower().split("_") if word in TOLD):
            return True
    return False


def _main_guard(function: Function, test: ast.expr) -> bool | None:
    """`if __name__ == "__main__"`: taken in the script that is run, not in a helper."""
    if not (isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"):
        return None
    value = test.comparators[0]
    if not (isinstance(test.ops[0], ast.Eq) and isinstance(value, ast.Constant)):
        return None
    is_main = function.module is not None and not function.module.is_helper
    return is_main == (value.value == "__main__")


def _after(node: ast.stmt) -> list[ast.stmt]:
    """The statements that follow in the same block."""
    parent = getattr(node, "parent", None)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and node in block:
            return block[block.index(node) + 1 :]
    return []


def _is_empty(program: Program, function: Function, node: ast.expr) -> bool:
    """A loop over range(0): an epoch count that is switched off."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "range"
        and len(node.args) == 1
    ):
        count = fold(program, function, node.args[0])
        return isinstance(count, (int, float)) and count <= 0
    return False


def _tested_names(function: Function) -> set[str]:
    """Names in the conditions of a function."""
    tests = [node.test for node in function.nodes(ast.If, ast.IfExp, ast.While)] + function.nodes(ast.BoolOp)
    return {n.id for test in tests for n in ast.walk(test) if isinstance(n, ast.Name)}


def _constants(program: Program) -> bool:
    """Parameters with one value at every live call; True where there are any."""
    is_new = False
    referenced: set[str] = set()
    for function in program.functions:
        if function.reached:
            for node in function.nodes(ast.Name):
                parent = getattr(node, "parent", None)
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    referenced.add(node.id)
    for function in program.functions:
        sites = program.callers(function)
        if not function.reached or not sites or function.short in referenced or function.owner:
            continue
        if any(
            any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
            for _, call in sites
        ):
            continue
        values: dict[str, object] = {}
        for number, (caller, call) in enumerate(sites):
            given = arguments_of(call, function)
            found = {name: fold(program, caller, value) for name, value in given.items()}
            found = {
                name: value
                for name, value in found.items()
                if value is not UNKNOWN and name not in function.definitions
            }
            if number == 0:
                values = found
            else:
                values = {n: v for n, v in values.items() if n in found and type(found[n]) is type(v) and found[n] == v}
        if values:
            function.constants.update(values)
            is_new = is_new or bool(_tested_names(function) & set(values))
    return is_new
