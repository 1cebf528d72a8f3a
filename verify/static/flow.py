"""Where a value comes from, by definitions and uses: validation tokens, training shards, random numbers, generated text.

Backwards from an expression: through the definitions of a name that reach its use, through parameters to the arguments
of the call (with the calling context where it is known, else of every live call), through returns of the program's own
functions, through attributes of its own classes, through containers and stores into them (`x[i] = v`, `x.append(v)`).
Sizes and shapes carry nothing. Weights carry nothing: what a model has learned is not followed, only what it is fed.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from verify.static.fold import arguments_of, is_configuration, known
from verify.static.names import Label, label_of_name, label_of_text
from verify.static.program import Definition, Function, Module, Program, local_values
from verify.static.reaching import reaching

DEPTH_MAX = 80
QUESTIONS_MAX = 60_000  # expressions looked at for one program
RANDOM = frozenset(
    ["randint", "rand", "randn", "randperm", "random", "normal", "uniform", "default_rng", "integers"]
) | frozenset(["rand_like", "randn_like", "randint_like"])
GENERATING = frozenset({"multinomial", "choices"})
EMPTY = frozenset(
    [
        "zeros",
        "ones",
        "empty",
        "full",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "arange",
        "new_zeros",
        "new_empty",
        "new_ones",
        "eye",
        "linspace",
        "range",
        "len",
        "numel",
        "size",
        "dim",
        "Event",
        "perf_counter",
        "time",
        "device",
        "dtype",
        "is_available",
        "synchronize",
        "isinstance",
        "type",
        "id",
        "int.from_bytes",
        "new_full",
        "new_tensor_like",
        "Generator",
    ]
)
SHAPES = frozenset({"shape", "device", "dtype", "ndim", "grad", "name", "__name__", "itemsize", "nbytes"})


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """A call on the way: what its parameters were bound to, and where."""

    function: Function
    bound: dict[str, tuple[ast.expr, Function, "Context | None"]]
    depth: int = 0
    outer: "Context | None" = None  # of the function around, for a function defined inside one


@dataclass(slots=True, repr=False)
class Origins:
    """Labels, each with one place that shows it."""

    labels: dict[Label, tuple[Function, ast.AST]] = field(default_factory=dict)

    def __contains__(self, label: str) -> bool:
        return label in self.labels

    def add(self, other: "Origins") -> None:
        for label, place in other.labels.items():
            self.labels.setdefault(label, place)


NOTHING = Origins()


class Flow:
    """Answers for one program. Keeps what it has worked out."""

    def __init__(self, program: Program):
        self.program = program
        self.memory: dict[
            tuple[ast.AST, Context | None], Origins
        ] = {}  # holds what it is keyed by: no identity is used twice
        self.partial: dict[
            tuple[ast.AST, Context | None], Origins
        ] = {}  # cut short by a loop: good for the running question
        self.active: dict[tuple[ast.AST, Context | None], int] = {}
        self.lowest = 1 << 30
        self.contexts: dict[tuple[ast.AST, Function, Context | None], Context] = {}
        self.classes: dict[str, Origins] = {}
        self.questions = 0

    def origins(
        self, node: ast.expr | None, function: Function, context: Context | None = None, depth: int = 0
    ) -> Origins:
        """The data an expression's value depends on."""
        if node is None or depth > DEPTH_MAX or self.questions > QUESTIONS_MAX or getattr(node, "is_dead", False):
            return NOTHING
        handler = HANDLERS.get(type(node))
        if handler is None:
            return NOTHING
        key = (node, context)
        found = self.memory.get(key) or self.partial.get(key)
        if found is not None:
            return found
        at = self.active.get(key)
        if at is not None:  # a value that depends on itself (a loop): what it adds is found by the one who asked first
            self.lowest = min(self.lowest, at)
            return NOTHING
        position = self.active[key] = len(self.active)
        before, self.lowest = self.lowest, position
        self.questions += 1
        try:
            found = handler(self, node, function, context, depth + 1)
        finally:
            del self.active[key]
        (self.memory if self.lowest >= position else self.partial)[key] = found
        self.lowest = min(before, self.lowest) if self.lowest < position else before
        if not self.active:
            self.partial.clear()
        return found

    def union(self, nodes, function: Function, context: Context | None, depth: int) -> Origins:
        found = Origins()
        for node in nodes:
            found.add(self.origins(node, function, context, depth))
        return found

    def bind(self, call: ast.Call, callee: Function, function: Function, context: Context | None) -> Context:
        """The context of a call; the same object for the same call, so that answers are found again."""
        key = (call, callee, context)
        if key in self.contexts:
            return self.contexts[key]
        level = context.depth + 1 if context else 1
        bound = {}
        call = completed(call, function)
        for name, value in arguments_of(call, callee).items():
            is_default = value not in call.args and all(k.value is not value for k in call.keywords)
            bound[name] = (value, callee, None) if is_default else (value, function, context)
        made = self.contexts[key] = Context(callee, bound, level, scope_context(callee, context))
        return made

    # names

    def name(self, node: ast.Name, function: Function, context: Context | None, depth: int) -> Origins:
        scope: Function | None = function
        inner = context
        while scope is not None:
            is_here = scope is function
            definitions = reaching(scope, node.id, node if is_here else None, self.program)
            if definitions is not None:
                found, is_parameter = definitions
                total = Origins()
                for definition in found:
                    total.add(self.definition(definition, scope, inner, depth))
                if is_parameter and node.id in scope.parameters:
                    total.add(self.parameter(node, scope, inner, depth))
                return total
            if inner is not None and inner.function is scope:
                inner = inner.outer
            scope = scope.parent
        label = label_of_name(node.id)
        return Origins({label: (function, node)}) if label else NOTHING

    def definition(self, definition: Definition, function: Function, context: Context | None, depth: int) -> Origins:
        value = definition.value
        if value is None:
            return NOTHING
        if definition.kind == "unpack" and isinstance(value, ast.Call) and definition.index is not None:
            return self.call(value, function, context, depth, element=definition.index)
        if definition.kind == "loop" and isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            if value.func.id == "enumerate" and definition.index == 0:
                return NOTHING
            if value.func.id == "zip" and definition.index is not None and definition.index < len(value.args):
                return self.origins(value.args[definition.index], function, context, depth)
        return self.origins(value, function, context, depth)

    def parameter(self, node: ast.Name, function: Function, context: Context | None, depth: int) -> Origins:
        name = node.id
        if context is not None and context.function is function:
            if name in context.bound:
                expression, caller, outer = context.bound[name]
                return self.origins(expression, caller, outer, depth)
            return NOTHING
        total = Origins()
        for caller, call in self.program.callers(function)[:12]:
            given = arguments_of(call, function)
            if name in given:
                owner = (
                    caller
                    if given[name] in call.args or any(k.value is given[name] for k in call.keywords)
                    else function
                )
                total.add(self.origins(given[name], owner, None, depth))
        if not total.labels:
            label = label_of_name(name)
            if label:
                total.labels[label] = (function, function.node)
        return total

    # attributes

    def attribute(self, node: ast.Attribute, function: Function, context: Context | None, depth: int) -> Origins:
        if node.attr in SHAPES:
            return NOTHING
        base = node.value
        if isinstance(base, ast.Name) and base.id == "self" and function.owner and function.module:
            found = self.field(function.module, function.owner, node.attr, depth)
            if found.labels:
                return found
        label = label_of_name(node.attr)
        if label:
            return Origins({label: (function, node)})
        if is_configuration(self.program, function, base):
            return NOTHING
        known_class = self.program.made_from(function, base)
        if known_class is not None:
            module, name = known_class
            if node.attr in module.attributes.get(name, {}):
                return self.field(module, name, node.attr, depth)
        return self.origins(base, function, context, depth)

    def field(self, module: Module, owner: str, name: str, depth: int) -> Origins:
        total = Origins()
        for method, definition in module.attributes.get(owner, {}).get(name, ()):
            if not getattr(definition.statement, "is_dead", False):
                total.add(self.definition(definition, method, None, depth))
        return total

    def instance(self, module: Module, name: str, depth: int) -> Origins:
        """All that an object of a class is made from. Modules (networks) carry nothing."""
        if name in self.classes:
            return self.classes[name]
        self.classes[name] = NOTHING
        node = module.classes[name]
        if any(isinstance(b, ast.Attribute) and b.attr in ("Module", "Optimizer", "Function") for b in node.bases):
            return NOTHING
        total = Origins()
        for attribute in module.attributes.get(name, {}):
            total.add(self.field(module, name, attribute, depth))
        self.classes[name] = total
        return total

    # calls

    def call(
        self, node: ast.Call, function: Function, context: Context | None, depth: int, element: int | None = None
    ) -> Origins:
        callee = node.func
        short = callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""
        if short in EMPTY:
            return NOTHING
        if short in RANDOM:
            return Origins({"random": (function, node)})
        if short in GENERATING:
            return Origins({"generated": (function, node)})
        arguments = [*node.args, *(k.value for k in node.keywords)]
        if isinstance(callee, ast.Name):
            made = self.program.class_of(function, callee.id)
            if made is not None:
                total = self.union(arguments, function, context, depth)
                total.add(self.instance(*made, depth))
                return total
            target = self.program.find(function, callee.id)
            if target is not None and (context is None or context.depth < 6):
                return self.returned(target, self.bind(node, target, function, context), depth, element)
        elif isinstance(callee, ast.Attribute):
            base = callee.value
            if isinstance(base, ast.Name) and base.id == "self" and function.owner and function.module:
                method = function.module.methods.get(function.owner, {}).get(callee.attr)
                if method is not None and (context is None or context.depth < 6):
                    return self.returned(method, self.bind(node, method, function, context), depth, element)
            found = (
                self.program.resolve(function, node)
                if isinstance(base, ast.Name) and function.module and base.id in function.module.imports
                else []
            )
            if found and (context is None or context.depth < 6):
                return self.returned(found[0], self.bind(node, found[0], function, context), depth, element)
            total = self.union(arguments, function, context, depth)
            if not is_configuration(self.program, function, base):
                total.add(self.origins(base, function, context, depth))
            return total
        return self.union(arguments, function, context, depth)

    def returned(self, target: Function, context: Context, depth: int, element: int | None) -> Origins:
        total = Origins()
        for statement in (*target.nodes(ast.Return), *target.nodes(ast.Yield)):
            value = statement.value
            if getattr(statement, "is_dead", False) or value is None:
                continue
            if element is not None and isinstance(value, ast.Tuple) and element < len(value.elts):
                value = value.elts[element]
            total.add(self.origins(value, target, context, depth))
        return total

    # the rest

    def subscript(self, node: ast.Subscript, function: Function, context: Context | None, depth: int) -> Origins:
        if (
            isinstance(node.value, ast.Call)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, int)
            and node.slice.value >= 0
        ):
            return self.call(node.value, function, context, depth, element=node.slice.value)
        return self.origins(node.value, function, context, depth)

    def choice(self, node: ast.IfExp, function: Function, context: Context | None, depth: int) -> Origins:
        truth = known(self.program, function, node.test)
        parts = [node.body, node.orelse] if truth is None else [node.body if truth else node.orelse]
        return self.union(parts, function, context, depth)

    def children(self, node: ast.AST, function: Function, context: Context | None, depth: int) -> Origins:
        return self.union([c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)], function, context, depth)

    def comprehension(self, node, function: Function, context: Context | None, depth: int) -> Origins:
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return self.union(parts, function, context, depth)

    def text(self, node: ast.Constant, function: Function, context: Context | None, depth: int) -> Origins:
        label = label_of_text(node.value) if isinstance(node.value, str) else None
        return Origins({label: (function, node)}) if label else NOTHING

    def value(self, node, function: Function, context: Context | None, depth: int) -> Origins:
        return self.origins(node.value, function, context, depth)

    def body(self, node: ast.Lambda, function: Function, context: Context | None, depth: int) -> Origins:
        return self.origins(node.body, function, context, depth)


