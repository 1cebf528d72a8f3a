"""A submission's program, read and never run: its functions, which of them are reached, its settings, where values flow.

How to ask:

    program.live(node)                 is the node outside every branch that the claimed runs cannot take
    function.nodes(ast.Call, ...)      the function's own nodes of a type, in source order (nested functions left out)
    node.parent                        the syntax tree upwards (`program.ancestors(node)`)
    program.resolve(function, call)    the functions of the program that a call may run
    program.callers(function)          (function, call) of live calls by name
    fold.fold(program, function, expr) the value of an expression under the effective settings (fold.UNKNOWN)
    flow.Flow(program).origins(...)    where a value comes from: val, train, random, generated
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.logs.model import Claim
from verify.submission.model import Script, Submission


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch of the script with the value of the claimed runs, and where that value comes from."""

    name: str  # as the program names it, lower case
    value: str | int | float | bool | None
    source: Literal["log", "command", "default"]
    place: Place
    environment: str = ""  # the environment variable or option it is read from


@dataclass(slots=True, eq=False, repr=False)
class Definition:
    """One binding of a local name. `value`: what is assigned; None where it cannot be named (del, except, import)."""

    statement: ast.AST
    value: ast.expr | None
    kind: Literal["assign", "unpack", "loop", "augment", "with", "store", "import", "other"] = "assign"
    index: int | None = None  # which element, for a target in a tuple


@dataclass(slots=True, eq=False, repr=False)
class Function:
    """A function, method or module body. `reached`: True, False, or None where it cannot be told."""

    name: str  # qualified: "Muon.step", "main", "<module>"
    script: Script
    node: ast.AST
    reached: bool | None
    short: str = ""  # the name without its qualifier
    parent: "Function | None" = None  # the function or module body it stands in
    owner: str | None = None  # its class, for methods
    module: "Module | None" = None
    parameters: list[str] = field(default_factory=list)
    nested: dict[str, "Function"] = field(default_factory=dict)
    kinds: dict[type, list] = field(default_factory=lambda: defaultdict(list))
    definitions: dict[str, list[Definition]] = field(default_factory=lambda: defaultdict(list))
    stores: dict[str, list[Definition]] = field(
        default_factory=lambda: defaultdict(list)
    )  # x[...] = v, x.copy_(v), x.append(v)
    constants: dict[str, object] = field(default_factory=dict)  # parameters that are the same at every live call
    is_nonlocal: set[str] = field(default_factory=set)

    def nodes(self, *kinds: type) -> list:
        """The function's own nodes of these types, in source order for a single type."""
        if len(kinds) == 1:
            return self.kinds.get(kinds[0], [])
        return [node for kind in kinds for node in self.kinds.get(kind, [])]

    @property
    def line(self) -> int:
        return getattr(self.node, "lineno", 1)


@dataclass(slots=True, eq=False, repr=False)
class Module:
    """One parsed source file."""

    script: Script
    tree: ast.Module
    body: Function
    functions: list[Function]
    lines: list[str]
    is_helper: bool = False
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    methods: dict[str, dict[str, Function]] = field(default_factory=dict)  # class -> name -> method
    imports: dict[str, str] = field(default_factory=dict)  # local name -> dotted origin
    attributes: dict[str, dict[str, list[tuple[Function, Definition]]]] = field(default_factory=dict)  # class -> self.X

    @property
    def stem(self) -> str:
        return self.script.path.rpartition("/")[2].removesuffix(".py")


