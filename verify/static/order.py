"""What the order of events says: learning from validation tokens before, between or after their scores.

    adapt     updates on validation tokens, scored afterwards by another pass: test-time training that sees the test first
    window    within one round of the scoring loop the update comes before the commit: the chunk is learned, then scored
    slot      the same, and what is learned are tensors made for this window (a delta, a logit bias)
    repeat    a loop of epochs or passes holds both the update and the commit: the same tokens are scored after learning
    refill    a table of counts is filled from the validation set, then read for the same set in another pass
    prefill   a table of counts is filled from training shards, then read for validation tokens
    warmup    updates on validation tokens whose result is thrown away (compile warm-up)
    collect   statistics for quantisation are collected from validation tokens

Legal, and left out: the score of a chunk is committed before the update in the same round (score first), any number of
epochs over a chunk that is already scored, updates on random tokens or training shards, updates after the last score.
"""

import ast
import re
from dataclasses import dataclass
from typing import Literal

from verify.static.event import Event, Loop
from verify.static.events import trace
from verify.static.program import Definition, Function, Program
from verify.static.recognise import sums_bytes

Kind = Literal["adapt", "window", "slot", "context", "repeat", "refill", "prefill", "warmup", "collect"]
CONTEXT = re.compile(r"ctx|context|prefix|hist|past|prev|scored|causal|seen|warm_len|overlap", re.I)
STARTS = re.compile(r"start|begin|offset|^s$|^lo$|chunk")
BEFORE = re.compile(r"prev|scored|hist|past|seen|done|buffer|replay|earlier|last_", re.I)


@dataclass(slots=True, repr=False)
class Suspicion:
    """An update on validation tokens, and the commit that comes after it."""

    kind: Kind
    update: Event
    commit: Event | None
    loop: Loop | None = None  # the epoch loop, or the scoring loop


def suspicions(program: Program) -> list[Suspicion]:
    """All of them, in the order of the program; worked out once."""
    found = program.cache.get("suspicions")
    if found is None:
        found = program.cache["suspicions"] = _suspicions(program)
    return found  # type: ignore[return-value]


def _suspicions(program: Program) -> list[Suspicion]:
    events = trace(program)
    commits = [event for event in events if event.kind == "commit"]
    found = []
    for event in events:
        if (
            event.kind == "collect"
            and "val" in event.origins
            and not {"generated", "train"} & set(event.origins.labels)
        ):
            found.append(Suspicion("collect", event, None))
        if event.kind == "update" and "val" in event.origins and "train" not in event.origins:
            for suspicion in judge(program, event, commits):
                if not any(s.kind == suspicion.kind and s.update.node is event.node for s in found):
                    found.append(suspicion)
    return found + _refills(events)


def _refills(events: list[Event]) -> list[Suspicion]:
    """Tables that are complete before they are read: no loop over data holds both the filling and the reading."""
    found: list[Suspicion] = []
    tables: dict[str, list[Event]] = {}
    filled: dict[str, list[Event]] = {}  # from training shards
    for event in events:
        if event.kind == "table" and "train" in event.origins:
            if "val" not in event.origins:
                filled.setdefault(event.name, []).append(event)
        elif event.kind == "table":
            tables.setdefault(event.name, []).append(event)
        elif event.kind == "lookup":
            for table in filled.get(event.name, ()):
                if _is_handed_over(table, event) and not any(
                    s.update.name == table.name and s.kind == "prefill" for s in found
                ):
                    found.append(Suspicion("prefill", table, event))
            if any(
                common_loops(table, event) for table in events if table.kind == "table" and table.name == event.name
            ):
                continue  # filled and read in turns
            for table in tables.get(event.name, ()):
                is_new = not any(s.update.name == table.name and s.update.function is table.function for s in found)
                if is_new and table.loops and table.order < event.order and not are_exclusive(table, event):
                    found.append(Suspicion("refill", table, event))
    return found


def _is_handed_over(table: Event, lookup: Event) -> bool:
    """Whether the object that was filled is the one that is read: its name goes into a call on the way to the reading."""
    if not table.name.startswith("."):
        return table.function is lookup.function
    call = table.calls[-1][1] if table.calls else None
    if call is None or not isinstance(call.func, ast.Attribute):
        return False
    receiver = call.func.value
    name = (
        receiver.attr if isinstance(receiver, ast.Attribute) else receiver.id if isinstance(receiver, ast.Name) else ""
    )
    for _, step in lookup.calls:
        inputs = [
            *step.args,
            *(k.value for k in step.keywords),
            *([step.func.value] if isinstance(step.func, ast.Attribute) else []),
        ]
        if any(
            (isinstance(n, ast.Name) and n.id == name) or (isinstance(n, ast.Attribute) and n.attr == name)
            for i in inputs
            for n in ast.walk(i)
        ):
            return True
    return False


