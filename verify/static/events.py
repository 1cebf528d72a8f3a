"""What a program does in the order it does it: scores that are committed, updates that learn, loops around them.

The module body is followed through the calls of reached functions (inlined, each with its own context), branches that are
dead left out. What comes out is a flat list of events, each with the loops around it:

    commit    a loss is added to the sums that the score is made from, or stored token by token
    update    an optimiser steps, or a tensor that requires a gradient is changed by one
    table     counts of tokens are stored (n-gram caches)
    lookup    such a table is read at tokens
    collect   statistics of activations are collected for quantisation (Hessians, scales)
"""

import ast
import re
from dataclasses import dataclass, field
from typing import Literal

from verify.static.flow import Context, Flow, Origins, scope_context
from verify.static.fold import arguments_of, fold, known
from verify.static.program import Function, Program

EVENTS_MAX = 3_000
DEPTH_MAX = 14
Kind = Literal["commit", "update", "table", "lookup", "collect"]

LOSS = re.compile(r"loss|nll|bits|bpb|logp|log_p|score|xent|\bce\b|_ce|ce_|lp_|ptl")
BYTES = re.compile(r"byte|bpb|log2|ln2|bits")
SCORER = re.compile(r"eval|score|val|bpb|ttt|slot|ngram|ppm")
REPEATS = re.compile(r"epoch|pass|iters|rounds|repeat|n_rep|steps|_reps")
REPEAT_TARGETS = frozenset({"_", "ep", "epoch", "epoch_idx", "pass_idx", "it", "step", "s_i", "gi", "inner", "_step", "_ep", "_epoch", "_it", "pass_num", "pass_id", "_pass", "p_idx", "ttt_epoch"})  # fmt: skip
OPTIMISERS = re.compile(r"opt|adam|sgd|muon|lbfgs|lion|rmsprop", re.I)
NOT_OPTIMISERS = re.compile(r"sched|prof|timer|bar\b|scaler", re.I)
HESSIANS = re.compile(r"hess|calib|gptq_collect|act_stat|amax_stat|collect_act|activation_stat|awq|smooth", re.I)
TABLES = re.compile(r"table|count|cache|hash|ngram|bigram|trigram|ctx|ppm|order|freq|hist", re.I)


@dataclass(slots=True, eq=False, repr=False)
class Loop:
    """A loop that is being run: `is_repeat` where the same data comes again in every round (epochs, steps)."""

    function: Function
    node: ast.AST
    is_repeat: bool
    count: int | None = None


@dataclass(slots=True, eq=False, repr=False)
class Event:
    kind: Kind
    function: Function
    node: ast.AST
    context: Context | None
    origins: Origins
    loops: tuple[Loop, ...]
    order: int
    calls: tuple[tuple[Function, ast.Call], ...] = ()  # how the module body came here, outside in
    guards: tuple[tuple[ast.If, bool], ...] = ()  # undecided conditions around, outside in, and the arm that is taken
    optimiser: ast.expr | None = None
    losses: tuple[tuple[ast.expr, Function, Context | None], ...] = ()
    name: str = ""  # of the accumulator, table


@dataclass(slots=True)
class _State:
    events: list[Event] = field(default_factory=list)
    gradients: list[tuple[ast.expr, Function, Context | None, ast.AST, tuple[Loop, ...]]] = field(default_factory=list)


