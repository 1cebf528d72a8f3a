"""One walk over a module's tree: parents, functions, and for each function its nodes by type and its definitions of names."""

import ast
from collections.abc import Callable

from verify.static.parse import parse
from verify.static.program import Definition, Function, Module
from verify.submission.model import Script

AST, CONSTANT = ast.AST, ast.Constant
UNWALKED = frozenset(
    {
        "ctx",
        "op",
        "ops",
        "type_comment",
        "id",
        "attr",
        "arg",
        "name",
        "conversion",
        "simple",
        "is_async",
        "level",
        "module",
        "type_params",
    }
)
KEPT = frozenset(
    {
        ast.Call,
        ast.Name,
        ast.Attribute,
        ast.Subscript,
        ast.BinOp,
        ast.Compare,
        ast.BoolOp,
        ast.IfExp,
        ast.Assign,
        ast.AugAssign,
        ast.AnnAssign,
        ast.For,
        ast.AsyncFor,
        ast.While,
        ast.If,
        ast.Return,
        ast.Yield,
        ast.With,
        ast.Try,
        ast.Import,
        ast.ImportFrom,
        ast.Lambda,
        ast.ListComp,
        ast.GeneratorExp,
        ast.Delete,
        ast.Global,
        ast.Nonlocal,
        ast.Raise,
        ast.Assert,
        ast.JoinedStr,
        ast.UnaryOp,
        ast.NamedExpr,
        ast.Break,
        ast.Continue,
        ast.DictComp,
        ast.SetComp,
    }
)
# methods that put their argument into the object they are called on
STORING = frozenset(
    {
        "append",
        "extend",
        "copy_",
        "add_",
        "update",
        "insert",
        "put",
        "fill_",
        "index_add_",
        "scatter_add_",
        "set_",
        "appendleft",
        "sub_",
    }
)


def index(script: Script) -> Module | None:
    """The module of a script, or None where it cannot be parsed."""
    tree = parse(script.source)
    if tree is None:
        return None
    body = Function("<module>", script, tree, True, "<module>")
    module = Module(script, tree, body, [body], script.source.splitlines())
    body.module = module
    _walk(tree, body, module)
    return module


def _walk(tree: ast.Module, body: Function, module: Module) -> None:
    """Depth first, in source order, without recursion: hostile trees are deep."""
    order = 0
    stack: list[tuple[ast.AST, ast.AST | None, Function, str | None]] = [(tree, None, body, None)]
    pop, extend = stack.pop, stack.extend
    fields: dict[type, tuple[str, ...]] = {}
    while stack:
        node, parent, function, owner = pop()
        node.parent = parent  # type: ignore[attr-defined]
        node.order = order = order + 1  # type: ignore[attr-defined]
        kind = type(node)
        if kind in KEPT:
            function.kinds[kind].append(node)
            handler = HANDLERS.get(kind)
            if handler is not None:
                handler(node, function, module)
        elif kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
            new = _function(node, function, module, owner)
            node.function = new  # type: ignore[attr-defined]
            arguments = node.args  # type: ignore[attr-defined]
            arguments.parent = node
            outside = [*node.decorator_list, *arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]  # type: ignore[attr-defined]
            extend((child, node, new, None) for child in reversed(node.body))  # type: ignore[attr-defined]
            extend((child, node, function, None) for child in reversed(outside))
            continue
        elif kind is ast.ClassDef:
            name = node.name  # type: ignore[attr-defined]
            module.classes.setdefault(name, node)  # type: ignore[arg-type]
            module.methods.setdefault(name, {})
            extend((child, node, function, name) for child in reversed(node.body))  # type: ignore[attr-defined]
            extend((child, node, function, None) for child in reversed(node.bases + node.decorator_list))  # type: ignore[attr-defined]
            continue
        names = fields.get(kind)
        if names is None:
            names = fields[kind] = tuple(reversed([f for f in kind._fields if f not in UNWALKED]))
        values = node.__dict__
        for name in names:
            value = values.get(name)
            of = value.__class__
            if of is list:
                for child in reversed(value):  # type: ignore[arg-type]
                    if child.__class__ is CONSTANT:
                        child.parent = node  # type: ignore[attr-defined]
                    elif isinstance(child, AST):
                        stack.append((child, node, function, None))
            elif of is CONSTANT:
                value.parent = node  # type: ignore[union-attr]
            elif isinstance(value, AST):
                stack.append((value, node, function, None))


