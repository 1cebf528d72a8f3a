"""Finds the scripts that logs hold, so that nothing in them is taken for a result.

A trainer prints its own source at the start of a log: with rules of "=" around it, after "Source code:", or bare. A source starts
with its imports (and the docstring or comments before them) and ends at a rule of "=", after the body of `if __name__ == ...`,
or at the first line that only a running program prints.
"""

import re

IMPORT = re.compile(r"(?:from [\w.]+ import [\w(*]|import \w[\w.]*(?: as \w+)?(?: *[,;]|\s*(?:#.*)?$))")
MAIN = re.compile(r"if __name__ *==")
RULE = re.compile(r"={20,}\s*$")
CODE = re.compile(
    r"[ \t]+\S|#|@\w|(?:def|class|import|from|if|elif|for|while|with|return|raise|assert|global|async|del|except|print|exec)\b"
    r"|(?:else|try|finally):|\w[\w.,\[\]\"' ]*? ?[-+*/|&]?=[^=]|[)\]}]|\"\"\"|'''|\w[\w.]*\("
)
PRINTED = re.compile(  # lines with digits where a template has braces
    r"step:\d+/\d+ |\d+/\d+ (?:train|val)_loss:|(?:\w+_)?warmup_step: ?\d+/|warmup:\d+/|Running (?:Python|PyTorch) \d|world_size:\d"
    r"|model_params: ?\d|seed: ?\d+\s*$|W\d{4} \d\d:|\w+ val_loss:\d|Hyperparameters:\s*$|(?:train_shards|val_tokens): ?\d"
    r"|train_loader:dataset:\w|Python \d\.\d+\.\d|Traceback \(most|\+-{20,}|logs/\S+\.txt\s*$|\w[\w ()-]*\| params:\d"
)
LOOK_AHEAD_LINES = 40
CODE_LINES_MIN = 3  # this many lines of code near an import make it a script, not a message
BACK_LINES_MAX = 400  # of docstring and comments before the first import


def find_sources(lines: list[str]) -> list[tuple[int, int]]:
    """Index ranges [start, end) of embedded scripts, in order."""
    found: list[tuple[int, int]] = []
    index, floor = 0, 0
    while index < len(lines):
        if lines[index][:1] in ("i", "f") and IMPORT.match(lines[index]) and _is_script(lines, index):
            start = _start(lines, index, floor)
            index = floor = _end(lines, index)
            found.append((start, index))
        else:
            index += 1
    return found


def _is_script(lines: list[str], index: int) -> bool:
    near = lines[index + 1 : index + LOOK_AHEAD_LINES]
    if any(line.startswith("exec(") for line in near[:3]) or "exec(" in lines[index]:
        return True
    return sum(1 for line in near if line.strip() and CODE.match(line)) >= CODE_LINES_MIN


def _start(lines: list[str], index: int, floor: int) -> int:
    """Back over comments, blank lines, a docstring, and code before the first import (of a log whose head is overwritten)."""
    start = index
    lowest = max(floor, index - BACK_LINES_MAX)
    while start > lowest:
        line = lines[start - 1].strip()
        if line.endswith(('"""', "'''")):
            quote = line[-3:]
            opening = start - 1
            if line.count(quote) < 2:
                opening -= 1
                while opening >= lowest and quote not in lines[opening]:
                    opening -= 1
                if opening < lowest:
                    return start
            start = opening
        elif not line or line.startswith("#") or (_is_code(lines[start - 1]) and not PRINTED.match(lines[start - 1])):
            start -= 1
        else:
            break
    while start < index and not lines[start].strip():
        start += 1
    return start


def _is_code(line: str) -> bool:
    """Code beyond doubt: an import, or brackets of a call. Settings such as `NAME=1` or `name: 1` are not."""
    return bool(IMPORT.match(line) or re.match(r"\s*[\w.\"',\[\]]*\(.*[),:]\s*$|[ \t]+(?:return|def|if|for)\b", line))


def _end(lines: list[str], index: int) -> int:
    in_text = False  # of a triple-quoted string
    after_main = False
    for at in range(index, len(lines)):
        line = lines[at]
        if '"""' in line or "'''" in line:
            in_text ^= (line.count('"""') + line.count("'''")) % 2 == 1
        head = line[:1]
        if head in (" ", "\t", "#", "", "\r"):
            continue
        if head == "=" and RULE.match(line):
            if _rule_ends(lines, at, in_text):
                return at
        elif in_text:
            continue
        elif head == "i" and MAIN.match(line):
            after_main = True
        elif (after_main and not CODE.match(line)) or PRINTED.match(line):
            return at
    return len(lines)


def _rule_ends(lines: list[str], at: int, in_text: bool) -> bool:
    """Whether a rule of "=" ends the source: not inside a docstring or between comments, where code goes on after it."""
    following = next((line for line in lines[at + 1 : at + 4] if line.strip()), "")
    if in_text:
        return bool(PRINTED.match(following))
    return not following or bool(PRINTED.match(following)) or not CODE.match(following)
