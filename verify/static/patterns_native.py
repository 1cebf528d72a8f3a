"""What the rules about the score look for in C and C++: joint hashes, shares of bytes that are mixed, gates on the target.

A function's body is cut into statements of bounded length, and each is looked at alone, so that no text costs more than its size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from verify.static.patterns_c import Native, NativeFunction

STATEMENTS_MAX = 5_000
CANDIDATES_MAX = 40  # of a function: hashes, divisions, flags; each is looked for in all of its statements
CHARACTERS_MAX = 1_000  # of one statement
WORD = re.compile(r"[A-Za-z_]\w*")
CUT = re.compile(r"[;{}]")
ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)")
LAST_WORD = re.compile(r"([A-Za-z_]\w*)\W*$")
LENGTHS = re.compile(r"len|byte|(?:^|_)nb(?:$|_)|size")
TYPES = {"double", "float", "int", "size_t", "long"}
TOTALS = re.compile(r"total|sum|all|count")
LIKELIHOODS = re.compile(r"nll|logp|lp|loss|prob")
LOOKUP = re.compile(r"^([A-Za-z_]\w*)\s*\[\s*([A-Za-z_]\w*)\s*\]$")
CAST = re.compile(r"^\(?\s*(?:const\s+)?\w+\s*\*?\s*\)?\s*\(?")
INDEX = re.compile(r"\[\s*([A-Za-z_]\w*)\s*[\]+-]")
PREFIXES = re.compile(r"^(?:prev|last|past|ctx|context|hist|history|before)", re.I)
UPDATES = re.compile(r"update|learn|push|add|insert|count|observe", re.I)


@dataclass(slots=True)
class Statement:
    """A piece of a body between `;`, `{` and `}`. depth: open braces before it."""

    offset: int
    text: str
    words: frozenset[str]
    depth: int
    opens: bool  # ends with "{": a condition, a loop

    def assigned(self) -> tuple[str, str] | None:
        """The name that is set, and what to."""
        match = ASSIGNED.search(self.text)
        return (match.group(1), self.text[match.end() :].strip()) if match else None


def statements(function: NativeFunction) -> list[Statement]:
    found: list[Statement] = []
    start = depth = 0
    for cut in CUT.finditer(function.body + ";"):
        text = function.body[start : min(cut.start(), start + CHARACTERS_MAX)]
        if text.strip():
            offset = start + len(text) - len(text.lstrip())
            found.append(Statement(offset, text.strip(), frozenset(WORD.findall(text)), depth, cut.group() == "{"))
            if len(found) == STATEMENTS_MAX:
                break
        depth += {"{": 1, "}": -1, ";": 0}[cut.group()]
        start = cut.end()
    return found


def native_joint(native: Native) -> Iterator[tuple[NativeFunction, int, int]]:
    """A hash of context and target that indexes a table, in a function that divides what it reads: offsets of hash and ratio."""
    if "^" not in native.text:
        return
    for function in native.functions():
        body = statements(function)
        joints = [(joint, names) for joint in body if "^" in joint.text and (names := _joint(joint)) is not None]
        for joint, names in joints[:CANDIDATES_MAX]:
            if not _is_key_alone(body, joint, names[1]):
                continue
            ratio = _ratio(body, joint, names[0])
            if ratio is not None:
                yield function, joint.offset, ratio
                break


def _joint(statement: Statement) -> tuple[str, str] | None:
    """(joint, context) of `joint = ... context ^ (target * prime) ...`."""
    left, caret, right = statement.text.partition("^")
    assigned = ASSIGNED.search(left)
    context = LAST_WORD.search(left)
    if not caret or "*" not in right or assigned is None or context is None or context.start() < assigned.end():
        return None
    return (assigned.group(1), context.group(1)) if assigned.group(1) != context.group(1) else None


def _is_key_alone(body: list[Statement], joint: Statement, context: str) -> bool:
    """Whether the context's hash is an index by itself: masked, or given to a function."""
    for statement in body:
        if statement is joint or context not in statement.words:
            continue
        assigned = statement.assigned()
        if (
            assigned is not None
            and assigned[0] != context
            and ("&" in assigned[1] or "%" in assigned[1] or "(" in assigned[1])
        ):
            return True
    return False


def _ratio(body: list[Statement], joint: Statement, name: str) -> int | None:
    """Where a count that is read by the joint hash is divided."""
    keys: set[str] = {name}
    counts: set[str] = set()
    for statement in body:
        if statement.offset <= joint.offset:
            continue
        assigned = statement.assigned()
        reads = "[" in statement.text and not keys.isdisjoint(WORD.findall(statement.text.partition("[")[2]))
        if ("/" in statement.text) and (reads or not counts.isdisjoint(statement.words)):
            return statement.offset
        if assigned is not None and reads:
            counts.add(assigned[0])
        elif (
            assigned is not None
            and not keys.isdisjoint(WORD.findall(assigned[1]))
            and ("&" in assigned[1] or "%" in assigned[1])
        ):
            keys.add(assigned[0])
    return None


