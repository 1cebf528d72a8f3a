"""The code of a submission that its claimed runs reach, with each function's text and index made once and shared by rules."""

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from verify.finding import Place
from verify.rule import Case
from verify.static.patterns import Scope, dotted, number, scope_of
from verify.static.program import Function, Program
from verify.submission.model import Script

NOTE = "patterns.code"
TEXT_CHARACTERS_MIN = 200  # a string constant shorter than this is no source code


@dataclass(slots=True)
class Code:
    """Functions that are reached under the settings of the claimed runs, or of which that cannot be told."""

    program: Program
    functions: list[Function]
    lines: dict[int, list[str]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    scopes: dict[int, Scope] = field(default_factory=dict)
    constants: dict[int, list[ast.Constant]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)  # what is made once from this code

    def lines_of(self, script: Script) -> list[str]:
        key = id(script)
        if key not in self.lines:
            self.lines[key] = script.source.split("\n")
        return self.lines[key]

    def text(self, function: Function) -> str:
        """The function's source text; for a module body the whole script's."""
        key = id(function)
        if key not in self.texts:
            first = getattr(function.node, "lineno", None)
            end = getattr(function.node, "end_lineno", None)
            self.texts[key] = (
                function.script.source
                if first is None or end is None
                else "\n".join(self.lines_of(function.script)[first - 1 : end])
            )
        return self.texts[key]

    def scope(self, function: Function) -> Scope:
        key = id(function)
        if key not in self.scopes:
            self.scopes[key] = scope_of(function)
        return self.scopes[key]

    def having(self, *needles: str, also: tuple[str, ...] = ()) -> Iterator[tuple[Function, Scope]]:
        """Functions whose text holds one of the needles, and one of `also`: a cheap first look, before the tree is read."""
        hit: dict[int, bool] = {}
        for function in self.functions:
            script = id(function.script)
            if script not in hit:
                hit[script] = _holds(function.script.source, needles, also)
            if hit[script] and _holds(self.text(function), needles, also):
                yield function, self.scope(function)

    def with_line(self, test: Callable[[str], bool]) -> Iterator[tuple[Function, Scope]]:
        """Functions that have a line which passes a test: again only a first look."""
        numbers: dict[int, list[int]] = {}
        for function in self.functions:
            script = id(function.script)
            if script not in numbers:
                numbers[script] = [n for n, line in enumerate(self.lines_of(function.script), 1) if test(line)]
            found = numbers[script]
            first, end = getattr(function.node, "lineno", 1), getattr(function.node, "end_lineno", None)
            at = bisect_left(found, first)
            if at < len(found) and (end is None or found[at] <= end):
                yield function, self.scope(function)

    def any(self, *needles: str) -> bool:
        """Whether a script that is part of the program holds one of the needles."""
        return any(needle in script.source for script in self.program.scripts for needle in needles)

    def place(self, function: Function, node: ast.AST, note: str = "") -> Place:
        """Where a node stands, with its line."""
        return self.program.place(function, node, note)

    def value(self, node: ast.AST) -> float | str | bool | None:
        """A literal's value, or that of a setting (`args.x`, `h.x`, `X`) in the claimed runs; None where it cannot be told."""
        literal = number(node)
        if literal is not None:
            return literal
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str | bool) else None
        name = dotted(node)
        if not name:
            return None
        setting = self.program.settings.get(name.rpartition(".")[2].lower())
        return setting.value if setting else None

    def is_off(self, scope: Scope, node: ast.AST) -> bool:
        """Whether a node stands below `if switch:` (a setting, or an attribute of its name) that is off in the claimed runs."""
        below = node
        for above in scope.above(node):
            if isinstance(above, ast.If) and below in above.body:
                tests = (
                    above.test.values
                    if isinstance(above.test, ast.BoolOp) and isinstance(above.test.op, ast.And)
                    else [above.test]
                )
                for test in tests:
                    value = self.value(test) if isinstance(test, ast.Name | ast.Attribute) else None
                    if value is False or (isinstance(value, int | float) and value == 0):
                        return True
            below = above
        return False

    def strings(self, function: Function) -> list[ast.Constant]:
        """Long string constants of a function: sources kept as text."""
        key = id(function)
        if key not in self.constants:
            self.constants[key] = [
                node
                for node in ast.walk(function.node)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and len(node.value) >= TEXT_CHARACTERS_MIN
            ]
        return self.constants[key]


def _holds(text: str, needles: tuple[str, ...], also: tuple[str, ...]) -> bool:
    return any(needle in text for needle in needles) and (not also or any(needle in text for needle in also))


def code_of(case: Case) -> Code | None:
    """The case's code, indexed once; None where no script could be parsed."""
    if NOTE not in case.notes:
        program = case.program
        case.notes[NOTE] = Code(program, program.reached) if program is not None and program.functions else None
    return case.notes[NOTE]  # type: ignore[return-value]
