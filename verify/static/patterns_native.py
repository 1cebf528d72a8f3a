"""What the rules about the score look for in C and C++: shares of bytes that are mixed, and gates on the scored token."""

import re
from collections.abc import Iterator

from verify.static.patterns_c import Native, NativeFunction

IDENTIFIER = r"[A-Za-z_]\w*"
CAST = r"(?:\(\s*(?:double|float|size_t|int|long double)\s*\)\s*)?"
SHARE = re.compile(
    rf"=\s*-?\s*{CAST}(\w*(?:nll|logp|lp|loss)\w*)\s*(?:\[[^\]]*\])?\s*/\s*{CAST}\(?\s*{CAST}({IDENTIFIER})\b"
)
LENGTH = r"\b{name}\s*=\s*[^;]*(?:len|bytes|offs|strlen|size)[^;]*;"
MIX = re.compile(
    r"\blog[f]?\s*\([^;]*\bexp[f]?\s*\([^;]*\+[^;]*\bexp[f]?\s*\(|\blog1p[f]?\s*\(\s*exp|(?:1(?:\.0?f?)?\s*-\s*(?:lam|alpha|w)\w*)\s*\)\s*\*"
)


def byte_mixture(native: Native) -> Iterator[tuple[NativeFunction, int, NativeFunction, int]]:
    """A token's log-likelihood divided by its length in bytes, in a source that mixes likelihoods: (function, offset) of each."""
    if not SHARE.search(native.text):
        return
    functions = native.functions()
    mixed = next(((function, match) for function in functions for match in [MIX.search(function.body)] if match), None)
    if mixed is None:
        return
    for function in functions:
        for share in SHARE.finditer(function.body):
            name = re.escape(share.group(2))
            if re.search(rf"\b{name}\s*(?:\+\+|\+=)|(?:\+\+|--)\s*{name}\b", function.body):
                continue  # a running total, so an average
            if re.search(LENGTH.format(name=name), function.body) or re.search(r"len|byte|nb", name):
                if re.search("total|sum|all", name):
                    continue
                yield function, share.start(), mixed[0], mixed[1].start()
                return


LOOKUP = re.compile(rf"\b({IDENTIFIER})\s*=\s*(?:{IDENTIFIER}\s*&&\s*)?({IDENTIFIER})\s*\[\s*({IDENTIFIER})\s*\]\s*;")
TOKEN = r"\b{name}\s*=\s*(?:\(?\s*{identifier}\s*\)?\s*\(?)?\s*({identifier})\s*\[\s*({identifier})\s*\]\s*\)?\s*;"
PREFIXES = re.compile(r"^(?:prev|last|past|ctx|context|hist|history)", re.I)


def target_gates(native: Native) -> Iterator[tuple[NativeFunction, int, int]]:
    """A hint that is given or withheld by a property of the token being scored: (function, offset of flag, offset of gate).

    In a loop over positions, `flag = table[token]` with `token = tokens[i]`, and before the token itself is handed to an
    update, a condition on the flag (or a call that is given the flag and not the token).
    """
    for function in native.functions():
        body = function.body
        for flag in LOOKUP.finditer(body):
            name, _, token = flag.groups()
            scored = re.search(TOKEN.format(name=re.escape(token), identifier=IDENTIFIER), body[: flag.start()])
            if scored is None or PREFIXES.search(token):
                continue
            position = _loop_variable(body, scored.group(2))
            if position is None:
                continue
            gate = _gate(body, name, token, position, flag.end())
            if gate is not None:
                yield function, flag.start(), gate
                break


def _loop_variable(body: str, position: str) -> str | None:
    """The loop's variable that a position is, or is looked up by: `p` of `for p`, `i` of `p = positions[i]`."""
    if re.search(rf"\bfor\s*\([^)]*\b{re.escape(position)}\b", body):
        return position
    alias = re.search(rf"\b{re.escape(position)}\s*=\s*{IDENTIFIER}\s*\[\s*({IDENTIFIER})\s*\]\s*;", body)
    if alias and re.search(rf"\bfor\s*\([^)]*\b{re.escape(alias.group(1))}\b", body):
        return alias.group(1)
    return None


def _gate(body: str, flag: str, token: str, position: str, start: int) -> int | None:
    condition = re.compile(rf"\bif\s*\([^{{;]*\b{re.escape(flag)}\b[^{{;]*\)\s*\{{")
    for match in condition.finditer(body, start):
        block = _block(body, match.end())
        writes = re.search(rf"\[\s*{re.escape(position)}\s*\]\s*=[^=]", block)
        if writes and not re.search(rf"\b{re.escape(token)}\b", block[: writes.start()]):
            return match.start()
    call = re.compile(rf"\b({IDENTIFIER})\s*\(([^;{{}}]*\b{re.escape(flag)}\b[^;{{}}]*)\)\s*;")
    for match in call.finditer(body, start):
        if not re.search(rf"\b{re.escape(token)}\b", match.group(2)) and match.group(1) not in {"if", "for", "while"}:
            return match.start()
    return None


def _block(body: str, start: int) -> str:
    depth = 1
    for match in re.finditer(r"[{}]", body[start : start + 20_000]):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return body[start : start + match.start()]
    return body[start : start + 20_000]