@dataclass(slots=True, eq=False, repr=False)
class Program:
    scripts: list[Script]
    functions: list[Function]
    settings: dict[str, Setting]
    unparsed: list[Script]
    modules: list[Module] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)  # of the run command
    logged: dict[str, str] = field(default_factory=dict)  # settings printed by the claimed runs, names lower case
    by_short: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    is_dynamic: bool = False  # looks functions up by name at run time: what is not reached may be
    cache: dict[object, object] = field(default_factory=dict)
    call_sites: dict[int, list[tuple[Function, ast.Call]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def main(self) -> Function | None:
        """The module body of the main script."""
        return self.modules[0].body if self.modules else None

    @property
    def reached(self) -> list[Function]:
        """The functions that are not known to be dead."""
        return [function for function in self.functions if function.reached is not False]

    def live(self, node: ast.AST) -> bool:
        """Whether the claimed runs may come to this node of a reached function."""
        return not getattr(node, "is_dead", False)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes above, inside out, up to the function it stands in."""
        while (node := getattr(node, "parent", None)) is not None:  # type: ignore[assignment]
            yield node
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
                return

    def place(self, function: Function, node: ast.AST, note: str = "") -> Place:
        """File, line and text of a node."""
        line = getattr(node, "lineno", None) or function.line
        lines = function.module.lines if function.module else []
        quote = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        if len(quote) > QUOTE_CHARACTERS_MAX:  # a minified line: the part that matters
            text = segment(node)
            start = max(0, quote.find(text[:40])) if text else 0
            quote = quote[start : start + QUOTE_CHARACTERS_MAX]
        script = function.script
        return Place(
            file=script.path, line=line, quote=quote[:QUOTE_CHARACTERS_MAX], note=note, unpacked=script.is_packed
        )

    def find(self, function: Function, name: str) -> Function | None:
        """The function that a bare name means at a place: nested, of the module, or imported from a helper."""
        scope: Function | None = function
        while scope is not None:
            if name in scope.nested:
                return scope.nested[name]
            scope = scope.parent
        module = function.module
        if module is not None and name in module.imports:
            return self.imported(module.imports[name])
        return None

    def imported(self, dotted: str) -> Function | None:
        stem, _, short = dotted.rpartition(".")
        for module in self.modules:
            if module.stem == stem.rpartition(".")[2] and short in module.body.nested:
                return module.body.nested[short]
        return None

    def methods(self, name: str) -> list[Function]:
        """Methods of that name in any class of the program."""
        return [function for function in self.by_short.get(name, ()) if function.owner]

    def class_of(self, function: Function, name: str) -> tuple[Module, str] | None:
        """The class of the program that a bare name means."""
        module = function.module
        if module is None:
            return None
        if name in module.classes:
            return module, name
        if name in module.imports:
            stem, _, short = module.imports[name].rpartition(".")
            for other in self.modules:
                if other.stem == stem.rpartition(".")[2] and short in other.classes:
                    return other, short
        return None

    def resolve(self, function: Function, call: ast.Call) -> list[Function]:
        """The functions of the program that a call may run. A class gives its __init__; a method any class that has it."""
        return self.resolve_expression(function, call.func)

    def resolve_expression(self, function: Function, callee: ast.expr, depth: int = 0) -> list[Function]:
        if isinstance(callee, ast.Name):
            found = self.find(function, callee.id)
            if found is not None:
                return [found]
            known = self.class_of(function, callee.id)
            if known is not None:
                start = known[0].methods.get(known[1], {}).get("__init__")
                return [start] if start else []
            if depth < 4:
                values = local_values(function, callee.id)
                return [f for value in values[:4] for f in self.resolve_expression(function, value, depth + 1)]
            return []
        if isinstance(callee, ast.Attribute):
            if isinstance(callee.value, ast.Name):
                module = function.module
                if callee.value.id == "self" and function.owner and module is not None:
                    own = module.methods.get(function.owner, {}).get(callee.attr)
                    if own is not None:
                        return [own]
                if module is not None and callee.value.id in module.imports:
                    found = self.imported(f"{module.imports[callee.value.id]}.{callee.attr}")
                    return [found] if found else []
            made = self.made_from(function, callee.value)
            if made is not None:
                method = made[0].methods[made[1]].get(callee.attr)
                if method is not None:
                    return [method]
            return self.methods(callee.attr) if callee.attr not in COMMON_METHODS else []
        if isinstance(callee, ast.Call) and depth < 4:  # functools.partial(f, ...), torch.compile(f)
            name = callee.func.attr if isinstance(callee.func, ast.Attribute) else getattr(callee.func, "id", "")
            if name in ("partial", "compile", "no_grad", "inference_mode", "checkpoint") and callee.args:
                return self.resolve_expression(function, callee.args[0], depth + 1)
        return []

    def made_from(self, function: Function, base: ast.expr, depth: int = 0) -> tuple[Module, str] | None:
        """The class of the program that an object was made from, where definitions or callers say so."""
        while isinstance(base, ast.Call) and isinstance(base.func, ast.Attribute):
            base = base.func.value  # Class(...).to(device)
        if isinstance(base, ast.Call) and isinstance(base.func, ast.Name):
            return self.class_of(function, base.func.id)
        if not isinstance(base, ast.Name) or depth > 3:
            return None
        scope: Function | None = function
        while scope is not None and base.id not in scope.definitions and base.id not in scope.parameters:
            scope = scope.parent
        if scope is None:
            return None
        for definition in scope.definitions.get(base.id, ())[:4]:
            value = definition.value
            if value is not None and definition.kind == "assign" and value is not base:
                found = self.made_from(scope, value, depth + 1)
                if found is not None:
                    return found
        if base.id in scope.parameters:
            at = scope.parameters.index(base.id)
            for caller, call in self.callers(scope)[:3]:
                given = [k.value for k in call.keywords if k.arg == base.id] or call.args[at : at + 1]
                found = self.made_from(caller, given[0], depth + 1) if given else None
                if found is not None:
                    return found
        return None

    def callers(self, function: Function) -> list[tuple[Function, ast.Call]]:
        """Live calls of a function, by name."""
        return self.call_sites.get(id(function), [])


# methods of tensors, optimisers and containers: a class of the script that has one is not meant by every call of it
COMMON_METHODS = frozenset(
    [
        "step",
        "backward",
        "zero_grad",
        "append",
        "extend",
        "items",
        "keys",
        "values",
        "get",
        "pop",
        "copy",
        "clone",
        "to",
        "cpu",
        "cuda",
        "float",
        "detach",
        "view",
        "reshape",
        "sum",
        "mean",
        "max",
        "min",
        "item",
        "numpy",
        "size",
        "read",
        "write",
        "close",
        "open",
        "join",
        "split",
        "strip",
        "format",
        "encode",
        "decode",
        "load",
        "save",
        "state_dict",
        "load_state_dict",
        "parameters",
        "named_parameters",
        "eval",
        "train",
        "forward",
        "add",
        "add_",
        "copy_",
        "index",
        "put",
        "sort",
        "search",
        "group",
        "numel",
        "element_size",
        "contiguous",
        "unsqueeze",
        "squeeze",
        "transpose",
        "start",
        "run",
        "result",
        "wait",
    ]
)


def segment(node: ast.AST) -> str:
    """A node as text, without the layout of the file; empty where it cannot be written."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, AttributeError):
        return ""


def local_values(function: Function, name: str) -> list[ast.expr]:
    """What is assigned to a name in a function, or in the functions around it."""
    scope: Function | None = function
    while scope is not None:
        if name in scope.definitions:
            return [d.value for d in scope.definitions[name] if d.value is not None and d.kind == "assign"]
        if name in scope.parameters:
            return []
        scope = scope.parent
    return []


def analyse(submission: Submission, claim: Claim) -> Program | None:
    """The program of a submission: its main script and helpers. None where there is no script that can be read.

    A script that no Python up to 3.12 can parse stands in `unparsed`; if that is the main one there is no program
    but an empty one (no functions), so that a rule can say "unproven" and name it.
    """
    if submission.main is None:
        return None
    from verify.static.build import build

    return build(submission, submission.main, claim)