class Trace:
    """Collects the events of one program."""

    def __init__(self, program: Program, flow: Flow):
        self.program, self.flow = program, flow
        self.state = _State()
        self.tables = _table_names(program)
        self.interesting = _interesting(program, self.tables)
        self.running: list[int] = []

    def run(self) -> list[Event]:
        for module in reversed(self.program.modules):  # helpers are imported before the main script goes on
            self.function(module.body, None, (), ())
        return self.state.events

    def function(self, function: Function, context: Context | None, loops, calls, guards=()) -> None:
        if id(function) in self.running or len(self.running) > DEPTH_MAX or len(self.state.events) > EVENTS_MAX:
            return
        self.running.append(id(function))
        before = len(self.state.gradients)
        self.block(getattr(function.node, "body", []), function, context, loops, calls, guards)
        if self.state.gradients[before:]:
            self.flush(before, calls)
        self.running.pop()

    def flush(self, start: int, calls) -> None:
        """Gradients that no optimiser took: the function changes its tensors by hand."""
        left = self.state.gradients[start:]
        del self.state.gradients[start:]
        loss, function, context, node, loops = left[-1]
        if _changes_by_hand(function):
            self.add("update", function, node, context, self.origins_of(left), loops, calls, (), losses=left)
        elif start:
            self.state.gradients.extend(left)  # the caller steps

    def origins_of(self, gradients) -> Origins:
        total = Origins()
        for loss, function, context, _, _ in gradients:
            total.add(self.flow.origins(loss, function, context))
        return total

    def add(self, kind: Kind, function, node, context, origins, loops, calls, guards, optimiser=None, losses=(), name="") -> None:
        events = self.state.events
        events.append(
            Event(kind, function, node, context, origins, loops, len(events), calls, guards, optimiser, tuple(g[:3] for g in losses), name)
        )

    # statements

    def block(self, statements, function, context, loops, calls, guards) -> None:
        for statement in statements:
            if not getattr(statement, "is_dead", False):
                self.statement(statement, function, context, loops, calls, guards)
                if isinstance(statement, ast.If) and statement.body and isinstance(statement.body[-1], (ast.Return, ast.Raise)):
                    guards = (*guards, (statement, False))  # what follows runs only without that branch

    def statement(self, node, function, context, loops, calls, guards) -> None:
        kind = type(node)
        if kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom):
            return
        if kind in (ast.For, ast.AsyncFor):
            self.expression(node.iter, function, context, loops, calls, guards)
            loop = self.loop(node, function)
            self.block(node.body, function, context, (*loops, loop), calls, guards)
            self.block(node.orelse, function, context, loops, calls, guards)
        elif kind is ast.While:
            self.expression(node.test, function, context, loops, calls, guards)
            self.block(node.body, function, context, (*loops, Loop(function, node, False)), calls, guards)
        elif kind is ast.If:
            self.expression(node.test, function, context, loops, calls, guards)
            truth = self.decided(node.test, context)
            if truth is not False:
                self.block(node.body, function, context, loops, calls, guards if truth else (*guards, (node, True)))
            if not truth:
                self.block(node.orelse, function, context, loops, calls, guards if truth is False else (*guards, (node, False)))
        elif kind in (ast.With, ast.AsyncWith):
            for item in node.items:
                self.expression(item.context_expr, function, context, loops, calls, guards)
            self.block(node.body, function, context, loops, calls, guards)
        elif kind is ast.Try:
            for block in (node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody):
                self.block(block, function, context, loops, calls, guards)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, function, context, loops, calls, guards)
            self.store(node, function, context, loops, calls, guards)

    def decided(self, test: ast.expr, context: Context | None) -> bool | None:
        """The truth of a flag that the call sets: `if update_cache:` with update_cache=False."""
        is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        name = test.operand if is_not else test  # type: ignore[attr-defined]
        if context is None or not isinstance(name, ast.Name) or name.id not in context.bound or name.id in context.function.definitions:
            return None
        expression, caller, _ = context.bound[name.id]
        truth = known(self.program, caller, expression)
        return truth if truth is None else truth is not is_not

    def loop(self, node: ast.For, function: Function) -> Loop:
        count = None
        if isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range" and len(node.iter.args) <= 2:
            start = fold(self.program, function, node.iter.args[0]) if len(node.iter.args) == 2 else 0
            stop = fold(self.program, function, node.iter.args[-1])
            if isinstance(start, int) and isinstance(stop, int):
                count = stop - start
        return Loop(function, node, _is_repeat(node) and count != 1, count)

    # expressions, in the order they are evaluated

    def expression(self, node: ast.expr, function, context, loops, calls, guards) -> None:
        if getattr(node, "is_dead", False):
            return
        if not isinstance(node, ast.Call):
            if isinstance(node, (ast.Name, ast.Constant, ast.Lambda)):
                return
            if isinstance(node, ast.Subscript) and self.tables:
                self.lookup(node, function, context, loops, calls, guards)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, function, context, loops, calls, guards)
                elif isinstance(child, ast.comprehension):
                    self.expression(child.iter, function, context, loops, calls, guards)
            return
        written = node.args[0] if isinstance(node.func, ast.Attribute) and node.func.attr == "at" and node.args else None
        for child in (node.func, *node.args, *(k.value for k in node.keywords)):
            if not isinstance(child, ast.Name) and child is not written:
                self.expression(child, function, context, loops, calls, guards)
        if len(self.state.events) > EVENTS_MAX:
            return
        if self.special(node, function, context, loops, calls, guards):
            return
        for target in self.program.resolve(function, node)[:3]:
            if id(target) in self.interesting:
                inner = self.flow.bind(node, target, function, context)
                self.function(target, inner, loops, (*calls, (function, node)), guards)
        for position, argument in enumerate(node.args):  # timed_eval("label", eval_val, h, ...): a function is handed over
            if isinstance(argument, ast.Name):
                target = self.program.find(function, argument.id)
                if target is not None and id(target) in self.interesting and not _is_wrapper(node):
                    pairs = zip(target.parameters, node.args[position + 1 :], strict=False)
                    bound = {name: (value, function, context) for name, value in pairs}
                    level = context.depth + 1 if context else 1
                    inner = Context(target, bound, level, scope_context(target, context)) if bound else None
                    self.function(target, inner, loops, (*calls, (function, node)), guards)
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Name) and keyword.arg in ("target", "fn", "func"):
                target = self.program.find(function, keyword.value.id)
                if target is not None and id(target) in self.interesting:
                    self.function(target, None, loops, (*calls, (function, node)), guards)

    def special(self, node: ast.Call, function, context, loops, calls, guards) -> bool:
        """Gradients, steps, commits into tensors, tables. True where the call is done with."""
        callee = node.func
        if not isinstance(callee, ast.Attribute):
            return False
        name = callee.attr
        if name == "backward":
            if callee.value is not None:
                is_module = isinstance(callee.value, ast.Attribute) and callee.value.attr == "autograd"
                loss = node.args[0] if is_module and node.args else callee.value
                self.state.gradients.append((loss, function, context, node, loops))
            return True
        if name == "grad" and isinstance(callee.value, ast.Attribute) and callee.value.attr == "autograd" and node.args:
            self.state.gradients.append((node.args[0], function, context, node, loops))
            return True
        if name == "step" and _is_optimiser(callee.value, function):
            self.step(node, callee.value, function, context, loops, calls, guards)
            return True
        if name == "add_" and node.args and LOSS.search(_name_of(callee.value).lower()):
            self.commit(node, callee.value, node.args[0], function, context, loops, calls, guards)
        elif name in ("at", "index_add_", "scatter_add_", "index_put_"):
            base = node.args[0] if name == "at" and node.args else callee.value
            values = node.args[1:] if name == "at" else node.args
            if TABLES.search(_name_of(base).lower()) and not LOSS.search(_name_of(base).lower()):
                origins = self.flow.union(values, function, context, 0)
                if "val" in origins or "train" in origins:
                    self.add("table", function, node, context, origins, loops, calls, guards, name=_bound_name(base, context))
        elif name == "register_forward_hook" or name == "register_forward_pre_hook":
            if HESSIANS.search(function.name) or _hooks_collect(function):
                origins = self.fed(function, context)
                self.add("collect", function, node, context, origins, loops, calls, guards, name=function.short)
        return False

    def fed(self, function: Function, context: Context | None) -> Origins:
        """The data that a function puts through a model: arguments of calls that are not its own functions or libraries."""
        total = Origins()
        for call in function.nodes(ast.Call):
            if not self.program.live(call):
                continue
            callee = call.func
            is_model = isinstance(callee, ast.Name) and ("model" in callee.id.lower() or callee.id in function.parameters) or (
                isinstance(callee, ast.Attribute) and "forward" in callee.attr and "hook" not in callee.attr
            )
            if is_model:
                total.add(self.flow.union([*call.args, *(k.value for k in call.keywords)], function, context, 0))
        return total

    def step(self, node, receiver, function, context, loops, calls, guards) -> None:
        gradients = list(self.state.gradients)
        self.state.gradients.clear()
        if not gradients:
            for target in _closures(self.program, node, function):
                for call in target.nodes(ast.Call):
                    if isinstance(call.func, ast.Attribute) and call.func.attr == "backward":
                        gradients.append((call.func.value, target, scoped(target, context), call, loops))
        if not gradients:
            for call in function.nodes(ast.Call):
                if isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and self.program.live(call):
                    gradients.append((call.func.value, function, context, call, loops))
        self.add("update", function, node, context, self.origins_of(gradients), loops, calls, guards, receiver, gradients)

    def store(self, node, function, context, loops, calls, guards) -> None:
        """Assignments that commit a loss, fill a table."""
        if isinstance(node, ast.AugAssign):
            name = _name_of(node.target).lower()
            if LOSS.search(name) or any(LOSS.search(word) for word in _words(node.value)) and not BYTES.search(name):
                self.commit(node, node.target, node.value, function, context, loops, calls, guards)
            elif isinstance(node.target, ast.Subscript) and TABLES.search(name):
                origins = self.flow.union([node.target.slice, node.value], function, context, 0)
                if "val" in origins or "train" in origins:
                    self.add("table", function, node, context, origins, loops, calls, guards, name=_bound_name(node.target, context))
            elif isinstance(node.target, ast.Name) and _bound_name(node.target, context) in self.tables:
                origins = self.flow.union([node.value], function, context, 0)
                if "val" in origins or "train" in origins:
                    self.add("table", function, node, context, origins, loops, calls, guards, name=_bound_name(node.target, context))
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            name = _name_of(target).lower()
            if isinstance(target, ast.Subscript) and LOSS.search(name) and not isinstance(node.value, ast.Constant):
                self.commit(node, target, node.value, function, context, loops, calls, guards)
            elif isinstance(target, ast.Name) and LOSS.search(name) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Add):
                if isinstance(node.value.left, ast.Name) and node.value.left.id == target.id:
                    self.commit(node, target, node.value.right, function, context, loops, calls, guards)

    def lookup(self, node: ast.Subscript, function, context, loops, calls, guards) -> None:
        """A read of a table of counts at places that tokens choose."""
        if isinstance(node.ctx, ast.Load) and not isinstance(getattr(node, "parent", None), ast.Subscript):
            name = _bound_name(node, context)
            if name in self.tables:
                slices, base = [], node
                while isinstance(base, ast.Subscript):
                    slices.append(base.slice)
                    base = base.value  # type: ignore[assignment]
                origins = self.flow.union(slices, function, context, 0)
                if "val" in origins:
                    self.add("lookup", function, node, context, origins, loops, calls, guards, name=name)

    def commit(self, node, target, value, function, context, loops, calls, guards) -> None:
        if not _scores(function, target, self.program):
            return
        origins = self.flow.origins(value, function, context)
        if "val" in origins:
            self.add("commit", function, node, context, origins, loops, calls, guards, name=_name_of(target))


