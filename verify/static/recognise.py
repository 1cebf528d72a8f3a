"""What a piece of a program is, by its names and its shape: a score, an optimiser, a table of counts, an epoch loop, a Hessian."""

import ast
import re

from verify.static.flow import Context
from verify.static.fold import arguments_of
from verify.static.program import Function, Program

LOSS = re.compile(r"loss|nll|bits|bpb|logp|log_p|score|xent|\bce\b|_ce|ce_|lp_|ptl")
BYTES = re.compile(r"byte|bpb|log2|ln2|bits")
SCORER = re.compile(r"eval|score|val|bpb|ttt|slot|ngram|ppm")
REPEATS = re.compile(r"epoch|pass|iters|rounds|repeat|n_rep|steps|_reps")
REPEAT_TARGETS = frozenset(
    {
        "_",
        "ep",
        "epoch",
        "epoch_idx",
        "pass_idx",
        "it",
        "step",
        "s_i",
        "gi",
        "inner",
        "_step",
        "_ep",
        "_epoch",
        "_it",
        "pass_num",
        "pass_id",
        "_pass",
        "p_idx",
        "ttt_epoch",
    }
)
OPTIMISERS = re.compile(r"opt|adam|sgd|muon|lbfgs|lion|rmsprop", re.I)
NOT_OPTIMISERS = re.compile(r"sched|prof|timer|bar\b|scaler", re.I)
HESSIANS = re.compile(r"hess|calib|gptq_collect|act_stat|amax_stat|collect_act|activation_stat|awq|smooth", re.I)
TABLES = re.compile(r"table|count|cache|hash|ngram|bigram|trigram|ctx|ppm|order|freq|hist", re.I)


def name_of(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def bound_name(node: ast.expr, context: Context | None) -> str:
    """The name of a container, ".name" for an attribute; for a parameter, the name that the caller has for it."""
    name = dotted(node)
    while context is not None and name in context.bound:
        expression, _, context = context.bound[name]
        name = dotted(expression) or name
    return name


def dotted(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return f".{node.attr}" if isinstance(node, ast.Attribute) else name_of(node)


def table_names(program: Program) -> frozenset[str]:
    """Names of containers that counts are added to, and what callers call them."""
    found: set[str] = set()
    for function in program.functions:
        if function.reached is False:
            continue
        bases = [
            call.args[0]
            for call in function.nodes(ast.Call)
            if isinstance(call.func, ast.Attribute) and call.func.attr == "at" and call.args
        ]
        bases += [
            call.func.value
            for call in function.nodes(ast.Call)
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("index_add_", "scatter_add_", "index_put_")
        ]
        bases += [node.target for node in function.nodes(ast.AugAssign) if isinstance(node.target, ast.Subscript)]
        bases += [
            node.target
            for node in function.nodes(ast.AugAssign)
            if isinstance(node.target, ast.Name)
            and (node.target.id in function.parameters or any(w == "bincount" for w in words(node.value)))
        ]
        for base in bases:
            name = name_of(base)
            if name in function.parameters:
                for _, call in program.callers(function)[:8]:
                    given = arguments_of(call, function).get(name)
                    if given is not None:
                        found.add(dotted(given))
            elif TABLES.search(name.lower()) and not LOSS.search(name.lower()):
                found.add(dotted(base))
    return frozenset(name for name in found if TABLES.search(name.lower()) and not BYTES.search(name.lower()))


def is_repeat(node: ast.For) -> bool:
    """Whether a loop's rounds see the same data again: its variable is an epoch or is not used to choose data."""
    target = node.target.id if isinstance(node.target, ast.Name) else ""
    if not (
        isinstance(node.iter, ast.Call)
        and isinstance(node.iter.func, ast.Name)
        and node.iter.func.id in ("range", "trange", "tqdm")
    ):
        return False
    if len(node.iter.args) > 2:
        return False
    if target in REPEAT_TARGETS:
        return True
    text = " ".join(words(node.iter))
    return bool(REPEATS.search(text)) and not re.search(r"batch|chunk|window|seqs|docs|tokens|shards", text)


def words(node: ast.AST):
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id.lower()
        elif isinstance(child, ast.Attribute):
            yield child.attr.lower()


def is_schedule(receiver: ast.expr) -> bool:
    """Whether what has a step() is a schedule or a profiler."""
    return bool(NOT_OPTIMISERS.search(name_of(receiver)))


def is_sum_of_losses(node: ast.AugAssign, function: Function) -> bool:
    """By its name or the names in its value; where a function that adds up bytes has no such name, any sum is taken for it."""
    if is_named_sum(node):
        return True
    text = [name_of(node.target).lower(), *words(node.value)]
    if (
        not isinstance(node.op, ast.Add)
        or any(BYTES.search(word) or "count" in word for word in text)
        or not sums_bytes(function)
    ):
        return False
    return not any(is_named_sum(other) for other in function.nodes(ast.AugAssign))


def is_named_sum(node: ast.AugAssign) -> bool:
    name = name_of(node.target).lower()
    return bool(LOSS.search(name)) or (any(LOSS.search(word) for word in words(node.value)) and not BYTES.search(name))


def is_optimiser(receiver: ast.expr, function: Function) -> bool:
    name = name_of(receiver)
    if NOT_OPTIMISERS.search(name):
        return "scaler" in name.lower()
    if OPTIMISERS.search(name):
        return True
    scope: Function | None = function
    while scope is not None:
        for definition in scope.definitions.get(name, ()):
            value = definition.value
            if isinstance(value, ast.Call) and OPTIMISERS.search(name_of(value.func)):
                return True
            if (
                definition.kind == "loop"
                and value is not None
                and any(OPTIMISERS.search(word) for word in words(value))
            ):
                return True
        scope = scope.parent
    return False


def closures(program: Program, call: ast.Call, function: Function) -> list[Function]:
    found = [program.find(function, argument.id) for argument in call.args if isinstance(argument, ast.Name)]
    return [target for target in found if target is not None]


def _is_gradient(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "grad"
    return isinstance(node, ast.Name) and ("grad" in node.id or node.id in ("g", "update"))


def changes_by_hand(function: Function) -> bool:
    """Whether a function changes tensors in place with what it got from a gradient."""
    for call in function.nodes(ast.Call):
        is_change = isinstance(call.func, ast.Attribute) and call.func.attr in (
            "add_",
            "sub_",
            "addcdiv_",
            "copy_",
            "lerp_",
        )
        if is_change and any(_is_gradient(node) for argument in call.args for node in ast.walk(argument)):
            return True
    for node in function.nodes(ast.AugAssign, ast.Assign):
        if any(
            (isinstance(n, ast.Name) and n.id.startswith(("grad", "g_", "dg")))
            or (isinstance(n, ast.Attribute) and n.attr == "grad")
            for n in ast.walk(node.value)
        ):
            return True
    return False


def scores(function: Function, target: ast.expr, program: Program) -> bool:
    """Whether a sum of losses is one that a score is made from, not a training log's."""
    if function.short in ("main", "<module>"):
        return counts_bytes_nearby(target, program)
    key = ("scorer", id(function))
    if key not in program.cache:
        program.cache[key] = sums_bytes(function)
    if program.cache[key]:
        return True
    name = name_of(target)
    returned = any(
        isinstance(n, ast.Name) and n.id == name
        for r in function.nodes(ast.Return)
        if r.value is not None
        for n in ast.walk(r.value)
    )
    outer = name not in function.definitions or name in function.parameters
    return bool(SCORER.search(function.short.lower())) and (returned or outer)


def sums_bytes(function: Function) -> bool:
    """Whether a function adds up bytes, or turns nats into bits."""
    for node in function.nodes(ast.AugAssign):
        if BYTES.search(name_of(node.target).lower()) or any(BYTES.search(word) for word in words(node.value)):
            return True
    for call in function.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute):
            if call.func.attr == "add_" and BYTES.search(name_of(call.func.value).lower()):
                return True
            if (
                call.func.attr == "log"
                and call.args
                and isinstance(call.args[0], ast.Constant)
                and call.args[0].value == 2
            ):
                return True
            if call.func.attr == "sum" and BYTES.search(name_of(call.func.value).lower()):
                return True
    return any(BYTES.search(a.arg or "") for a in keywords(function)) or any(
        BYTES.search(n) and "sum" in n for n in function.definitions
    )


def keywords(function: Function):
    for call in function.nodes(ast.Call):
        yield from call.keywords


def counts_bytes_nearby(target: ast.expr, program: Program) -> bool:
    """In a body that does everything, a sum of losses is the score's where its loop counts bytes or keeps token losses."""
    loops = [node for node in program.ancestors(target) if isinstance(node, (ast.For, ast.While))]
    if not loops:
        return False
    if isinstance(target, ast.Subscript):
        return True
    return any(BYTES.search(word) for word in words(loops[min(1, len(loops) - 1)]) if word != "code_bytes")


def hooks_collect(function: Function) -> bool:
    """Whether hooks set in a function sum products of activations: H += x.T @ x."""
    for inner in function.nested.values():
        for deep in (inner, *inner.nested.values()):
            for node in deep.nodes(ast.AugAssign, ast.Assign):
                if any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult) for n in ast.walk(node.value)):
                    return True
            if any(
                isinstance(c.func, ast.Attribute) and c.func.attr in ("addmm_", "baddbmm_")
                for c in deep.nodes(ast.Call)
            ):
                return True
    return False


