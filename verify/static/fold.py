"""Constant folding under the effective settings: what an expression is worth in the claimed runs, as far as the text says."""

import ast
import operator
from collections.abc import Callable

from verify.static.program import Function, Program, local_values

UNKNOWN = object()
DEPTH_MAX = 24
TEXT_MAX = 10_000  # characters of a folded string
# what scripts call their configuration, beside the classes that settings.py finds
CONFIGURATIONS = frozenset(
    ["args", "h", "hp", "hps", "hparams", "hyperparameters", "hyperparams", "cfg", "config", "conf", "c", "opt", "opts"]
) | frozenset(["flags", "settings", "a", "hyp"])
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
COMPARED = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
CONVERSIONS = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "len": len,
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
}
TEXT_METHODS = frozenset(["lower", "upper", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"])
FAILURES = (TypeError, ValueError, ZeroDivisionError, OverflowError, AttributeError, IndexError, KeyError)


def fold(program: Program, function: Function, node: ast.expr | None, depth: int = 0):
    """The value of an expression, or UNKNOWN."""
    if node is None or depth > DEPTH_MAX:
        return UNKNOWN
    handler = HANDLERS.get(type(node))
    if handler is None:
        return UNKNOWN
    if depth == 0:
        program.cache["names being folded"] = {}
    try:
        return handler(program, function, node, depth + 1)
    except FAILURES:
        return UNKNOWN


def known(program: Program, function: Function, node: ast.expr | None) -> bool | None:
    """The truth of a condition: True, False, or None where it is not decided."""
    value = fold(program, function, node)
    if value is UNKNOWN:
        return None
    try:
        return bool(value)
    except FAILURES:
        return None


def _constant(program, function, node, depth):
    return node.value


def _name(program: Program, function: Function, node: ast.Name, depth: int):
    scope: Function | None = function
    while scope is not None:
        if node.id in scope.constants:
            return scope.constants[node.id]
        if node.id in scope.parameters:
            return UNKNOWN
        if node.id in scope.definitions:
            found = scope.definitions[node.id]
            if len(found) == 1 and found[0].kind == "assign" and node.id not in scope.stores:
                return fold(program, scope, found[0].value, depth)
            if found[0].kind == "import" and len(found) == 1:
                return UNKNOWN
            return _once(program, scope, node, depth)
        scope = scope.parent
    return UNKNOWN


def _once(program: Program, scope: Function, node: ast.Name, depth: int):
    """`_agreed`, at most once for each name of an expression: names set from one another would be folded without end."""
    done = program.cache["names being folded"]
    key = (id(scope), node.id)
    if key not in done:  # type: ignore[operator]
        done[key] = UNKNOWN  # type: ignore[index]
        done[key] = _agreed(program, scope, node, depth)  # type: ignore[index]
    return done[key]  # type: ignore[index]


def _agreed(program: Program, scope: Function, node: ast.Name, depth: int):
    """A name that is set more than once, always to the same value."""
    found = [d for d in scope.definitions[node.id] if program.live(d.statement)]
    if not found or any(d.kind != "assign" for d in found) or node.id in scope.stores or len(found) > 4:
        return UNKNOWN
    values = [fold(program, scope, d.value, depth) for d in found]
    if all(type(value) is type(values[0]) and value == values[0] for value in values):
        return values[0]
    return UNKNOWN


def _attribute(program: Program, function: Function, node: ast.Attribute, depth: int):
    name = node.attr
    if not is_configuration(program, function, node.value):
        return UNKNOWN
    setting = program.settings.get(name.lower())
    return UNKNOWN if setting is None or setting.value is None else setting.value


def is_configuration(program: Program, function: Function, base: ast.expr) -> bool:
    """Whether an object is the script's configuration: args, h, Hyperparameters, self.cfg, ..."""
    if isinstance(base, ast.Name):
        classes = program.cache.get("configuration classes", ())
        if base.id in CONFIGURATIONS:
            return not any(
                _makes_another(program, function, value, classes) for value in local_values(function, base.id)
            )
        if base.id in classes:  # type: ignore[operator]
            return True
        if base.id == "self":
            return function.owner is not None and function.owner in classes  # type: ignore[operator]
        return any(
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in classes  # type: ignore[operator]
            for value in local_values(function, base.id)
        )
    if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id == "self":
        return base.attr in CONFIGURATIONS
    if isinstance(base, ast.Call) and isinstance(base.func, ast.Name):
        return base.func.id in program.cache.get("configuration classes", ())  # type: ignore[operator]
    return False


def _makes_another(program: Program, function: Function, value: ast.expr, classes) -> bool:
    """Whether a value is an object of a class of the program that is no configuration."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
        return False
    return value.func.id not in classes and program.class_of(function, value.func.id) is not None


def environment_key(
    program: Program, function: Function, node: ast.AST, depth: int = 0
) -> tuple[str, ast.expr | None] | None:
    """(name, default) where an expression reads an environment variable: os.environ.get, os.getenv, os.environ[...]."""
    if isinstance(node, ast.Subscript):
        if (isinstance(node.value, ast.Attribute) and node.value.attr == "environ") or (
            isinstance(node.value, ast.Name) and node.value.id in _aliases(program)
        ):
            key = fold(program, function, node.slice, depth + 1)
            return (key, None) if isinstance(key, str) else None
        return None
    if not isinstance(node, ast.Call) or not node.args:
        return None
    callee = node.func
    is_read = False
    if isinstance(callee, ast.Attribute):
        base = callee.value
        is_environ = (isinstance(base, ast.Attribute) and base.attr == "environ") or (
            isinstance(base, ast.Name) and (base.id == "environ" or base.id in _aliases(program))
        )
        is_read = (callee.attr in ("get", "setdefault", "pop") and is_environ) or callee.attr == "getenv"
    elif isinstance(callee, ast.Name):
        is_read = callee.id == "getenv" or callee.id in _aliases(program)
    if not is_read:
        return None
    key = fold(program, function, node.args[0], depth + 1)
    if not isinstance(key, str):
        return None
    default = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "default"), None)
    return key, default


def _aliases(program: Program) -> frozenset[str]:
    """Names for os.environ or os.environ.get, of a module or a function: `E = os.environ.get`."""
    found = program.cache.get("environ aliases")
    if found is None:
        names = set()
        for function in program.functions:
            for name, definitions in function.definitions.items():
                value = definitions[0].value
                if isinstance(value, ast.Attribute) and value.attr == "get" and isinstance(value.value, ast.Attribute):
                    value = value.value
                if isinstance(value, ast.Attribute) and value.attr in ("environ", "getenv"):
                    names.add(name)
        found = program.cache["environ aliases"] = frozenset(names)
    return found  # type: ignore[return-value]


def _call(program: Program, function: Function, node: ast.Call, depth: int):
    read = environment_key(program, function, node, depth)
    if read is not None:
        name, default = read
        if name in program.environment:
            return program.environment[name]
        return fold(program, function, default, depth) if default is not None else None
    callee = node.func
    if isinstance(callee, ast.Name):
        if callee.id == "getattr" and len(node.args) >= 2 and is_configuration(program, function, node.args[0]):
            name = fold(program, function, node.args[1], depth)
            setting = program.settings.get(name.lower()) if isinstance(name, str) else None
            if setting is not None:
                return UNKNOWN if setting.value is None else setting.value
            return fold(program, function, node.args[2], depth) if len(node.args) > 2 else UNKNOWN
        if callee.id in CONVERSIONS and not node.keywords and node.args and program.find(function, callee.id) is None:
            values = [fold(program, function, argument, depth) for argument in node.args]
            if any(value is UNKNOWN for value in values):
                return UNKNOWN
            convert: Callable = CONVERSIONS[callee.id]  # type: ignore[assignment]
            return convert(*values)
        helper = program.find(function, callee.id)
        if helper is not None:
            return _helper(program, function, node, helper, depth)
    elif isinstance(callee, ast.Attribute) and callee.attr in TEXT_METHODS and not node.keywords:
        base = fold(program, function, callee.value, depth)
        values = [fold(program, function, argument, depth) for argument in node.args]
        if isinstance(base, str) and len(base) < TEXT_MAX and not any(value is UNKNOWN for value in values):
            return getattr(base, callee.attr)(*values)
    return UNKNOWN


def _helper(program: Program, function: Function, node: ast.Call, helper: Function, depth: int):
    """A small function that reads the environment, called with constants: env_int("TTT_EPOCHS", 5)."""
    returns = helper.nodes(ast.Return)
    if len(returns) > 4 or not returns or not _reads_environment(program, helper):
        return UNKNOWN
    bound = _bound(program, function, node, helper, depth)
    before = helper.constants
    helper.constants = {**before, **bound}
    try:
        for statement in helper.nodes(ast.If):
            truth = known(program, helper, statement.test)
            inside = [r for r in returns if r in ast.walk(statement)]
            if truth is None and inside:
                return UNKNOWN
            if truth and inside and inside[0] in statement.body:
                return fold(program, helper, inside[0].value, depth)
            returns = [r for r in returns if r not in inside] if not truth else returns
        return fold(program, helper, returns[-1].value, depth) if returns else UNKNOWN
    finally:
        helper.constants = before


def _reads_environment(program: Program, helper: Function) -> bool:
    key = ("reads environment", id(helper))
    if key not in program.cache:
        program.cache[key] = any(a.attr in ("environ", "getenv") for a in helper.nodes(ast.Attribute)) or any(
            n.id in _aliases(program) for n in helper.nodes(ast.Name)
        )
    return bool(program.cache[key])


def _bound(program: Program, function: Function, node: ast.Call, helper: Function, depth: int) -> dict[str, object]:
    """Parameter values of a call that fold, defaults included."""
    bound: dict[str, object] = {}
    for name, argument in arguments_of(node, helper).items():
        value = fold(program, function, argument, depth)
        if value is not UNKNOWN:
            bound[name] = value
    return bound


def arguments_of(node: ast.Call, helper: Function) -> dict[str, ast.expr]:
    """Parameter name -> expression for a call of a function: positional, keyword, then defaults."""
    names = (
        helper.parameters[1:] if helper.owner and helper.parameters[:1] in (["self"], ["cls"]) else helper.parameters
    )
    given: dict[str, ast.expr] = {}
    for name, argument in zip(names, node.args, strict=False):
        if isinstance(argument, ast.Starred):
            break
        given[name] = argument
    given.update({k.arg: k.value for k in node.keywords if k.arg in helper.parameters})
    for name, default in defaults_of(helper).items():
        given.setdefault(name, default)
    return given


def defaults_of(helper: Function) -> dict[str, ast.expr]:
    arguments = getattr(helper.node, "args", None)
    if arguments is None:
        return {}
    positional = [*arguments.posonlyargs, *arguments.args]
    found = {a.arg: d for a, d in zip(reversed(positional), reversed(arguments.defaults), strict=False)}
    found.update({a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=False) if d is not None})
    return found


def _compare(program, function, node, depth):
    left = fold(program, function, node.left, depth)
    for compare, right_node in zip(node.ops, node.comparators, strict=True):
        right = fold(program, function, right_node, depth)
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if not COMPARED[type(compare)](left, right):
            return False
        left = right
    return True


def _boolean(program, function, node, depth):
    is_and = isinstance(node.op, ast.And)
    is_open, value = False, UNKNOWN
    for part in node.values:
        value = fold(program, function, part, depth)
        if value is UNKNOWN:
            is_open = True
        elif bool(value) is not is_and:
            return value  # decides, whatever the others are
    return UNKNOWN if is_open else value


def _unary(program, function, node, depth):
    value = fold(program, function, node.operand, depth)
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(node.op, ast.Not):
        return not value
    return -value if isinstance(node.op, ast.USub) else +value if isinstance(node.op, ast.UAdd) else UNKNOWN


def _binary(program, function, node, depth):
    apply = BINARY.get(type(node.op))
    left, right = fold(program, function, node.left, depth), fold(program, function, node.right, depth)
    if apply is None or left is UNKNOWN or right is UNKNOWN or (isinstance(left, str) and apply is operator.mod):
        return UNKNOWN
    if any(
        isinstance(value, (str, list, tuple)) and (len(value) > TEXT_MAX or isinstance(node.op, ast.Mult))
        for value in (left, right)
    ):
        return UNKNOWN
    return apply(left, right)


def _choice(program, function, node, depth):
    truth = fold(program, function, node.test, depth)
    if truth is UNKNOWN:
        return UNKNOWN
    return fold(program, function, node.body if truth else node.orelse, depth)


def _sequence(program, function, node, depth):
    values = [fold(program, function, element, depth) for element in node.elts]
    return UNKNOWN if any(value is UNKNOWN for value in values) else tuple(values)


def _subscript(program, function, node, depth):
    read = environment_key(program, function, node, depth)
    if read is None:
        return UNKNOWN
    return program.environment.get(read[0], UNKNOWN)


def _joined(program, function, node, depth):
    parts = []
    for part in node.values:
        value = part.value if isinstance(part, ast.Constant) else fold(program, function, part.value, depth)
        if value is UNKNOWN or (isinstance(part, ast.FormattedValue) and part.format_spec is not None):
            return UNKNOWN
        parts.append(str(value))
    return "".join(parts)


HANDLERS = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.IfExp: _choice,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Subscript: _subscript,
    ast.JoinedStr: _joined,
}
