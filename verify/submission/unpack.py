"""Self-extracting scripts, read by decompressing only: what a script would exec is worked out from its literals, never run.

Known shapes: exec(decompress(decode(literal))) in any spelling, with aliases, variables, compile(), linecache, literals split over
lines or joined from a list; payloads in a neighbouring file or in the script's own tail; scripts written to a temporary folder and
run from there; modules bundled as texts that a helper function executes, or in a dictionary to import from; any of these inside
one another.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.limits import SCRIPT_BYTES_MAX, UNPACK_LAYERS_MAX
from verify.submission.fold import STEPS_MAX, Folding
from verify.submission.fold_values import DECODERS, DECOMPRESSORS, UNKNOWN, FilePath, Module, Packed, as_path, text_of
from verify.submission.model import Layer

RUNS = re.compile(
    r"\bexec\b|\brunpy\b|\bmarshal\b|\bbuiltins\b|\b__builtins__\b|\bos\.exec[lv]"
    r"|(?<![\w.])eval\([^\n]{0,200}?(?:decompress|decode|read|compile)"
)
CODED = re.compile(r"\b(?:b85decode|a85decode|b64decode|b32decode|unhexlify|fromhex)\b")
EXECUTED = frozenset({"exec", "eval", "builtins.exec", "builtins.eval", "__builtins__.exec", "__builtins__.eval"})
RUN_FILE = frozenset(
    {
        "runpy.run_path",
        "run_path",
        "os.execv",
        "os.execvp",
        "os.execl",
        "os.execlp",
        "subprocess.run",
        "subprocess.call",
    }
)
BYTECODE = frozenset({"marshal.loads", "marshal.load"})
MODULE_NAME = re.compile(r"[A-Za-z_]\w{0,99}(?:\.\w{1,100}){0,9}")
BUNDLED_CHARACTERS_MIN = 200  # of a text that is executed as a module of its own
MEMBERS_MAX = 100
LOOP_MAX = 200
BLOCK_DEPTH_MAX = 40


@dataclass(slots=True)
class Unpacked:
    """What a script runs. `members`: further sources that it carries, by name. `runs`: neighbouring files executed as they are."""

    source: str
    layers: tuple[Layer, ...] = ()
    members: dict[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    settings: dict[str, Place] = field(default_factory=dict)  # environment set by the layers that were taken off
    problems: tuple[str, ...] = ()


def parse(text: str) -> ast.Module | None:
    """The syntax tree, or None where Python cannot read it. Silent: a script's odd escapes print no warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def byte_count(value: bytes | str) -> int:
    return len(value) if isinstance(value, bytes) else len(value.encode("utf-8", "surrogatepass"))