def byte_mixture(native: Native) -> Iterator[tuple[NativeFunction, int, NativeFunction, int]]:
    """A token's log-likelihood divided by its length in bytes, in a source that mixes likelihoods: (function, offset) of each."""
    if "/" not in native.text or "exp" not in native.text:
        return
    bodies = [(function, statements(function)) for function in native.functions()]
    mixed = next(((function, s.offset) for function, body in bodies for s in body if _mixes(s)), None)
    if mixed is None:
        return
    for function, body in bodies:
        for statement, divisor in [(s, name) for s in body if (name := _share(s))][:CANDIDATES_MAX]:
            if _is_length(divisor, body):
                yield function, statement.offset, *mixed
                return


def _mixes(statement: Statement) -> bool:
    """`log(exp(a) + exp(b))`, `log1p(exp(...))`, `(1 - weight) * ...`."""
    text = statement.text
    if "log1p" in text and "exp" in text:
        return True
    if "log" in text and text.count("exp") >= 2 and "+" in text:
        return True
    return "exp" in text and "*" in text and re.search(r"1(?:\.0?f?)?\s*-\s*[A-Za-z_]\w*\s*\)\s*\*", text) is not None


def _share(statement: Statement) -> str:
    """What a likelihood is divided by, where a statement does that; empty where it does not, or makes an average."""
    assigned = statement.assigned() if "/" in statement.text else None
    if assigned is None:
        return ""
    above, _, below = assigned[1].partition("/")
    words = WORD.findall(above)
    divisor = next((word for word in WORD.findall(below) if word not in TYPES), "")
    if not any(LIKELIHOODS.search(word) for word in words) or any(TOTALS.search(word) for word in (*words, divisor)):
        return ""
    return divisor


def _is_length(name: str, body: list[Statement]) -> bool:
    """Whether a name holds the length of one token: set from a length, and not a running total."""
    grows = re.compile(rf"\b{re.escape(name)}\s*(?:\+\+|\+=)|\+\+\s*{re.escape(name)}\b")
    is_length = LENGTHS.search(name) is not None
    for statement in body:
        if name in statement.words:
            if grows.search(statement.text):
                return False
            known = statement.assigned()
            is_length |= known is not None and known[0] == name and LENGTHS.search(known[1]) is not None
    return is_length


def target_gates(native: Native) -> Iterator[tuple[NativeFunction, int, int]]:
    """A hint that is given or withheld by a property of the token being scored: (function, offset of flag, offset of gate).

    In a loop over positions, `flag = table[token]` with `token = tokens[i]`, and before the token itself is handed to an
    update, a condition on the flag (or a call that is given the flag and not the token).
    """
    if "for" not in native.text:
        return
    for function in native.functions():
        body = statements(function)
        looked_up = {statement.offset: found for statement in body if (found := _lookup(statement))}
        gate = _target_gate(body, looked_up)
        if gate is not None:
            yield function, *gate


def _lookup(statement: Statement) -> tuple[str, str, str] | None:
    """(name, table, index) of `name = table[index]`, a cast or a null check (`table && table[index]`) left out."""
    assigned = statement.assigned()
    if assigned is None or "[" not in assigned[1]:
        return None
    value = assigned[1].rpartition("&&")[2].strip()
    for _ in range(3):
        match = LOOKUP.match(value)
        if match:
            return assigned[0], match.group(1), match.group(2)
        value = CAST.sub("", value, count=1).strip()
        value = value[:-1].strip() if value.endswith(")") else value
    return None


def _target_gate(body: list[Statement], looked_up: dict[int, tuple[str, str, str]]) -> tuple[int, int] | None:
    loops = {word for statement in body if statement.text.startswith("for") for word in statement.words}
    tokens: dict[str, str] = {}  # token -> the loop's variable
    by_name = {name: index for name, _, index in looked_up.values()}
    indices = {word for statement in body for word in INDEX.findall(statement.text)}
    flags = 0
    for at, statement in enumerate(body):
        found = looked_up.get(statement.offset)
        if found is None or flags == CANDIDATES_MAX or statement.text.startswith("for"):
            continue
        name, _, index = found
        position = index if index in loops else by_name.get(index, "")
        if index in tokens and name not in indices and "tok" not in name:
            flags += 1
            gate = _gate(body[at + 1 :], name, index, tokens[index])
            if gate is not None:
                return statement.offset, gate
        elif position in loops and name in indices and not PREFIXES.search(name):
            tokens[name] = position
    return None


def _gate(body: list[Statement], flag: str, token: str, position: str) -> int | None:
    """Where the flag decides, before the token is handed to an update."""
    condition: Statement | None = None
    for statement in body:
        if condition is not None:
            if statement.depth <= condition.depth or token in statement.words:
                condition = None
            elif _writes(statement, position):
                return condition.offset
        if flag not in statement.words:
            continue
        if statement.opens and re.match(r"(?:else\s+)?if\b", statement.text):
            condition = statement
        elif token not in statement.words and statement.text.endswith(")"):
            called = WORD.match(statement.text)
            if called and not UPDATES.search(called.group()) and called.group() not in ("if", "for", "while", "return"):
                return statement.offset
    return None


def _writes(statement: Statement, position: str) -> bool:
    """`hints[i] = ...`: something is written for the position that is scored."""
    match = re.search(r"\[\s*([A-Za-z_]\w*)\s*\]\s*=(?!=)", statement.text)
    return match is not None and match.group(1) == position
