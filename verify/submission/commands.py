"""Run commands in READMEs and command files, and the environment they set."""

import re
from collections.abc import Iterable

from verify.finding import Place
from verify.submission.text import split_lines

PROGRAM = re.compile(r"\b(?:torchrun|python3?|accelerate|deepspeed|uv run|srun|modal run)\s")
SCRIPT = re.compile(r"\w\.py\b")
SHELL = re.compile(r"\bbash\s[\w./-]{1,200}\.sh\b")
SETTING = re.compile(
    r"(?:^|(?<=[\s;\"'`]))(?:export\s+|set\s+|-e\s+|--env\s+|\$env:)?([A-Z_][A-Z0-9_]{0,80})=(\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'|[^\s\"'`;&|\\]{0,500})"
)
QUOTE_MAX = 2_000  # of a command: with forty settings it is long
LINES_MAX = 20_000
JOINED_MAX = 120  # lines of one command
COMMANDS_MAX = 200
NOT_TRAINING = re.compile(r"cached_challenge|download|prepare_|pip3? install|json\.tool|setup\.py")


def logical_lines(lines: Iterable[tuple[int, str]]) -> Iterable[tuple[int, str]]:
    """Lines with their continuations: a backslash (or PowerShell's backtick) at the end goes on in the next line."""
    start = 0
    parts: list[str] = []
    for number, line in lines:
        text = line.strip().removeprefix("$ ").strip()
        if not parts:
            start = number
        ends = text.endswith(("\\", " `")) and len(parts) < JOINED_MAX
        parts.append(text.rstrip("\\`").strip() if ends else text)
        if not ends:
            yield start, " ".join(parts)[: 4 * QUOTE_MAX]
            parts = []
    if parts:
        yield start, " ".join(parts)[: 4 * QUOTE_MAX]


def is_command(line: str) -> bool:
    """Whether a line starts a Python script, or a shell script that may."""
    match = PROGRAM.search(line)
    return bool((match and SCRIPT.search(line, match.end())) or SHELL.search(line))


def in_lines(path: str, lines: Iterable[tuple[int, str]]) -> tuple[tuple[Place, ...], dict[str, Place]]:
    """Run commands and the settings of them, of numbered lines of a block.

    Settings count where a run command takes them: before it on its own line, or exported before it in the same block.
    """
    commands: list[Place] = []
    environment: dict[str, Place] = {}
    waiting: dict[str, Place] = {}
    for number, line in logical_lines(lines):
        if line.startswith("#") or not line:
            continue
        for match in SETTING.finditer(line):
            value = match[2].strip("\"'")
            waiting.setdefault(match[1], Place(file=path, line=number, quote=value))
        if is_command(line) and not NOT_TRAINING.search(line) and len(commands) < COMMANDS_MAX:
            commands.append(Place(file=path, line=number, quote=line[:QUOTE_MAX]))
            for name, place in waiting.items():
                environment.setdefault(name, place)
            waiting = {}
    return tuple(commands), environment


def in_file(path: str, text: str) -> tuple[tuple[Place, ...], dict[str, Place]]:
    """The same for a command file or a shell script."""
    return in_lines(path, enumerate(split_lines(text)[:LINES_MAX], 1))