def scoped(target: Function, context: Context | None) -> Context | None:
    """A context for a function that stands inside the one being run."""
    return Context(target, {}, context.depth + 1, context) if context is not None else None


def _name_of(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _bound_name(node: ast.expr, context: Context | None) -> str:
    """The name of a container, ".name" for an attribute; for a parameter, the name that the caller has for it."""
    name = _dotted(node)
    while context is not None and name in context.bound:
        expression, _, context = context.bound[name]
        name = _dotted(expression) or name
    return name


def _dotted(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return f".{node.attr}" if isinstance(node, ast.Attribute) else _name_of(node)


def _table_names(program: Program) -> frozenset[str]:
    """Names of containers that counts are added to, and what callers call them."""
    found: set[str] = set()
    for function in program.functions:
        if function.reached is False:
            continue
        bases = [call.args[0] for call in function.nodes(ast.Call) if isinstance(call.func, ast.Attribute) and call.func.attr == "at" and call.args]
        bases += [call.func.value for call in function.nodes(ast.Call) if isinstance(call.func, ast.Attribute) and call.func.attr in ("index_add_", "scatter_add_", "index_put_")]  # fmt: skip
        bases += [node.target for node in function.nodes(ast.AugAssign) if isinstance(node.target, ast.Subscript)]
        bases += [node.target for node in function.nodes(ast.AugAssign) if isinstance(node.target, ast.Name) and (node.target.id in function.parameters or any(w == "bincount" for w in _words(node.value)))]  # fmt: skip
        for base in bases:
            name = _name_of(base)
            if name in function.parameters:
                for _, call in program.callers(function)[:8]:
                    given = arguments_of(call, function).get(name)
                    if given is not None:
                        found.add(_dotted(given))
            elif TABLES.search(name.lower()) and not LOSS.search(name.lower()):
                found.add(_dotted(base))
    return frozenset(name for name in found if TABLES.search(name.lower()) and not BYTES.search(name.lower()))


def _is_repeat(node: ast.For) -> bool:
    """Whether a loop's rounds see the same data again: its variable is an epoch or is not used to choose data."""
    target = node.target.id if isinstance(node.target, ast.Name) else ""
    if not (isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id in ("range", "trange", "tqdm")):
        return False
    if len(node.iter.args) > 2:
        return False
    if target in REPEAT_TARGETS:
        return True
    words = " ".join(_words(node.iter))
    return bool(REPEATS.search(words)) and not re.search(r"batch|chunk|window|seqs|docs|tokens|shards", words)


def _words(node: ast.AST):
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id.lower()
        elif isinstance(child, ast.Attribute):
            yield child.attr.lower()


def _is_optimiser(receiver: ast.expr, function: Function) -> bool:
    name = _name_of(receiver)
    if NOT_OPTIMISERS.search(name):
        return "scaler" in name.lower()
    if OPTIMISERS.search(name):
        return True
    scope: Function | None = function
    while scope is not None:
        for definition in scope.definitions.get(name, ()):
            value = definition.value
            if isinstance(value, ast.Call) and OPTIMISERS.search(_name_of(value.func)):
                return True
            if definition.kind == "loop" and value is not None and any(OPTIMISERS.search(word) for word in _words(value)):
                return True
        scope = scope.parent
    return False


def _closures(program: Program, call: ast.Call, function: Function) -> list[Function]:
    found = [program.find(function, argument.id) for argument in call.args if isinstance(argument, ast.Name)]
    return [target for target in found if target is not None]


def _changes_by_hand(function: Function) -> bool:
    """Whether a function changes tensors in place with what it got from a gradient."""
    for call in function.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("add_", "sub_", "addcdiv_", "copy_", "lerp_"):
            if any(isinstance(n, ast.Attribute) and n.attr == "grad" or isinstance(n, ast.Name) and "grad" in n.id or isinstance(n, ast.Name) and n.id in ("g", "update") for a in call.args for n in ast.walk(a)):  # fmt: skip
                return True
    for node in function.nodes(ast.AugAssign, ast.Assign):
        if any(isinstance(n, ast.Name) and n.id.startswith(("grad", "g_", "dg")) or isinstance(n, ast.Attribute) and n.attr == "grad" for n in ast.walk(node.value)):  # fmt: skip
            return True
    return False


def _scores(function: Function, target: ast.expr, program: Program) -> bool:
    """Whether a sum of losses is one that a score is made from, not a training log's."""
    key = ("scorer", id(function))
    if key not in program.cache:
        words = {n.id.lower() for n in function.nodes(ast.Name)} | {a.attr.lower() for a in function.nodes(ast.Attribute)} | {p.lower() for p in function.parameters}  # fmt: skip
        program.cache[key] = any(BYTES.search(word) for word in words)
    if function.short in ("main", "<module>"):
        return _counts_bytes_nearby(target, program)
    if program.cache[key]:
        return True
    name = _name_of(target)
    returned = any(isinstance(n, ast.Name) and n.id == name for r in function.nodes(ast.Return) if r.value is not None for n in ast.walk(r.value))  # fmt: skip
    outer = name not in function.definitions or name in function.parameters
    return bool(SCORER.search(function.short.lower())) and (returned or outer)


def _counts_bytes_nearby(target: ast.expr, program: Program) -> bool:
    """In a body that does everything, a sum of losses is the score's where its loop counts bytes or keeps token losses."""
    loops = [node for node in program.ancestors(target) if isinstance(node, (ast.For, ast.While))]
    if not loops:
        return False
    if isinstance(target, ast.Subscript):
        return True
    return any(BYTES.search(word) for word in _words(loops[min(1, len(loops) - 1)]) if word != "code_bytes")


def _hooks_collect(function: Function) -> bool:
    """Whether hooks set in a function sum products of activations: H += x.T @ x."""
    for inner in function.nested.values():
        for deep in (inner, *inner.nested.values()):
            for node in deep.nodes(ast.AugAssign, ast.Assign):
                if any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult) for n in ast.walk(node.value)):
                    return True
            if any(isinstance(c.func, ast.Attribute) and c.func.attr in ("addmm_", "baddbmm_") for c in deep.nodes(ast.Call)):
                return True
    return False