HANDLERS: dict[type, Callable] = {
    ast.Name: Flow.name,
    ast.Attribute: Flow.attribute,
    ast.Call: Flow.call,
    ast.Subscript: Flow.subscript,
    ast.IfExp: Flow.choice,
    ast.Constant: Flow.text,
    ast.BinOp: Flow.children,
    ast.BoolOp: Flow.children,
    ast.UnaryOp: Flow.children,
    ast.Tuple: Flow.children,
    ast.List: Flow.children,
    ast.Set: Flow.children,
    ast.Dict: Flow.children,
    ast.JoinedStr: Flow.children,
    ast.FormattedValue: Flow.value,
    ast.Starred: Flow.value,
    ast.Await: Flow.value,
    ast.NamedExpr: Flow.value,
    ast.ListComp: Flow.comprehension,
    ast.SetComp: Flow.comprehension,
    ast.DictComp: Flow.comprehension,
    ast.GeneratorExp: Flow.comprehension,
    ast.Lambda: Flow.body,
}


def completed(call: ast.Call, function: Function) -> ast.Call:
    """A call of a functools.partial with the arguments that the partial holds."""
    if not isinstance(call.func, ast.Name):
        return call
    for value in local_values(function, call.func.id):
        if isinstance(value, ast.Call) and value.args:
            name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
            if name == "partial":
                return ast.Call(call.func, [*value.args[1:], *call.args], [*value.keywords, *call.keywords])
    return call


def scope_context(callee: Function, context: Context | None) -> Context | None:
    """The context of the function that a nested function stands in, if the call comes from inside it."""
    while context is not None and context.function is not callee.parent:
        context = context.outer
    return context
