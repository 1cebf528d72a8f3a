"""The code of a submission that its claimed runs reach, with each function's text and index made once and shared by rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.rule import Case
from verify.static.patterns import Scope, dotted, number, own_nodes, scope_of
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
            self.scopes[key] = scope_of(function.node)
        return self.scopes[key]

    def having(self, *needles: str) -> Iterator[tuple[Function, Scope]]:
        """Functions whose text holds one of the needles: a cheap first look, before the tree is read."""
        hit: dict[int, bool] = {}
        for function in self.functions:
            script = id(function.script)
            if script not in hit:
                hit[script] = any(needle in function.script.source for needle in needles)
            if hit[script] and any(needle in self.text(function) for needle in needles):
                yield function, self.scope(function)

    def any(self, *needles: str) -> bool:
        """Whether a script that is part of the program holds one of the needles."""
        return any(needle in script.source for script in self.program.scripts for needle in needles)

    def place(self, function: Function, node: ast.AST, note: str = "") -> Place:
        """Where a node stands, with its line."""
        line = getattr(node, "lineno", None)
        script = function.script
        lines = self.lines_of(script)
        quote = lines[line - 1].strip() if line and line <= len(lines) else ""
        column = getattr(node, "col_offset", 0)
        if len(quote) > QUOTE_CHARACTERS_MAX:  # a minified line: show the node's surroundings
            raw = lines[line - 1]  # type: ignore[operator]
            start = max(0, min(column, len(raw)) - 40)
            quote = raw[start : start + QUOTE_CHARACTERS_MAX].strip()
        return Place(file=script.path, line=line, quote=quote[:QUOTE_CHARACTERS_MAX], note=note, unpacked=script.is_packed)

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

    def strings(self, function: Function) -> list[ast.Constant]:
        """Long string constants of a function: sources kept as text."""
        key = id(function)
        if key not in self.constants:
            self.constants[key] = [
                node
                for node, _ in own_nodes(function.node)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= TEXT_CHARACTERS_MIN
            ]
        return self.constants[key]


def code_of(case: Case) -> Code | None:
    """The case's code, indexed once; None where no script could be parsed."""
    if NOTE not in case.notes:
        program = case.program
        case.notes[NOTE] = (
            Code(program, [function for function in program.functions if function.reached is not False])
            if program is not None and program.functions
            else None
        )
    return case.notes[NOTE]  # type: ignore[return-value]
