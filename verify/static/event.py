"""One event of a program: what is done, on which data, in which loops. See events.py."""

import ast
from dataclasses import dataclass
from typing import Literal

from verify.static.flow import Context, Origins
from verify.static.program import Function

Kind = Literal["commit", "update", "table", "lookup", "collect"]


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
