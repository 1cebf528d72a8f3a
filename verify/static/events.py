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
from dataclasses import dataclass, field

from verify.static.event import Event, Kind, Loop
from verify.static.flow import QUESTIONS_MAX, Context, Flow, Origins, scope_context
from verify.static.fold import fold, known
from verify.static.pause import without_collection
from verify.static.program import Function, Program
from verify.static.recognise import (
    HESSIANS,
    LOSS,
    TABLES,
    bound_name,
    changes_by_hand,
    closures,
    hooks_collect,
    interesting,
    is_optimiser,
    is_repeat,
    is_schedule,
    is_sum_of_losses,
    is_wrapper,
    name_of,
    scores,
    table_names,
)

EVENTS_MAX = 3_000
HOOKS = frozenset({"register_forward_hook", "register_forward_pre_hook"})
DEPTH_MAX = 14


@dataclass(slots=True)
class _State:
    events: list[Event] = field(default_factory=list)
    gradients: list[tuple[ast.expr, Function, Context | None, ast.AST, tuple[Loop, ...]]] = field(default_factory=list)


class Trace:
    """Collects the events of one program."""

    def __init__(self, program: Program, flow: Flow):
        self.program, self.flow = program, flow
        self.state = _State()
        self.tables = table_names(program)
        self.interesting = interesting(program, self.tables)
        self.running: list[int] = []
        self.is_cut = False  # too large to be followed to its end
        self.too_deep = False  # an expression was left out

    def run(self) -> list[Event]:
        for module in reversed(self.program.modules):  # helpers are imported before the main script goes on
            self.function(module.body, None, (), ())
        return self.state.events

    def function(self, function: Function, context: Context | None, loops, calls, guards=()) -> None:
        self.is_cut = self.is_cut or len(self.running) > DEPTH_MAX or len(self.state.events) > EVENTS_MAX
        if id(function) in self.running or self.is_cut:
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
        _, function, context, node, loops = left[-1]
        if changes_by_hand(function):
            self.add("update", function, node, context, self.origins_of(left), loops, calls, (), losses=left)
        elif start:
            self.state.gradients.extend(left)  # the caller steps

    def origins_of(self, gradients) -> Origins:
        total = Origins()
        for loss, function, context, _, _ in gradients:
            total.add(self.flow.origins(loss, function, context))
        return total

    def add(
        self, kind: Kind, function, node, context, origins, loops, calls, guards, optimiser=None, losses=(), name=""
    ) -> None:
        events = self.state.events
        events.append(
            Event(
                kind,
                function,
                node,
                context,
                origins,
                loops,
                len(events),
                calls,
                guards,
                optimiser,
                tuple(g[:3] for g in losses),
                name,
            )
        )

    # statements

    def block(self, statements, function, context, loops, calls, guards) -> None:
        for statement in statements:
            if getattr(statement, "is_dead", False):
                continue
            depth = len(self.running)
            try:
                self.statement(statement, function, context, loops, calls, guards)
            except RecursionError:  # nested deeper than anybody writes; what stands after it is still read
                self.too_deep = True
                del self.running[depth:]
            if isinstance(statement, ast.If) and isinstance(statement.body[-1], (ast.Return, ast.Raise)):
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
                self.block(
                    node.orelse, function, context, loops, calls, guards if truth is False else (*guards, (node, False))
                )
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
        if (
            context is None
            or not isinstance(name, ast.Name)
            or name.id not in context.bound
            or name.id in context.function.definitions
        ):
            return None
        expression, caller, _ = context.bound[name.id]
        truth = known(self.program, caller, expression)
        return truth if truth is None else truth is not is_not

    def loop(self, node: ast.For, function: Function) -> Loop:
        count, counted = None, node.iter
        if isinstance(counted, ast.Call) and name_of(counted.func) == "range" and len(counted.args) in (1, 2):
            start = fold(self.program, function, counted.args[0]) if len(counted.args) == 2 else 0
            stop = fold(self.program, function, counted.args[-1])
            count = stop - start if isinstance(start, int) and isinstance(stop, int) else None
        return Loop(function, node, is_repeat(node) and count != 1, count)

    # expressions, in the order they are evaluated

    def expression(self, node: ast.expr, function, context, loops, calls, guards) -> None:
        if getattr(node, "is_dead", False):
            return
        if not isinstance(node, ast.Call):
            if isinstance(node, (ast.Name, ast.Constant)):
                return
            if isinstance(node, ast.Lambda):  # handed over, so taken as called here
                self.expression(node.body, function, context, loops, calls, guards)
                return
            if isinstance(node, ast.Subscript) and self.tables:
                self.lookup(node, function, context, loops, calls, guards)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, function, context, loops, calls, guards)
                elif isinstance(child, ast.comprehension):
                    self.expression(child.iter, function, context, loops, calls, guards)
            return
        written = (
            node.args[0] if isinstance(node.func, ast.Attribute) and node.func.attr == "at" and node.args else None
        )
        for child in (node.func, *node.args, *(k.value for k in node.keywords)):
            if not isinstance(child, ast.Name) and child is not written:
                self.expression(child, function, context, loops, calls, guards)
        if len(self.state.events) > EVENTS_MAX or self.special(node, function, context, loops, calls, guards):
            return
        for target in self.program.resolve(function, node)[:3]:
            if id(target) in self.interesting:
                inner = self.flow.bind(node, target, function, context)
                self.function(target, inner, loops, (*calls, (function, node)), guards)
        for position, argument in enumerate(node.args):  # timed_eval("label", eval_val, h, ...): it is handed over
            handed = self.program.find(function, argument.id) if isinstance(argument, ast.Name) else None
            if handed is not None and id(handed) in self.interesting and not is_wrapper(node):
                pairs = zip(handed.parameters, node.args[position + 1 :], strict=False)
                bound = {name: (value, function, context) for name, value in pairs}
                level = context.depth + 1 if context else 1
                made = Context(handed, bound, level, scope_context(handed, context)) if bound else None
                self.function(handed, made, loops, (*calls, (function, node)), guards)
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Name) and keyword.arg in ("target", "fn", "func"):
                handed = self.program.find(function, keyword.value.id)
                if handed is not None and id(handed) in self.interesting:
                    self.function(handed, None, loops, (*calls, (function, node)), guards)

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
        if name == "step" and (
            is_optimiser(callee.value, function) or (self.state.gradients and not is_schedule(callee.value))
        ):
            self.step(node, callee.value, function, context, loops, calls, guards)
            return True
        if name == "add_" and node.args and LOSS.search(name_of(callee.value).lower()):
            self.commit(node, callee.value, node.args[0], function, context, loops, calls, guards)
        elif name in ("at", "index_add_", "scatter_add_", "index_put_"):
            base = node.args[0] if name == "at" and node.args else callee.value
            values = node.args[1:] if name == "at" else node.args
            if TABLES.search(name_of(base).lower()) and not LOSS.search(name_of(base).lower()):
                origins = self.flow.union(values, function, context, 0)
                if "val" in origins or "train" in origins:
                    self.add(
                        "table", function, node, context, origins, loops, calls, guards, name=bound_name(base, context)
                    )
        elif name in HOOKS and (HESSIANS.search(function.name) or hooks_collect(function)):
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
            is_model = (
                isinstance(callee, ast.Name) and ("model" in callee.id.lower() or callee.id in function.parameters)
            ) or (isinstance(callee, ast.Attribute) and "forward" in callee.attr and "hook" not in callee.attr)
            if is_model:
                total.add(self.flow.union([*call.args, *(k.value for k in call.keywords)], function, context, 0))
        return total

    def step(self, node, receiver, function, context, loops, calls, guards) -> None:
        gradients = list(self.state.gradients)
        self.state.gradients.clear()
        if not gradients:
            for target in closures(self.program, node, function):
                for call in target.nodes(ast.Call):
                    if isinstance(call.func, ast.Attribute) and call.func.attr == "backward":
                        gradients.append((call.func.value, target, scoped(target, context), call, loops))
        if not gradients:
            for call in function.nodes(ast.Call):
                if isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and self.program.live(call):
                    gradients.append((call.func.value, function, context, call, loops))
        self.add(
            "update", function, node, context, self.origins_of(gradients), loops, calls, guards, receiver, gradients
        )

    def store(self, node, function, context, loops, calls, guards) -> None:
        """Assignments that commit a loss, fill a table."""
        if isinstance(node, ast.AugAssign):
            name = name_of(node.target).lower()
            if is_sum_of_losses(node, function):
                self.commit(node, node.target, node.value, function, context, loops, calls, guards)
            elif (isinstance(node.target, ast.Subscript) and TABLES.search(name)) or (
                isinstance(node.target, ast.Name) and bound_name(node.target, context) in self.tables
            ):
                filled = [node.target.slice, node.value] if isinstance(node.target, ast.Subscript) else [node.value]
                origins = self.flow.union(filled, function, context, 0)
                if "val" in origins or "train" in origins:
                    table = bound_name(node.target, context)
                    self.add("table", function, node, context, origins, loops, calls, guards, name=table)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            name = name_of(target).lower()
            if isinstance(target, ast.Subscript) and LOSS.search(name) and not isinstance(node.value, ast.Constant):
                self.commit(node, target, node.value, function, context, loops, calls, guards)
            elif (
                isinstance(target, ast.Name)
                and LOSS.search(name)
                and isinstance(node.value, ast.BinOp)
                and isinstance(node.value.op, ast.Add)
                and isinstance(node.value.left, ast.Name)
                and node.value.left.id == target.id
            ):
                self.commit(node, target, node.value.right, function, context, loops, calls, guards)

    def lookup(self, node: ast.Subscript, function, context, loops, calls, guards) -> None:
        """A read of a table of counts at places that tokens choose."""
        if isinstance(node.ctx, ast.Load) and not isinstance(getattr(node, "parent", None), ast.Subscript):
            name = bound_name(node, context)
            if name in self.tables:
                slices, base = [], node
                while isinstance(base, ast.Subscript):
                    slices.append(base.slice)
                    base = base.value  # type: ignore[assignment]
                origins = self.flow.union(slices, function, context, 0)
                if "val" in origins:
                    self.add("lookup", function, node, context, origins, loops, calls, guards, name=name)

    def commit(self, node, target, value, function, context, loops, calls, guards) -> None:
        if not scores(function, target, self.program):
            return
        origins = self.flow.origins(value, function, context)
        if "val" in origins:
            self.add("commit", function, node, context, origins, loops, calls, guards, name=name_of(target))


def scoped(target: Function, context: Context | None) -> Context | None:
    """A context for a function that stands inside the one being run."""
    return Context(target, {}, context.depth + 1, context) if context is not None else None


def trace(program: Program) -> list[Event]:
    """The events of a program; worked out once."""
    found = program.cache.get("events")
    if found is None:
        flow = program.cache["flow"] = Flow(program)
        tracer = Trace(program, flow)
        with without_collection():
            found = program.cache["events"] = tracer.run()
        program.cache["is cut"] = tracer.is_cut or tracer.too_deep or flow.questions > QUESTIONS_MAX
    return found  # type: ignore[return-value]