def is_wrapper(call: ast.Call) -> bool:
    return name_of(call.func) in (
        "compile",
        "partial",
        "isinstance",
        "signature",
        "getsource",
        "Lock",
        "print",
        "getattr",
        "hasattr",
        "id",
        "allow_in_graph",
        "disable",
    )


def interesting(program: Program, tables: frozenset[str]) -> set[int]:
    """Functions that hold an event, and those that come to one through calls or by handing functions over."""
    direct: set[int] = set()
    users: dict[int, set[int]] = {}
    for function in program.functions:
        if function.reached is False:
            continue
        is_direct = False
        for call in function.nodes(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in (
                "backward",
                "step",
                "add_",
                "at",
                "index_add_",
                "scatter_add_",
                "register_forward_hook",
                "register_forward_pre_hook",
                "grad",
            ):
                is_direct = True
                break
        if not is_direct:
            is_direct = any(
                is_sum_of_losses(n, function) or TABLES.search(name_of(n.target).lower())
                for n in function.nodes(ast.AugAssign)
            )
        if not is_direct:
            is_direct = any(
                isinstance(n.targets[0], ast.Subscript) and LOSS.search(name_of(n.targets[0]).lower())
                for n in function.nodes(ast.Assign)
            )
        if not is_direct and tables:
            is_direct = any(dotted(n) in tables for n in function.nodes(ast.Subscript)) or bool(
                tables & set(function.parameters)
            )
        if is_direct:
            direct.add(id(function))
        for name in function.nodes(ast.Name):
            target = program.find(function, name.id)
            if target is not None:
                users.setdefault(id(target), set()).add(id(function))
        for call in function.nodes(ast.Call):
            if isinstance(call.func, (ast.Attribute, ast.Name)):
                for target in program.resolve(function, call):
                    users.setdefault(id(target), set()).add(id(function))
    found, fresh = set(direct), list(direct)
    while fresh:
        for user in users.get(fresh.pop(), ()):
            if user not in found:
                found.add(user)
                fresh.append(user)
    return found
