"""What the rules about the score look for in a function: its names, what each is bound to, and what is derived from what.

Reading is insensitive to order and follows names inside one function only; that is enough for leads, which a probe decides.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from verify.static.program import Function

ADDING = {"append", "extend", "add", "push"}
DEPTH_MAX = 8  # names followed backwards
NODES_MAX = 10_000  # of one kind in one function; no script of a person has as many
BEHIND_MAX = 4_000  # nodes behind one expression


@dataclass(slots=True)
class Binding:
    """A name gets a value. how: assign, aug, for, item (`x[i] = v`, `x.append(v)`), param."""

    name: str
    value: ast.AST | None
    node: ast.AST
    how: str


def dotted(node: ast.AST) -> str:
    """`torch.where` of an expression that is a name or a chain of attributes; the chain's last parts where it starts elsewhere."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def last(node: ast.AST) -> str:
    """The last part of a called name: `where` of `torch.where(...)`, of `x.where(...)`, and of `where(...)`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def root(node: ast.AST) -> str:
    """The name an expression hangs on: `x` of `x[i].to(device)`; dotted for attributes of self or of settings."""
    while True:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Starred):
            node = node.value
        elif isinstance(node, ast.UnaryOp):
            node = node.operand
        else:
            break
    return dotted(node)


def number(node: ast.AST | None) -> float | None:
    """The value of a literal number, signed."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    return None


def keyword(call: ast.Call, *names: str) -> ast.AST | None:
    for item in call.keywords:
        if item.arg in names:
            return item.value
    return None


@dataclass(slots=True)
class Scope:
    """One function, seen through the index of the program: live nodes by type, parents, bindings by name."""

    function: Function
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    by_value: dict[ast.AST, list[str]] = field(default_factory=dict)
    feeds: dict[str, set[str]] = field(default_factory=dict)
    is_indexed: bool = False

    @property
    def node(self) -> ast.AST:
        return self.function.node

    def of(self, *kinds: type) -> list:
        """The function's own nodes of these types that the claimed runs may come to."""
        return [
            node
            for kind in kinds
            for node in self.function.kinds.get(kind, [])[:NODES_MAX]
            if not getattr(node, "is_dead", False)
        ]

    def calls(self, *names: str) -> list[ast.Call]:
        """Calls whose last part is one of the names."""
        return [call for call in self.of(ast.Call) if last(call) in names]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Parents, from the nearest outwards, up to the function."""
        while (node := getattr(node, "parent", None)) is not None and node is not self.function.node:  # type: ignore[assignment]
            yield node

    def within(self, node: ast.AST, *kinds: type) -> ast.AST | None:
        """The nearest parent of a kind."""
        return next((parent for parent in self.above(node) if isinstance(parent, kinds)), None)

    def behind(self, expression: ast.AST, depth: int = DEPTH_MAX) -> Iterator[ast.AST]:
        """The nodes an expression is made of, names replaced by everything they are bound to, so far as this function says."""
        seen: set[str] = set()
        left = BEHIND_MAX
        layer = [expression]
        for _ in range(depth):
            following: list[ast.AST] = []
            for part in layer:
                for node in ast.walk(part):
                    left -= 1
                    if left < 0:
                        return
                    yield node
                    if isinstance(node, ast.Name | ast.Attribute):
                        name = dotted(node)
                        if name not in seen:
                            seen.add(name)
                            following += [
                                b.value for b in self.bindings.get(name, ()) if b.value is not None and b.how != "param"
                            ]
            if not following:
                return
            layer = following

    def rests_on(self, expression: ast.AST, test: Callable[[ast.AST], bool], depth: int = DEPTH_MAX) -> ast.AST | None:
        """The first node behind an expression that passes the test."""
        return next((node for node in self.behind(expression, depth) if test(node)), None)

    def derived(self, seeds: set[ast.AST], names: set[str] | None = None, steps: int = 1000) -> set[str]:
        """The names whose value holds one of the nodes, directly or through other names. `names`: where to start.

        steps   how many names may stand between
        """
        found = set(names or ())
        self._index()
        for seed in seeds:
            node: ast.AST | None = seed
            while node is not None and node is not self.function.node:
                found.update(self.by_value.get(node, ()))
                node = getattr(node, "parent", None)
        layer = set(found)
        while layer and steps > 0:
            steps -= 1
            layer = {fed for name in layer for fed in self.feeds.get(name, ())} - found
            found |= layer
        return found

    def _index(self) -> None:
        """Which names each value is bound to, and which names each name feeds; made when first asked for."""
        if self.is_indexed:
            return
        self.is_indexed = True
        for group in self.bindings.values():
            for binding in group:
                if binding.value is None or binding.how == "param":
                    continue
                self.by_value.setdefault(binding.value, []).append(binding.name)
                for node in ast.walk(binding.value):
                    if isinstance(node, ast.Name | ast.Attribute):
                        self.feeds.setdefault(dotted(node), set()).add(binding.name)

    def uses(self, expression: ast.AST, names: set[str], seeds: set[ast.AST] = frozenset()) -> bool:  # type: ignore[assignment]
        """Whether an expression holds one of the names or nodes."""
        return any(
            node in seeds or (isinstance(node, ast.Name | ast.Attribute) and dotted(node) in names)
            for node in ast.walk(expression)
        )

    def augmented(self, name: str) -> bool:
        return any(binding.how == "aug" for binding in self.bindings.get(name, ()))


def _bind(scope: Scope, target: ast.AST, value: ast.AST | None, node: ast.AST, how: str) -> None:
    if isinstance(target, ast.Tuple | ast.List):
        values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
        for position, item in enumerate(target.elts):
            _bind(scope, item, values[position] if values else value, node, how)
        return
    if isinstance(target, ast.Subscript):
        how = "aug" if how == "aug" else "item"
    name = root(target)
    if name:
        scope.bindings.setdefault(name, []).append(Binding(name, value, node, how))


def scope_of(function: Function) -> Scope:
    """The bindings of one function or module body, from the program's index."""
    scope = Scope(function)
    for name in function.parameters:
        scope.bindings.setdefault(name, []).append(Binding(name, None, function.node, "param"))
    for assign in scope.of(ast.Assign):
        for target in assign.targets:
            _bind(scope, target, assign.value, assign, "assign")
    for node in scope.of(ast.AnnAssign, ast.NamedExpr):
        if node.value is not None:
            _bind(scope, node.target, node.value, node, "assign")
    for node in scope.of(ast.AugAssign):
        _bind(scope, node.target, node.value, node, "aug")
    for node in scope.of(ast.For, ast.AsyncFor):
        _bind(scope, node.target, node.iter, node, "for")
    for node in scope.of(ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp):
        for generator in node.generators:
            _bind(scope, generator.target, generator.iter, node, "for")
    for node in scope.of(ast.With):
        for item in node.items:
            if item.optional_vars is not None:
                _bind(scope, item.optional_vars, item.context_expr, node, "assign")
    for call in scope.of(ast.Call):
        if call.args and isinstance(call.func, ast.Attribute) and call.func.attr in ADDING:
            _bind(scope, call.func.value, call.args[0], call, "item")
    return scope