def judge(program: Program, update: Event, commits: list[Event]) -> list[Suspicion]:
    """What an update on validation tokens is, given all commits; nothing where it is score-first or after every score."""
    scratch = thrown_away(program, update, commits)
    if scratch is not None:
        return [Suspicion("warmup", update, None)] if scratch == "warmup" else []
    pairs = [(common_loops(update, commit), commit) for commit in commits]
    shared = [(loops, commit) for loops, commit in pairs if loops]
    later = [
        c for c in commits if c.order > update.order and not _shares_repeat(update, c) and not are_exclusive(update, c)
    ]
    for loops, commit in shared:
        repeats = [loop for loop in loops if loop.is_repeat]
        if repeats and loops[-1] is not repeats[-1] and not _is_round_of_data(repeats[-1]):
            again = [c for c in later if c.function is not commit.function]
            if again and commit.function.short != "main" and not sums_bytes(commit.function):
                return [Suspicion("adapt", update, again[-1])]  # a sum of losses for the log, not the score
            found = [Suspicion("adapt", update, again[-1])] if again else []
            return [*found, Suspicion("repeat", update, commit, repeats[-1])]
    deepest = max((len(loops) for loops, _ in shared), default=0)
    for depth in range(deepest, 0, -1):
        loop = update.loops[depth - 1]
        if loop.is_repeat:
            continue
        here = [commit for loops, commit in shared if len(loops) >= depth and _belongs(commit, depth)]
        if not here:
            continue
        if any(commit.order < update.order for commit in here) or _is_on_earlier_data(update, depth):
            return []
        return [Suspicion(_window_kind(program, update, loop), update, here[0], loop)]
    if later:
        return [Suspicion("adapt", update, later[-1])]
    repeats = [loop for loops, _ in shared for loop in loops if loop.is_repeat]
    return [Suspicion("repeat", update, shared[-1][1], repeats[-1])] if repeats else []


def common_loops(one: Event, other: Event) -> tuple[Loop, ...]:
    """The loops around both, outside in."""
    found = []
    for left, right in zip(one.loops, other.loops, strict=False):
        if left is not right:
            break
        found.append(left)
    return tuple(found)


def are_exclusive(one: Event, other: Event) -> bool:
    """Whether two events stand in different arms of the same condition."""
    arms = {id(node): arm for node, arm in one.guards}
    return any(arms.get(id(node), arm) is not arm for node, arm in other.guards)


def _shares_repeat(update: Event, commit: Event) -> bool:
    return any(loop.is_repeat for loop in common_loops(update, commit))


def _is_round_of_data(loop: Loop) -> bool:
    """Whether what looks like an epoch loop walks over data after all: its variable takes a slice."""
    node_target = getattr(loop.node, "target", None)
    target = node_target.id if isinstance(node_target, ast.Name) else ""
    if not target or target == "_":
        return False
    for statement in loop.node.body:  # type: ignore[attr-defined]
        for node in ast.walk(statement):
            part: ast.expr | None = None
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
                part = node.slice
            elif (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and STARTS.search(node.targets[0].id)
            ):
                part = node.value
            if part is not None and any(isinstance(n, ast.Name) and n.id == target for n in ast.walk(part)):
                return True
    return False


def _belongs(commit: Event, depth: int) -> bool:
    """Whether a commit inside a loop is about that round's data: something on the way to it changes with the round."""
    loop = commit.loops[depth - 1]
    changing = assigned_in(loop.node)
    frames = [call for caller, call in commit.calls if _inside(call, loop.node)]
    if frames:
        return any(
            n.id in changing
            for a in (*frames[0].args, *(k.value for k in frames[0].keywords))
            for n in ast.walk(a)
            if isinstance(n, ast.Name)
        )
    return True


def assigned_in(node: ast.AST) -> set[str]:
    """Names that a loop sets: its target, and what its body assigns."""
    found = getattr(node, "names_set", None)
    if found is None:
        found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        node.names_set = found  # type: ignore[attr-defined]
    return found


def _inside(node: ast.AST, above: ast.AST) -> bool:
    while node is not None:
        if node is above:
            return True
        node = getattr(node, "parent", None)  # type: ignore[assignment]
    return False