def _is_wrapper(call: ast.Call) -> bool:
    return _name_of(call.func) in ("compile", "partial", "isinstance", "signature", "getsource", "Lock", "print", "getattr", "hasattr", "id", "allow_in_graph", "disable")  # fmt: skip


def _interesting(program: Program, tables: frozenset[str]) -> set[int]:
    """Functions that hold an event, and those that come to one through calls or by handing functions over."""
    direct: set[int] = set()
    users: dict[int, set[int]] = {}
    for function in program.functions:
        if function.reached is False:
            continue
        is_direct = False
        for call in function.nodes(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("backward", "step", "add_", "at", "index_add_", "scatter_add_", "register_forward_hook", "register_forward_pre_hook", "grad"):  # fmt: skip
                is_direct = True
                break
        if not is_direct:
            is_direct = any(LOSS.search(_name_of(n.target).lower()) or TABLES.search(_name_of(n.target).lower()) for n in function.nodes(ast.AugAssign))
        if not is_direct:
            is_direct = any(isinstance(n.targets[0], ast.Subscript) and LOSS.search(_name_of(n.targets[0]).lower()) for n in function.nodes(ast.Assign))
        if not is_direct and tables:
            is_direct = any(_dotted(n) in tables for n in function.nodes(ast.Subscript)) or bool(tables & set(function.parameters))
        if is_direct:
            direct.add(id(function))
        for name in function.nodes(ast.Name):
            target = program.find(function, name.id)
            if target is not None:
                users.setdefault(id(target), set()).add(id(function))
        for call in function.nodes(ast.Call):
            if isinstance(call.func, ast.Attribute):
                for target in program.resolve(function, call):
                    users.setdefault(id(target), set()).add(id(function))
            elif isinstance(call.func, ast.Name):
                for target in program.resolve(function, call):
                    users.setdefault(id(target), set()).add(id(function))
    found, fresh = set(direct), list(direct)
    while fresh:
        for user in users.get(fresh.pop(), ()):
            if user not in found:
                found.add(user)
                fresh.append(user)
    return found


def trace(program: Program) -> list[Event]:
    """The events of a program; worked out once."""
    found = program.cache.get("events")
    if found is None:
        flow = program.cache["flow"] = Flow(program)
        found = program.cache["events"] = Trace(program, flow).run()
    return found  # type: ignore[return-value]