def _function(node, parent: Function, module: Module, owner: str | None) -> Function:
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    names += [a.arg for a in arguments.kwonlyargs]
    if arguments.vararg:
        names.append(arguments.vararg.arg)
    if arguments.kwarg:
        names.append(arguments.kwarg.arg)
    prefix = f"{owner}." if owner else ("" if parent.name == "<module>" else f"{parent.name}.")
    new = Function(prefix + node.name, parent.script, node, False, node.name, parent, owner, module, names)
    module.functions.append(new)
    if owner:
        module.methods.setdefault(owner, {})[node.name] = new
    else:
        parent.nested[node.name] = new
    return new


def _bind(
    target: ast.expr,
    statement: ast.AST,
    value: ast.expr | None,
    kind,
    function: Function,
    module: Module,
    at: int | None = None,
) -> None:
    if isinstance(target, ast.Name):
        where = function
        if target.id in function.is_nonlocal:
            where = _home(function, target.id)
        where.definitions[target.id].append(Definition(statement, value, kind, at))
    elif isinstance(target, (ast.Tuple, ast.List)):
        matching = (
            value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else None
        )
        for position, element in enumerate(target.elts):
            if matching is not None and kind == "assign":
                _bind(element, statement, matching[position], "assign", function, module)
            else:
                _bind(element, statement, value, "unpack" if kind == "assign" else kind, function, module, position)
    elif isinstance(target, ast.Starred):
        _bind(target.value, statement, value, kind, function, module, at)
    elif isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == "self" and function.owner:
            attributes = module.attributes.setdefault(function.owner, {})
            attributes.setdefault(target.attr, []).append((function, Definition(statement, value, kind, at)))
        else:
            _store(target.value, statement, value, function, module)
    elif isinstance(target, ast.Subscript):
        _store(target.value, statement, value, function, module)


def _home(function: Function, name: str) -> Function:
    """The function around that a `nonlocal` or `global` name belongs to."""
    scope = function.parent
    while (
        scope is not None
        and scope.parent is not None
        and name not in scope.definitions
        and name not in scope.parameters
    ):
        scope = scope.parent
    return scope or function


def _store(base: ast.expr, statement: ast.AST, value: ast.expr | None, function: Function, module: Module) -> None:
    while isinstance(base, (ast.Subscript, ast.Attribute)) and not (
        isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id == "self"
    ):
        base = base.value
    if isinstance(base, ast.Name):
        function.stores[base.id].append(Definition(statement, value, "store"))
    elif isinstance(base, ast.Attribute) and function.owner:
        attributes = module.attributes.setdefault(function.owner, {})
        attributes.setdefault(base.attr, []).append((function, Definition(statement, value, "store")))


def _assign(node: ast.Assign, function: Function, module: Module) -> None:
    for target in node.targets:
        _bind(target, node, node.value, "assign", function, module)


def _annotated(node: ast.AnnAssign, function: Function, module: Module) -> None:
    if node.value is not None:
        _bind(node.target, node, node.value, "assign", function, module)


def _named(node: ast.NamedExpr, function: Function, module: Module) -> None:
    _bind(node.target, node, node.value, "assign", function, module)


def _augmented(node: ast.AugAssign, function: Function, module: Module) -> None:
    _bind(node.target, node, node.value, "augment", function, module)


def _loop(node: ast.For, function: Function, module: Module) -> None:
    _bind(node.target, node, node.iter, "loop", function, module)


def _comprehension(node, function: Function, module: Module) -> None:
    for generator in node.generators:
        _bind(generator.target, node, generator.iter, "loop", function, module)


def _with(node: ast.With, function: Function, module: Module) -> None:
    for item in node.items:
        if item.optional_vars is not None:
            _bind(item.optional_vars, node, item.context_expr, "with", function, module)


def _try(node: ast.Try, function: Function, module: Module) -> None:
    for handler in node.handlers:
        if handler.name:
            function.definitions[handler.name].append(Definition(handler, None, "other"))


def _import(node, function: Function, module: Module) -> None:
    origin = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        name = alias.asname or (alias.name if origin else alias.name.partition(".")[0])
        module.imports[name] = origin + alias.name
        function.definitions[name].append(Definition(node, None, "import"))


def _outer(node, function: Function, module: Module) -> None:
    function.is_nonlocal.update(node.names)


def _call(node: ast.Call, function: Function, module: Module) -> None:
    callee = node.func
    if isinstance(callee, ast.Attribute) and callee.attr in STORING:
        for argument in node.args:
            _store(callee.value, node, argument, function, module)


HANDLERS: dict[type, Callable] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.NamedExpr: _named,
    ast.AugAssign: _augmented,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.With: _with,
    ast.Try: _try,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Global: _outer,
    ast.Nonlocal: _outer,
    ast.Call: _call,
}