def _is_on_earlier_data(update: Event, depth: int) -> bool:
    """Whether an update at the head of a round learns from rounds before: guarded by `i > 0`, or fed from what was kept."""
    loop = update.loops[depth - 1].node
    target = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)} if isinstance(loop, ast.For) else set()
    for guard, _ in update.guards:
        for node in ast.walk(guard.test):
            if (
                isinstance(node, ast.Compare)
                and isinstance(node.ops[0], (ast.Gt, ast.NotEq, ast.GtE))
                and (
                    isinstance(node.left, ast.Name)
                    and node.left.id in target
                    and isinstance(node.comparators[0], ast.Constant)
                )
            ):
                return True
            if isinstance(node, ast.Name) and BEFORE.search(node.id):
                return True
    for loss, function, _ in update.losses:
        for name in _behind(loss, function):
            if BEFORE.search(name):
                return True
    return False


def _behind(expression: ast.expr, function: Function, depth: int = 3) -> set[str]:
    """Names that stand behind an expression, through a few definitions."""
    found: set[str] = set()
    fresh = [expression]
    for _ in range(depth):
        names = {n.id for e in fresh for n in ast.walk(e) if isinstance(n, ast.Name)} - found
        found |= names
        fresh = [
            d.value
            for name in names
            for d in function.definitions.get(name, ())
            if d.value is not None and d.kind in ("assign", "unpack", "loop")
        ]
    return found


def optimiser_call(program: Program, update: Event) -> tuple[Function, ast.Call] | None:
    """Where the optimiser of an update is made."""
    receiver = update.optimiser
    if not isinstance(receiver, ast.Name):
        return None
    scope: Function | None = update.function
    while scope is not None:
        found = [
            d
            for d in scope.definitions.get(receiver.id, ())
            if isinstance(d.value, ast.Call) and program.live(d.statement)
        ]
        if found:
            return scope, found[-1].value  # type: ignore[return-value]
        scope = scope.parent
    return None


def _window_kind(program: Program, update: Event, loop: Loop) -> Kind:
    made = optimiser_call(program, update)
    kind: Kind = "window"
    if made is not None and _inside(made[1], loop.node):
        is_parameters = any(
            isinstance(n, ast.Attribute) and n.attr in ("parameters", "named_parameters") for n in ast.walk(made[1])
        )
        kind = "window" if is_parameters else "slot"
    elif made is not None and made[1].args and isinstance(made[1].args[0], ast.List):
        kind = "slot"  # loose tensors, kept from window to window
    elif made is None or made[0] is not loop.function:
        kind = "slot" if _has_fresh_tensors(update.function) else "window"
    names = set()
    for loss, function, _ in update.losses:
        names |= _behind(loss, function, 2)
    if kind == "slot" and any(CONTEXT.search(name) for name in names):
        return "context"
    return kind


def _has_fresh_tensors(function: Function) -> bool:
    """Whether a function makes tensors that require a gradient."""
    for call in function.nodes(ast.Call):
        if any(k.arg == "requires_grad" for k in call.keywords):
            return True
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("requires_grad_", "Parameter"):
            return True
    return False


def thrown_away(program: Program, update: Event, commits: list[Event]) -> Literal["warmup", "probe"] | None:
    """Whether what an update changes is not what is scored: an adapter made for a warm-up, a probe fitted for a diagnosis."""
    function = update.function
    round_of = update.loops[0].node if update.loops else function.node
    for commit in commits:
        if commit.function is function or any(c is function and _inside(call, round_of) for c, call in commit.calls):
            return None
    made = optimiser_call(program, update)
    if made is not None and made[1].args and made[0] is function:
        for name in {n.id for n in ast.walk(made[1].args[0]) if isinstance(n, ast.Name)}:
            for definition in function.definitions.get(name, ()):
                found = _scratch(program, update, name, definition)
                if found is not None:
                    return found
    loads = [
        c for c in function.nodes(ast.Call) if isinstance(c.func, ast.Attribute) and c.func.attr == "load_state_dict"
    ]
    is_restored = any(call.order > update.node.order for call in loads)  # type: ignore[attr-defined]
    return "warmup" if is_restored and "warm" in function.short.lower() else None


def _scratch(program: Program, update: Event, name: str, definition: Definition) -> Literal["warmup", "probe"] | None:
    """What an object is that a function makes, fits, and does not give away."""
    value, function = definition.value, update.function
    while (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and not isinstance(value.func.value, ast.Name)
    ):
        value = value.func.value
    if not isinstance(value, ast.Call):
        return None
    given = [
        n.id
        for r in function.nodes(ast.Return)
        if r.value is not None
        for n in ast.walk(r.value)
        if isinstance(n, ast.Name)
    ]
    if name in given:
        return None
    if isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name) and value.func.value.id == "nn":
        return "probe"
    if isinstance(value.func, ast.Name) and program.class_of(function, value.func.id) is not None:
        is_of_round = bool(update.loops) and _inside(definition.statement, update.loops[-1].node)
        return "warmup" if is_of_round or re.search(r"^w|warm|dummy|tmp|scratch", name) else None
    return None