class Shell:
    """One layer of a script: finds what it executes."""

    def __init__(self, path: str, text: str, tree: ast.Module, read: Callable[[str], bytes | None]):
        self.path, self.text, self.tree = path, text, tree
        self.fold = Folding(path, read, SCRIPT_BYTES_MAX)
        for name in ("exec", "eval", "compile", "__import__", "__builtins__"):
            self.fold.names[name] = Module(name)
        self.executed: list[Packed] = []
        self.written: list[tuple[str, Packed]] = []
        self.run_paths: list[str] = []
        self.settings: dict[str, Place] = {}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.executes_parameter: dict[str, int] = {}  # function -> index of the parameter whose text it executes
        self.is_lost = False

    def look(self) -> None:
        """Walk the module, then the functions it defines, then the calls of functions that execute what they are given."""
        self.block(self.tree.body, None, 0)
        for function in list(self.functions.values()):
            self.block(function.body, function, 0)
        if self.executes_parameter:
            for node in ast.walk(self.tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in self.executes_parameter
                ):
                    self.bundled(node)

    def bundled(self, node: ast.Call) -> None:
        """A call such as install("package.module", "source ...")."""
        assert isinstance(node.func, ast.Name)
        at = self.executes_parameter[node.func.id]
        if at >= len(node.args):
            return
        source = self.fold.value(node.args[at])
        if not isinstance(source, Packed) or len(source.value) < BUNDLED_CHARACTERS_MIN:
            return
        names = [self.fold.value(item) for index, item in enumerate(node.args) if index != at]
        name = next(
            (
                item.value
                for item in names
                if isinstance(item, Packed) and isinstance(item.value, str) and len(item.value) < 200
            ),
            "",
        )
        self.written.append((f"{name or len(self.written)}", source))

    def carried(self) -> list[tuple[str, Packed]]:
        """Sources by module name, in a dictionary that the executed text can import from."""
        return [
            (name, item)
            for value in self.fold.names.values()
            if isinstance(value, dict)
            for name, item in value.items()
            if isinstance(name, str) and MODULE_NAME.fullmatch(name) and isinstance(item, Packed) and item.steps
        ][:MEMBERS_MAX]

    def block(self, body: list[ast.stmt], function: ast.FunctionDef | ast.AsyncFunctionDef | None, depth: int) -> None:
        if depth > BLOCK_DEPTH_MAX:
            return
        for statement in body:
            self.fold.steps += 1
            if self.fold.steps > STEPS_MAX:
                return
            self.statement(statement, function, depth)

    def statement(self, node: ast.stmt, function: Any, depth: int) -> None:
        if isinstance(node, ast.Import):
            for item in node.names:
                name = item.asname or item.name.partition(".")[0]
                self.fold.names[name] = Module(item.name if item.asname else name)
            return
        if isinstance(node, ast.ImportFrom):
            for item in node.names:
                self.fold.names[item.asname or item.name] = Module(f"{node.module or ''}.{item.name}")
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions.setdefault(node.name, node)
            return
        if isinstance(node, ast.ClassDef):
            return
        for expression in own_expressions(node):
            self.calls(expression, function)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self.assign(node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for opened_as in node.items:
                if isinstance(opened_as.optional_vars, ast.Name):
                    self.fold.names[opened_as.optional_vars.id] = self.fold.value(opened_as.context_expr)
        if isinstance(node, ast.For):
            self.loop(node, function, depth)
        else:
            for inner in inner_blocks(node):
                self.block(inner, function, depth + 1)

    def loop(self, node: ast.For, function: Any, depth: int) -> None:
        for item in self.items(node.iter)[:LOOP_MAX] or [UNKNOWN]:
            self.bind(node.target, item)
            self.block(node.body, function, depth + 1)

    def items(self, node: ast.expr) -> list[Any]:
        value = self.fold.value(node)
        return value if isinstance(value, list) else []

    def bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.fold.names[target.id] = value
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for inner, item in zip(target.elts, shared_out(value, target.elts), strict=True):
                self.bind(inner, item)

    def assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        if isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name):
                sum_ = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
                self.fold.names[node.target.id] = self.fold.value(sum_)
            return
        value = self.fold.value(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.bind(target, value)
            if isinstance(target, ast.Subscript) and self.is_environ(target.value):
                self.setting(self.fold.value(target.slice), value, node)

    def is_environ(self, node: ast.expr) -> bool:
        value = self.fold.value(node)
        return isinstance(value, Module) and value.name in {"os.environ", "environ"}

    def setting(self, name: Any, value: Any, node: ast.AST) -> None:
        if (
            isinstance(name, Packed)
            and isinstance(name.value, str)
            and isinstance(value, Packed)
            and isinstance(value.value, str)
        ):
            self.settings[name.value[:200]] = Place(
                file=self.path, line=getattr(node, "lineno", None), quote=value.value[:QUOTE_CHARACTERS_MAX]
            )

    def calls(self, expression: ast.expr, function: Any) -> None:
        """The calls in one expression that execute, write, start or set something."""
        for node in ast.walk(expression):
            if not isinstance(node, ast.Call):
                continue
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in {"write", "write_bytes", "write_text"}
                and node.args
            ):
                value = self.fold.value(node.args[0])
                if isinstance(value, Packed) and value.steps:
                    path = as_path(self.fold.value(node.func.value))
                    self.written.append((path.path.rpartition("/")[2] if isinstance(path, FilePath) else "", value))
                continue
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in {"setdefault", "update"}
                and self.is_environ(node.func.value)
            ):
                self.environ_call(node)
                continue
            target = self.fold.value(node.func)
            if isinstance(target, Module):
                self.known_call(node, target.name, function)

    def environ_call(self, node: ast.Call) -> None:
        assert isinstance(node.func, ast.Attribute)
        values = [self.fold.value(item) for item in node.args]
        if node.func.attr == "setdefault" and len(values) == 2:
            self.setting(values[0], values[1], node)
        for item in values if node.func.attr == "update" else []:
            for key, value in item.items() if isinstance(item, dict) else ():
                self.setting(Packed(str(key)), value, node)
        for keyword in node.keywords if node.func.attr == "update" else []:
            self.setting(Packed(keyword.arg or ""), self.fold.value(keyword.value), node)

    def known_call(self, node: ast.Call, name: str, function: Any) -> None:
        if name in RUN_FILE:
            paths = [as_path(self.fold.value(item)) for item in node.args[:1]]
            self.run_paths += [path.path for path in paths if isinstance(path, FilePath)]
        elif name in BYTECODE:
            self.fold.problems.append("runs marshalled bytecode, which is not read")
        elif name in EXECUTED and node.args:
            value = self.fold.value(node.args[0])
            if isinstance(value, Packed):
                self.executed.append(value)
            elif function is not None and (parameter := parameter_index(function, node.args[0])) is not None:
                self.executes_parameter[function.name] = parameter
            elif self.decodes(node.args[0]):
                self.is_lost = True

    def decodes(self, node: ast.expr) -> bool:
        """Whether an expression decodes or decompresses something."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                target = self.fold.value(inner.func)
                if isinstance(target, Module) and (target.name in DECODERS or target.name in DECOMPRESSORS):
                    return True
        return False


def parameter_index(function: ast.FunctionDef | ast.AsyncFunctionDef, node: ast.expr) -> int | None:
    """Which parameter of a function an executed expression is: exec(source) or exec(compile(source, ...))."""
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    names = [argument.arg for argument in function.args.args]
    return names.index(node.id) if isinstance(node, ast.Name) and node.id in names else None


def shared_out(value: Any, targets: list[ast.expr]) -> list[Any]:
    """What each of several targets gets of a list; one of them may be starred."""
    stars = [at for at, target in enumerate(targets) if isinstance(target, ast.Starred)]
    if not isinstance(value, list) or len(stars) > 1 or len(value) < len(targets) - len(stars):
        return [UNKNOWN] * len(targets)
    if stars:
        at, after = stars[0], len(targets) - stars[0] - 1
        return [*value[:at], value[at : len(value) - after], *value[len(value) - after :]]
    return value if len(value) == len(targets) else [UNKNOWN] * len(targets)


def own_expressions(node: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement that are not in its inner statements."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def inner_blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        if inner := getattr(node, name, None):
            yield inner
    for handler in getattr(node, "handlers", ()):
        yield handler.body


def unpack(path: str, text: str, read: Callable[[str], bytes | None]) -> Unpacked:
    """The source that a Python script runs in the end.

    `read` gives a neighbouring file's bytes by its path next to the script, None where there is none. Nothing is executed; what is
    unpacked is at most limits.SCRIPT_BYTES_MAX bytes in at most limits.UNPACK_LAYERS_MAX layers. Never raises.
    """
    out = Unpacked(text)
    problems: list[str] = []
    for depth in range(UNPACK_LAYERS_MAX + 1):
        if not RUNS.search(out.source):
            break
        tree = parse(out.source)
        if tree is None:
            if CODED.search(out.source):
                problems.append(
                    "executes text that it decodes, and cannot be parsed: whether it is packed cannot be told"
                )
            break
        shell = Shell(path, out.source, tree, read)
        shell.look()
        problems += shell.fold.problems[:10]
        payload = chosen(shell, out)
        if payload is None:
            if shell.is_lost and not out.members:
                problems.append("runs packed code that could not be unpacked")
            out.runs = tuple(dict.fromkeys(opened(shell)))
            break
        if depth == UNPACK_LAYERS_MAX:
            problems.append(f"is packed more than {UNPACK_LAYERS_MAX} times over; what is deeper was not read")
            break
        source = text_of(payload.value)
        out.layers += (Layer("+".join(payload.steps), byte_count(out.source), byte_count(payload.value)),)
        out.settings.update(shell.settings)
        out.source = source
    out.problems = tuple(dict.fromkeys(problems))
    return out


def opened(shell: Shell) -> list[str]:
    """Neighbouring files that a script executes as they are: exec(open(path).read()), runpy.run_path(path)."""
    plain_files = (
        {path for path in shell.fold.opened} if any(item.steps == ("file",) for item in shell.executed) else set()
    )
    return [*sorted(plain_files), *(path for path in shell.run_paths if path.endswith(".py"))]


def chosen(shell: Shell, out: Unpacked) -> Packed | None:
    """What the shell runs; further sources it carries go to `out.members`."""
    packed = [item for item in shell.executed if item.steps and item.steps != ("file",)]
    written = [(name, item) for name, item in shell.written if item.steps != ("file",)]
    for at, (name, item) in enumerate(written[:MEMBERS_MAX]):
        out.members.setdefault(name or f"part{at}", text_of(item.value))
    if packed:
        for name, item in shell.carried():
            out.members.setdefault(name, text_of(item.value))
        return max(packed, key=lambda item: len(item.value))
    if not any(item.steps for _, item in written):
        return None
    sources = [(name, item) for name, item in written if item.steps and (name.endswith(".py") or not name)]
    wanted = {path.rpartition("/")[2] for path in shell.run_paths}
    best = (
        [pair for pair in sources if pair[0] == "train_gpt.py"]
        or [pair for pair in sources if pair[0] in wanted]
        or sources
    )
    if not best:
        return None
    name, item = max(best, key=lambda pair: len(pair[1].value))
    out.members.pop(name, None)
    return item
