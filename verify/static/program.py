"""A submission's program, read and never run: its functions, which of them are reached, its settings, where values flow."""

import ast
from dataclasses import dataclass
from typing import Literal

from verify.finding import Place
from verify.logs.model import Claim
from verify.submission.model import Script, Submission


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch of the script with the value of the claimed runs, and where that value comes from."""

    name: str  # as the program names it, lower case
    value: str | int | float | bool | None
    source: Literal["log", "command", "default"]
    place: Place


@dataclass(slots=True)
class Function:
    """A function, method or module body. `reached`: True, False, or None where it cannot be told."""

    name: str  # qualified: "Muon.step", "main", "<module>"
    script: Script
    node: ast.AST
    reached: bool | None


@dataclass(slots=True)
class Program:
    scripts: list[Script]
    functions: list[Function]
    settings: dict[str, Setting]
    unparsed: list[Script]

    def place(self, function: Function, node: ast.AST, note: str = "") -> Place: ...


def analyse(submission: Submission, claim: Claim) -> Program | None: ...
